package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sottovoce/cmd/internal/control/controltest"
)

// TestCandidates completes command lines with a fake node at hand.
func TestCandidates(t *testing.T) {
	root := newParser(&grammar{})
	node := controltest.New("Anna")
	bert := node.Befriend(node.Meet("Bert").ID)
	one, two := node.Befriend(node.Meet("Twin").ID), node.Befriend(node.Meet("twin").ID)
	odd := node.Befriend(node.Meet("--json").ID)
	near, asks := node.Meet("Near"), node.Meet("Asks")
	node.Ask(asks.ID)
	contacts := []string{bert.Name, odd.ID, one.ID, two.ID}
	states := []string{"delivered", "held", "queued", "read"}
	for line, want := range map[string][]string{
		"send ":                 contacts,
		"--json send ":          contacts,
		"send --timeout 3s ":    contacts,
		"send --timeout=3s ":    contacts,
		"send -- ":              contacts,
		"log -n 3 ":             contacts,
		"search x --in ":        contacts,
		"add ":                  append(contacts, asks.Name, near.Name),
		"accept ":               {asks.Name},
		"decline ":              {asks.Name},
		"accept Asks ":          {},
		"send Bert --wait ":     states,
		"send Bert --wait=":     states,
		"send Bert --wait = ":   states, // as bash splits it
		"send Bert -- --":       {},
		"completion ":           {"bash", "fish", "zsh"},
		"--home ":               {files},
		"backup ":               {files},
		"--home=":               {files},
		"me --n":                {"--name"},
		"send Bert --nonsense ": {},
		"events --since ":       {},
	} {
		at := read(root, strings.Split(line, " "))
		got := []string{}
		for _, c := range at.candidates(t.Context(), node) {
			if c.word == files || strings.HasPrefix(c.word, at.last) {
				got = append(got, c.word)
			}
		}
		slices.Sort(got)
		want = slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			t.Errorf("%q can be followed by %q, not %q", line, got, want)
		}
	}
	if at := read(root, []string{"--home", "/h", "send", "B"}); at.home != "/h" || at.last != "B" || at.command.Name != "send" {
		t.Errorf("read as %+v", at)
	}
}

// TestCommandsAreCandidates completes nothing to all commands, and only those that are shown.
func TestCommandsAreCandidates(t *testing.T) {
	_, stdout, stderr := runOnce(t, "complete", "--", "")
	var got []string
	for line := range strings.Lines(stdout) {
		word, means, _ := strings.Cut(line, "\t")
		if got = append(got, word); strings.TrimSpace(means) == "" {
			t.Errorf("%s is not explained", word)
		}
	}
	var want []string
	for _, command := range commandNames(t) {
		want = append(want, strings.Fields(command)[0])
	}
	if want = slices.Compact(want); !slices.Equal(got, want) || stderr != "" {
		t.Errorf("the candidates are %q, not %q; %s", got, want, stderr)
	}
	for _, line := range []string{"complete", "complete -- --help", "complete -- complete -- x", "complete -- send Bert"} {
		if code, _, stderr := runOnce(t, strings.Fields(line)...); code != 0 || stderr != "" {
			t.Errorf("%s ends with %d %s", line, code, stderr)
		}
	}
}

func commandNames(t *testing.T) (names []string) {
	t.Helper()
	for _, node := range newParser(&grammar{}).Leaves() {
		names = append(names, node.Path())
	}
	return names
}

// needs is a command of scripts: it fails in CI when one of these programs is missing.
func needs(ts *testscript.TestScript, _ bool, programs []string) {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") == "true" {
			ts.Fatalf("%v", err)
		}
	}
}

// TestManual wants every command and flag on the manual page, and no line that roff would take for a request.
func TestManual(t *testing.T) {
	root := newParser(&grammar{})
	page := manual(root, "1.2.3")
	for _, node := range root.Leaves() {
		if !strings.Contains(page, "\n.SS \""+strings.ReplaceAll(node.Path(), "-", `\-`)+"\"\n") || !strings.Contains(page, "\nsottovoce "+node.Path()) &&
			!strings.Contains(page, "    sottovoce "+strings.ReplaceAll(node.Path(), "-", `\-`)) {
			t.Errorf("the page has no %s, or no example of it", node.Path())
		}
		for _, flag := range node.Flags {
			if !strings.Contains(page, `\-\-`+strings.ReplaceAll(flag.Name, "-", `\-`)) {
				t.Errorf("the page has no --%s", flag.Name)
			}
		}
	}
	for line := range strings.Lines(page) {
		request, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(request, ".") && !slices.Contains([]string{".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi"}, request) ||
			strings.HasPrefix(request, "'") {
			t.Errorf("roff reads a request in %q", line)
		}
	}
	if got := escape(".\\-'"); got != `\&.\e\-\(aq` {
		t.Errorf("escaped, it is %s", got)
	}
}

// TestPageHasCommands wants a section of docs/cli.md for every command; one may be about several: ## block, unblock.
func TestPageHasCommands(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for line := range strings.Lines(string(page)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			sections = append(sections, strings.Split(strings.TrimSpace(heading), ", ")...)
		}
	}
	for _, name := range commandNames(t) {
		if !slices.Contains(sections, name) {
			t.Errorf("docs/cli.md has no section %q", name)
		}
	}
}

// FuzzComplete completes anything: it neither panics nor offers what a terminal would obey.
func FuzzComplete(f *testing.F) {
	for _, line := range []string{"send B", "--home=/x send --wait= ", "-- send", "send Bob -- --w", "-n=", "= = =", "--home --json", "me --n", "-"} {
		f.Add(line)
	}
	root := newParser(&grammar{})
	node := controltest.New("Anna")
	node.Befriend(node.Meet("Bob").ID)
	node.Ask(node.Meet("Eve\x1b[31m").ID)
	f.Fuzz(func(t *testing.T, line string) {
		for _, c := range read(root, strings.Split(line, " ")).candidates(t.Context(), node) {
			if c.word == "" || oneLine(c.word) != c.word {
				t.Errorf("%q may become %q", line, c.word)
			}
		}
	})
}
