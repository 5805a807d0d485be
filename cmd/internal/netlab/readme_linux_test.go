package netlab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme does what README.md says on two hosts without internet, by hand: clone, make run, give a name, find each
// other, become contacts, talk. The Go build and module caches of this machine stand in for the downloads.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Fatal("needs make")
	}
	lan := New(t, IPv4|ULA)
	anna, bert := newcomer(t, lan.Host("anna"), "Anna"), newcomer(t, lan.Host("bert"), "Bert")
	anna.until("Bert is here")
	anna.Type("/add Bert")
	bert.until("Anna would like to become a contact")
	bert.Type("/accept Anna")
	anna.until("Bert is a contact now")
	bert.until("Anna is a contact now")
	anna.Type("/to Bert")
	anna.Type("is this thing private?")
	anna.until("delivered to Bert")
	bert.until("Anna: is this thing private?")
	bert.Type("/to Anna")
	bert.Type("it is. Lunch?")
	anna.until("Bert: it is. Lunch?")
	for _, p := range []*atTerminal{anna, bert} {
		p.Type("/quit")
		p.until("Goodbye.")
		<-p.Done()
	}
}

// atTerminal is a person before the chat.
type atTerminal struct {
	*Terminal
	host *Host
}

// newcomer clones the repository on a host and opens the chat under a name.
func newcomer(t *testing.T, h *Host, name string) *atTerminal {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"GOMODCACHE", "GOCACHE"} {
		value, err := exec.Command("go", "env", key).Output()
		if err != nil {
			t.Fatal(err)
		}
		h.Env = append(h.Env, key+"="+strings.TrimSpace(string(value)))
	}
	// The clone may belong to somebody else, as it does in containers.
	h.Env = append(h.Env, "TERM=xterm", "GOPROXY=off", "GOTOOLCHAIN=local", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	if got := h.Run(t.Context(), "git", "clone", "-q", root, "sottovoce"); got.Code != 0 {
		t.Fatalf("git clone: %+v", got)
	}
	if _, err := os.Stat(filepath.Join(h.Home, "sottovoce", "Makefile")); err != nil {
		t.Fatal(err)
	}
	p := &atTerminal{Terminal: h.Terminal("make", "-C", "sottovoce", "run"), host: h}
	p.until("Your name:")
	p.Type(name)
	p.until("1, 2 or 3")
	p.Type("") // everyone
	return p
}

// escape is what a terminal takes for colours and the cursor.
var escape = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// until waits for a text on the screen.
func (p *atTerminal) until(text string) {
	p.host.lan.t.Helper()
	(&someone{Host: p.host, t: p.host.lan.t.(*testing.T)}).within(2*arriveTime, text, func() error {
		if screen := escape.ReplaceAllString(p.Output(), ""); !strings.Contains(screen, text) {
			return fmt.Errorf("the screen shows %q", screen)
		}
		return nil
	})
}
