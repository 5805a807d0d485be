package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/goldentest"
)

// runOnce runs a command line without surroundings.
func runOnce(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := fakeProgram()
	p.Stdin, p.Stdout, p.Stderr = strings.NewReader(""), &out, &errs
	code = Run(t.Context(), append([]string{"--home", filepath.Join(t.TempDir(), "h")}, args...), p)
	return code, out.String(), errs.String()
}

// TestHelp compares the help with what was read and found good; every command has an example.
func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	var all strings.Builder
	for _, command := range append([]string{""}, commandNames(t)...) {
		code, stdout, stderr := runOnce(t, strings.Fields(command+" --help")...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "\n    sottovoce "+command) && command != "" || !strings.Contains(stdout, "Example") {
			t.Errorf("the help of %q has no example, or ends with %d %s", command, code, stderr)
		}
		if _, short, _ := runOnce(t, strings.Fields(command+" -h")...); short != stdout {
			t.Errorf("-h of %q says something else", command)
		}
		all.WriteString("$ sottovoce " + command + " --help\n" + stdout + "\n")
	}
	goldentest.File(t, "help.txt", all.String())
}

// TestEveryCommandIsThere holds the grammar against the commands that were agreed.
func TestEveryCommandIsThere(t *testing.T) {
	want := "init up down status me nearby add invite requests accept decline contacts introduce remove rename block unblock verify reset send reply edit delete react log read info why search events backup restore export diagnostics doctor visibility local-only retention passphrase " +
		"community join community list community leave supernode init supernode up supernode invite supernode status supernode members supernode revoke supernode export supernode import demo version completion man"
	if got := commandNames(t); strings.Join(got, " ") != want {
		t.Errorf("the commands are %v", got)
	}
}

func TestTooLong(t *testing.T) {
	text := strings.Repeat("x", control.TextMax)
	c := &call{Program: &Program{Stdin: strings.NewReader(text + "\r\n")}}
	if got, err := c.text(nil); err != nil || got != text {
		t.Errorf("the longest text became %d bytes, %v", len(got), err)
	}
	c.Stdin = strings.NewReader(text + "xyz")
	_, err := c.text(nil)
	if e := control.AsError(err); e == nil || e.Code != control.CodeTooLong || !strings.Contains(e.Message, "60000 bytes") {
		t.Errorf("a longer one says %v", err)
	}
	c.Stdin = strings.NewReader("\xff")
	if _, err := c.text(nil); control.AsError(err).ExitCode() != 2 {
		t.Errorf("what is not UTF-8 says %v", err)
	}
}

func TestLogSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for since, want := range map[string]control.LogQuery{
		"":                     {N: 3},
		"msg-abc":              {N: 3, After: "msg-abc"},
		"90m":                  {N: 3, Since: now.Add(-90 * time.Minute)},
		"2026-11-22T10:00:00Z": {N: 3, Since: now.Add(-2 * time.Hour)},
	} {
		got, err := (&logCommand{N: 3, Since: since}).query(now)
		if err != nil || got.N != 3 || got.After != want.After || !got.Since.Equal(want.Since) {
			t.Errorf("%q is %+v, %v", since, got, err)
		}
	}
}

func TestWordsOfLinks(t *testing.T) {
	for _, i := range []struct {
		control.Invite
		want string
	}{
		{control.Invite{}, "not used yet"},
		{control.Invite{Used: true, By: "Bob"}, "used by Bob"},
		{control.Invite{Used: true, By: "Bob", Twice: true}, "used by Bob, and tried by somebody else: see sottovoce status"},
	} {
		if got := usedBy(i.Invite); got != i.want {
			t.Errorf("%+v is %q", i.Invite, got)
		}
	}
	p := control.Person{ID: "link-abc", Name: "the giver of link-abc", Direction: control.DirectionOut, Waiting: true}
	if got := added(p); !strings.HasPrefix(got, "Waiting for the giver of link-abc: ") || !strings.Contains(got, "sottovoce decline link-abc") {
		t.Errorf("who waits is told %q", got)
	}
	if got := added(control.Person{ID: "acct-abc", Name: "Bob", Contact: true}); got != "You and Bob are contacts." {
		t.Errorf("who need not wait is told %q", got)
	}
}

func TestPalette(t *testing.T) {
	if p := palette(true); p.bold("a")+p.faint("b")+p.bold("") != "\x1b[1ma\x1b[0m\x1b[2mb\x1b[0m" {
		t.Error("the colours are wrong")
	}
	if p := paletteFor(new(bytes.Buffer)); p.bold("a") != "a" {
		t.Error("a pipe is coloured")
	}
}

func TestNames(t *testing.T) {
	for _, p := range []struct {
		control.Person
		standing, presence string
	}{
		{control.Person{}, "not a contact", "away"},
		{control.Person{Online: true, Direction: control.DirectionIn}, "asks you", "here"},
		{control.Person{Online: true, Direction: control.DirectionOut}, "you asked", "here"},
		{control.Person{Contact: true, Via: control.ViaLink, Online: true}, "contact", "connected"},
		{control.Person{Contact: true, Via: control.ViaLink, Online: true, Found: "heard"}, "contact", "connected"},
		{control.Person{Contact: true, Via: control.ViaLink, Online: true, Found: "told"}, "contact", "connected, another contact hears them"},
		{control.Person{Contact: true, Verified: true}, "contact, verified", "away"},
		{control.Person{Contact: true, Keys: control.KeysChanged}, "contact, new keys", "away"},
		{control.Person{Contact: true, Keys: control.KeysAlarm}, "contact, keys in doubt", "away"},
		{control.Person{Contact: true, IntroducedBy: &control.Introducer{Name: "Bob"}}, "contact, introduced by Bob", "away"},
		{control.Person{Contact: true, Verified: true, IntroducedBy: &control.Introducer{Name: "Bob"}}, "contact, verified", "away"},
		{control.Person{Direction: control.DirectionIn, IntroducedBy: &control.Introducer{Name: "Bob"}}, "introduced by Bob", "away"},
	} {
		if standing(p.Person) != p.standing || presence(p.Person) != p.presence {
			t.Errorf("%+v is %q and %q", p.Person, standing(p.Person), presence(p.Person))
		}
	}
	if shortID("near-abc") != "near-abc" || shortID("acct-abcdefghijklmno") != "acct-abcdefghij" || shortID("x") != "x-" {
		t.Error("ids are shortened wrongly")
	}
}

// FuzzArguments gives the parser anything: it neither panics nor takes the program down, and an error is one line.
func FuzzArguments(f *testing.F) {
	for _, line := range []string{
		"send Bob hello --wait read", "--json nearby --wait 3s", "log Bob -n 3 --since=x", "-- send", "up --listen --interface", "send -- -x",
		"events --since -1", "--home", "send \x1b]0;x\x07", "--nonsense=\n", "=", "- -", "--json=maybe status", "-h", "init --name",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		_, _, err := newParser(&grammar{}).Parse(strings.Split(line, " "))
		if err == nil {
			return
		}
		if e := control.AsError(usage(err)); e.ExitCode() != 2 || !strings.Contains(e.Message, "see: sottovoce") {
			t.Errorf("%q: %v", line, e)
		}
		if shown := oneLine(usage(err).Error()); strings.ContainsFunc(shown, control.Unseen) {
			t.Errorf("%q: %q", line, shown)
		}
	})
}

// FuzzJSONLine proves that escaping what is unseen changes nothing for who reads the JSON.
func FuzzJSONLine(f *testing.F) {
	f.Add("\u009b31m \u202e \x7f \U000e0041 <&> \x00 \u2028")
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		c := &call{Program: &Program{Stdout: &out}}
		text = strings.ToValidUTF8(text, "?")
		if err := c.printJSON(control.Event{Notice: text}); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(line, control.Unseen) {
			t.Errorf("%q is printed as %q", text, line)
		}
		var back control.Event
		if err := json.Unmarshal([]byte(line), &back); err != nil || back.Notice != text {
			t.Errorf("%q came back as %q, %v", text, back.Notice, err)
		}
	})
}

// TestGuide holds docs/cli.md against the grammar: every command has a section with an example, and every flag is named.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range newParser(&grammar{}).Leaves() {
		command := node.Path()
		_, section, found := strings.Cut(string(text), "\n## "+command+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !found || !strings.Contains(section, "    $ sottovoce "+command) {
			t.Errorf("docs/cli.md has no example of %s", command)
		}
		for _, flag := range node.Flags {
			if !strings.Contains(section, "-"+flag.Name) {
				t.Errorf("docs/cli.md does not name --%s of %s", flag.Name, command)
			}
		}
	}
}
