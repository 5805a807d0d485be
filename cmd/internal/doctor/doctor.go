// Package doctor says why people on a network do not find or reach each other: from facts about this machine, its
// network and what contacts see of it, it makes findings in plain words, each with a reason and a remedy.
//
// It is pure. Gathering the facts is the daemon's, showing the findings the faces'.
package doctor

import (
	"strings"

	"sottovoce/cmd/internal/control"
)

// Cause is one thing that the doctor can find. Words in capitals stand for what differs from case to case.
type Cause struct {
	Check, Name   string
	Verdict       control.Verdict
	Says, Why, Do string
}

// Causes returns all there are, in the order of the checks.
func Causes() []Cause { return causes }

// found makes the finding of a cause; pairs are the words in capitals and what they stand for.
func found(check, name, on string, pairs ...string) control.Finding {
	for _, c := range causes {
		if c.Check == check && c.Name == name {
			fill := strings.NewReplacer(pairs...).Replace
			return control.Finding{Check: check, Cause: name, Verdict: c.Verdict, On: on, Says: fill(c.Says), Why: fill(c.Why), Do: fill(c.Do)}
		}
	}
	panic("doctor: there is no cause " + check + " " + name)
}

// and joins names as a sentence has them.
func and(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// some is and for lists that may be long.
func some(names []string) string {
	const most = 6
	if len(names) > most {
		names = append(names[:most:most], "others")
	}
	return and(names)
}
