package cli

import (
	"strconv"
	"strings"

	"sottovoce/cmd/internal/control"
)

// quotas are what an operator allows, as the flags say it.
type quotas struct {
	all control.Quota
	of  map[string]control.Quota // by the names of communities
}

// quotas reads what the communities are allowed.
func (u *supernodeUpCommand) quotas() (q quotas, err error) {
	q.of = make(map[string]control.Quota)
	for _, one := range []struct {
		flag   string
		values []string
		set    func(to *control.Quota, value string) (err error)
	}{
		{"disk", u.Disk, func(to *control.Quota, v string) (err error) { to.Disk, err = atLeastOne(parseSize(v)); return err }},
		{"bandwidth", u.Bandwidth, func(to *control.Quota, v string) (err error) {
			to.Bandwidth, err = atLeastOne(parseSize(v))
			return err
		}},
		{"days", u.Days, func(to *control.Quota, v string) (err error) { to.Days, err = atLeastOne(number(v)); return err }},
		{"tokens", u.Tokens, func(to *control.Quota, v string) (err error) {
			to.Tokens, err = atLeastOne(number(v))
			return err
		}},
	} {
		for _, text := range one.values {
			if err := q.take(text, one.set); err != nil {
				return quotas{}, control.Errorf(control.CodeUsage, "--%s %s: %v", one.flag, text, err)
			}
		}
	}
	return q, nil
}

// take sets one value, of all communities or of the one that is named before it.
func (q *quotas) take(text string, set func(to *control.Quota, value string) error) error {
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return set(&q.all, text)
	}
	of := q.of[text[:at]]
	if err := set(&of, text[at+1:]); err != nil {
		return err
	}
	q.of[text[:at]] = of
	return nil
}

func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, control.Errorf(control.CodeUsage, "that is no number such as 30")
	}
	return n, nil
}

// atLeastOne is n, if it was a number and is one that allows anything.
func atLeastOne[N int | int64](n N, err error) (N, error) {
	if err == nil && n < 1 {
		return 0, control.Errorf(control.CodeUsage, "that would allow nothing")
	}
	return n, err
}
