package cli

import (
	"fmt"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

// supernodeRows are the words for what a supernode does.
func (c *call) supernodeRows(s control.SupernodeStatus) [][]string {
	rows := [][]string{{"supernode", shortID(s.ID)}}
	if s.Running {
		rows = append(rows, []string{"running", fmt.Sprintf("for %v, version %s, process %d", c.now().Sub(s.Started).Round(time.Second), s.Version, s.PID)})
	} else {
		rows = append(rows, []string{"running", "no; nobody is served"})
	}
	for _, one := range s.Communities {
		rows = append(rows, []string{"community", fmt.Sprintf("%s  %s, %d messages on %s, %s", oneLine(one.Name), members(one.Members), one.Blobs, size(one.Disk), supernodes(one.Supernodes))})
	}
	rows = append(rows, quotaRows(s)...)
	rows = append(rows, c.fellowRows(s)...)
	if s.Cut > 0 {
		rows = append(rows, []string{"cut off", fmt.Sprintf("%d bytes that were being written when it was stopped last; nobody was told that they are kept", s.Cut)})
	}
	keeps := fmt.Sprintf("%d messages on %s", s.Blobs, size(s.Disk))
	if !s.Running {
		rows = append(rows, []string{"keeps", keeps + "; the disk has " + size(s.DiskFree) + " left"})
		return append(rows, noticeRows(s.Notices)...)
	}
	rows = append(rows,
		[]string{"keeps", keeps + " of " + size(s.DiskMax) + "; the disk has " + size(s.DiskFree) + " left"},
		[]string{"for", fmt.Sprintf("%d days at most", s.Days)},
	)
	rows = append(rows, []string{"links", fmt.Sprintf("%d connected", s.Links)}, []string{"refused", refusedWords(s.Refused)}, []string{"clock", clockWord(s)},
		[]string{"memory", fmt.Sprintf("%.1f MB", float64(s.Memory)/1e6)})
	for _, address := range s.Listen {
		rows = append(rows, []string{"address", address})
	}
	for _, address := range s.Advertised {
		rows = append(rows, []string{"advertised", address})
	}
	return append(rows, noticeRows(s.Notices)...)
}

// quotaRows are the words for what each community may have, and has had, while the supernode runs.
func quotaRows(s control.SupernodeStatus) (rows [][]string) {
	for _, one := range s.Communities {
		if !s.Running {
			continue
		}
		words := []string{size(one.Room) + " more"}
		if one.Allowed.Disk > 0 {
			words[0] += " of " + size(one.Allowed.Disk)
		}
		words = append(words, fmt.Sprintf("%d days", one.Allowed.Days), fmt.Sprintf("%d tokens a day for each member", one.Allowed.Tokens))
		if one.Allowed.Bandwidth > 0 {
			words = append(words, fmt.Sprintf("%d kB a second each way", one.Allowed.Bandwidth/1000))
		}
		rows = append(rows,
			[]string{"allowed", oneLine(one.Name) + "  " + strings.Join(words, ", ")},
			[]string{"moved", fmt.Sprintf("%s  %s came, %s left since it started", oneLine(one.Name), size(int64(one.Received)), size(int64(one.Sent)))},
		)
	}
	return rows
}

// fellowRows are the words for how it stands with the other supernodes, while this one runs.
func (c *call) fellowRows(s control.SupernodeStatus) (rows [][]string) {
	for _, one := range s.Communities {
		for _, fellow := range one.Fellows {
			words := "not reached; it must run, on a network of this one or with --advertise"
			switch {
			case !s.Running:
				continue
			case fellow.Reached && fellow.Level.IsZero():
				words = "reached"
			case fellow.Reached:
				words = fmt.Sprintf("reached; brought level %v ago", c.now().Sub(fellow.Level).Round(time.Second))
			}
			if fellow.Refused > 0 {
				words += fmt.Sprintf("; %d messages were not taken", fellow.Refused)
			}
			rows = append(rows, []string{"fellow", shortID(fellow.ID) + "  " + words})
		}
	}
	return rows
}

func noticeRows(notices []string) (rows [][]string) {
	for _, notice := range notices {
		rows = append(rows, []string{"notice", oneLine(notice)})
	}
	return rows
}

// refusedWords counts refusals by their reason.
func refusedWords(refused []control.Refusal) string {
	if len(refused) == 0 {
		return "nothing"
	}
	words := make([]string, len(refused))
	for i, r := range refused {
		words[i] = fmt.Sprintf("%d %s", r.Times, oneLine(r.Reason))
	}
	return strings.Join(words, ", ")
}

// clockWord says how far the clock is believed, and what goes by it.
func clockWord(s control.SupernodeStatus) string {
	word := clockWords[s.Clock]
	switch {
	case s.Clock != control.ClockAgreed:
		return word
	case s.Over.IsZero():
		return word + "; nothing goes until a day has passed in which no member had another day, or a clock with a battery says so"
	}
	return word + "; what had its day until " + s.Over.Format("2 Jan 2006") + " goes"
}

// clockWords say how far the clock is believed.
var clockWords = map[control.Clock]string{
	control.ClockVouched: "believed; what is past its day goes",
	control.ClockAgreed:  "agreed with members",
	control.ClockAlone:   "not agreed yet: nothing goes until the day is known from two members or from a clock with a battery",
	control.ClockDoubted: "in doubt: members have another day, and nothing goes; set the clock of this machine",
}

func members(n int) string {
	if n == 1 {
		return "1 member"
	}
	return fmt.Sprintf("%d members", n)
}

// supernodes counts them in words.
func supernodes(n int) string {
	if n == 1 {
		return "1 supernode"
	}
	return fmt.Sprintf("%d supernodes", n)
}

// persons counts them in words.
func persons(n int) string {
	if n == 1 {
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}
