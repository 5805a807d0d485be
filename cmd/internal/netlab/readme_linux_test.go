package netlab

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/mesh/needtest"
)

// TestReadme does what README.md says on two hosts without internet, by hand: clone, make run, give a name, find each
// other, become contacts, talk. The Go build and module caches of this machine stand in for the downloads.
func TestReadme(t *testing.T) {
	t.Parallel()
	needtest.Programs(t, "make", "tmux")
	lan := New(t, IPv4|ULA)
	anna, bert := newcomer(t, lan.Host("anna"), "Anna"), newcomer(t, lan.Host("bert"), "Bert")
	anna.until("near you", "● Bert")
	anna.Press("Down")
	anna.until("become contacts first", "Press Enter to ask Bert.")
	anna.Press("Enter")
	bert.until("they ask you", "Anna")
	bert.Press("M-a")
	bert.until("Anna would like to become your")
	bert.Press("Enter")
	bert.until("Accept")
	bert.Press("Enter")
	anna.until("Nothing was said yet")
	anna.Type("is this thing private?")
	anna.Press("Enter")
	anna.until("is this thing private?", "delivered")
	bert.until("Anna  ", "is this thing private?")
	bert.Type("it is. Lunch?")
	bert.Press("Enter")
	anna.until("Bert  ", "it is. Lunch?")
	anna.Resize(46, 12) // the list goes, the conversation stays
	anna.until("it is. Lunch?", "▸")
	for _, p := range []*newcomers{anna, bert} {
		p.Press("C-q")
		(&someone{Host: p.host, t: t}).within(arriveTime, "end", func() error {
			if text, err := p.Text(); err == nil && strings.Contains(text, "▸") {
				return fmt.Errorf("the face is still there:\n%s", text)
			}
			return nil
		})
	}
}

// newcomers are before a terminal for the first time.
type newcomers struct{ *Screen }

// newcomer clones the repository on a host and goes through the first minute under a name.
func newcomer(t *testing.T, h *Host, name string) *newcomers {
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
	h.Env = append(h.Env, "GOPROXY=off", "GOTOOLCHAIN=local", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	if got := h.Run(t.Context(), "git", "clone", "-q", root, "sottovoce"); got.Code != 0 {
		t.Fatalf("git clone: %+v", got)
	}
	p := &newcomers{h.Screen(80, 24, "make -C sottovoce run")}
	p.until("What should the others call you?", "Your name:")
	p.Type(name)
	p.Press("Enter")
	p.until("Who may see that you are here?", "▸ everyone here sees you")
	p.Press("Enter")
	p.until("A passphrase, if you like")
	p.Press("Enter")
	p.until(name + "  ·  everyone here sees you")
	return p
}

// until waits until the screen shows all of these.
func (p *newcomers) until(texts ...string) {
	p.host.lan.t.Helper()
	(&someone{Host: p.host, t: p.host.lan.t.(*testing.T)}).within(2*arriveTime, strings.Join(texts, ", "), func() error {
		screen, err := p.Text()
		if err != nil {
			return err
		}
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return fmt.Errorf("the screen shows\n%s", screen)
			}
		}
		return nil
	})
}
