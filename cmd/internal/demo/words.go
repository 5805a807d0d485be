package demo

import (
	"fmt"
	"time"

	"sottovoce/cmd/internal/tui/words"
)

// catalogue is all that the demo says in one language.
type catalogue struct {
	Language        string
	Shelf, Aside    string // above the supernode's column, and before what it sees where there is none
	Keys            string // what goes on, what ends
	Months          [12]string
	DayOf           string // day, month, year
	And             string // between the last two of a list
	Missing, Leaked string
	Acts            map[string]string // titles
	Steps           map[string]step
	Texts           texts
}

// step is something that is observed.
type step struct {
	Wants string // what did not happen, if it did not
	Says  string // what is told once it was seen
}

// texts are what people write.
type texts struct{ Nearby, Away, Answer, Without string }

// speaks is the catalogue that fits best to an environment.
func speaks(getenv func(string) string) *catalogue {
	if words.For(getenv).Language == italian.Language {
		return &italian
	}
	return &english
}

// day is the date of a day since the Unix epoch.
func (c *catalogue) day(unix uint16) string {
	t := time.Unix(int64(unix)*24*60*60, 0).UTC()
	return fmt.Sprintf(c.DayOf, t.Day(), c.Months[t.Month()-1], t.Year())
}

// list names several.
func (c *catalogue) list(all []string) string {
	text := ""
	for i, one := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			text += " " + c.And + " "
		default:
			text += ", "
		}
		text += one
	}
	return text
}
