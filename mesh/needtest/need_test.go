package needtest

import (
	"fmt"
	"strings"
	"testing"
)

// judged is a test that notes how it would end first, and goes on.
type judged struct {
	testing.TB
	end string
}

func (j *judged) ends(how string) {
	if j.end == "" {
		j.end = how
	}
}

func (j *judged) Helper()          {}
func (j *judged) Skip(args ...any) { j.ends("skipped: " + fmt.Sprint(args...)) }
func (j *judged) Fatalf(format string, args ...any) {
	j.ends("failed: " + fmt.Sprintf(format, args...))
}

func TestPrograms(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped: needs no-such-program", "false": "skipped: needs no-such-program", "true": "failed: needs no-such-program"} {
		t.Setenv("CI", ci)
		var j judged
		if Programs(&j, "go"); j.end != "" {
			t.Errorf("CI=%s, with all there is: %s", ci, j.end)
		}
		if Programs(&j, "go", "no-such-program"); !strings.HasPrefix(j.end, want) {
			t.Errorf("CI=%s: %s", ci, j.end)
		}
	}
}
