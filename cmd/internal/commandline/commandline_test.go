package commandline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sottovoce/cmd/internal/commandline"
)

// grammar has one of everything.
type grammar struct {
	Home   string `help:"Where it lives." placeholder:"DIR" env:"COMMANDLINE_TEST_HOME"`
	Loudly bool   `help:"Say more."`

	Look lookCommand `cmd:"" default:"" hidden:"" help:"Look around."`
	Say  sayCommand  `cmd:"" help:"Say something."`
	Keep keepCommand `cmd:"" help:"Keep things."`
	All  allCommand  `cmd:"" help:"Take all that follows."`
}

type (
	lookCommand struct{}
	sayCommand  struct {
		To    string        `arg:"" help:"Whom."`
		Text  []string      `arg:"" optional:"" help:"What."`
		Tone  string        `help:"How." enum:"calm,shrill" default:"calm" placeholder:"TONE"`
		After time.Duration `help:"When." default:"3s" placeholder:"TIME"`
		N     int           `short:"n" help:"How often." placeholder:"N"`
		Fast  bool          `short:"f" help:"Quickly."`
		Since *int64        `help:"From where on." placeholder:"CURSOR"`
		Via   []string      `help:"Over which; may be given several times." placeholder:"NAME"`
	}
	keepCommand struct {
		DataDir string  `required:"" help:"Where." placeholder:"DIR"`
		Coin    keepOne `cmd:"" help:"Keep a coin."`
		Note    keepOne `cmd:"" help:"Keep a note."`
	}
	keepOne struct {
		What string `arg:"" enum:"old,new" help:"Which."`
		Here bool   `help:"Here." xor:"where"`
		Away bool   `help:"Away." xor:"where"`
	}
	allCommand struct {
		Words []string `arg:"" optional:"" passthrough:"" help:"All."`
	}
)

// Help explains the command to a person.
func (sayCommand) Help() string { return "It is heard at once.\n\nExample:\n\n    test say Bob Hello" }

func TestParse(t *testing.T) {
	t.Setenv("COMMANDLINE_TEST_HOME", "/env")
	seven := int64(7)
	for line, want := range map[string]struct {
		path string
		sets func(*grammar)
	}{
		"":                    {"look", func(*grammar) {}},
		"--loudly":            {"look", func(g *grammar) { g.Loudly = true }},
		"--loudly=no --home=": {"look", func(g *grammar) { g.Home = "" }},
		"say Bob --home x":    {"say", func(g *grammar) { g.Home, g.Say.To = "x", "Bob" }},
		"say Bob a b -fn5 --via u --via=v,w": {"say", func(g *grammar) {
			g.Say.To, g.Say.Text, g.Say.Fast, g.Say.N, g.Say.Via = "Bob", []string{"a", "b"}, true, 5, []string{"u", "v,w"}
		}},
		"say --after 1m --since 7 --tone=shrill -- --fast -": {"say", func(g *grammar) {
			g.Say.To, g.Say.Text, g.Say.After, g.Say.Since, g.Say.Tone = "--fast", []string{"-"}, time.Minute, &seven, "shrill"
		}},
		"keep coin old --data-dir d --away": {"keep coin", func(g *grammar) { g.Keep.DataDir, g.Keep.Coin.What, g.Keep.Coin.Away = "d", "old", true }},
		"all x --home -n":                   {"all", func(g *grammar) { g.All.Words = []string{"x", "--home", "-n"} }},
		"all --sure --home":                 {"all", func(g *grammar) { g.All.Words = []string{"--sure", "--home"} }},
		"all -- --home":                     {"all", func(g *grammar) { g.All.Words = []string{"--", "--home"} }},
	} {
		expected := grammar{Home: "/env"}
		expected.Say.Tone, expected.Say.After = "calm", 3*time.Second
		want.sets(&expected)
		var got grammar
		command, help, err := commandline.New("test", "", &got).Parse(strings.Fields(line))
		if err != nil || help {
			t.Errorf("%q: help %t, %v", line, help, err)
			continue
		}
		if command.Path() != want.path {
			t.Errorf("%q chooses %q", line, command.Path())
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

func TestWrong(t *testing.T) {
	for line, want := range map[string]string{ // the command that was understood, and what is wrong
		"sya":                         `: unexpected argument sya, did you mean "say"?`,
		"looks":                       `: unexpected argument looks`,
		"--loud":                      `: unknown flag --loud, did you mean "--loudly"?`,
		"say -x":                      `say: unknown flag -x, did you mean one of "-h", "--n", "-n", "-f"?`,
		"--loudly=perhaps":            `: --loudly: bool value must be true, 1, yes, false, 0 or no but got "perhaps"`,
		"say":                         `say: expected "<to>"`,
		"say Bob --fast=yes=no":       `say: --fast: bool value must be true, 1, yes, false, 0 or no but got "yes=no"`,
		"say Bob --tone dull":         `say: --tone must be one of "calm","shrill" but got "dull"`,
		"say Bob --after soon":        `say: --after: expected duration but got "soon": time: invalid duration "soon"`,
		"say Bob -n x":                `say: --n: expected a valid 64 bit int but got "x"`,
		"say Bob -n -5":               `say: --n: expected int value but got "-5" (short flag); perhaps try --n="-5"?`,
		"say Bob --home":              `say: --home: expected string value but got "EOL" (<EOL>)`,
		"say Bob --via":               `say: --via: missing value, expecting "<arg>"`,
		"say Bob a --fast b":          `say: unexpected argument b`,
		"keep":                        `keep: missing flags: --data-dir=DIR`,
		"keep --data-dir d":           `keep: expected one of "coin", "note"`,
		"keep coin --data-dir=":       `keep coin: expected "<what>"`,
		"keep coin used --data-dir d": `keep coin: <what> must be one of "old","new" but got "used"`,
		"keep coin old --data-dir d --here --away": `keep coin: --here and --away can't be used together`,
	} {
		_, _, err := commandline.New("test", "", new(grammar)).Parse(strings.Fields(line))
		wrong, ok := errors.AsType[*commandline.Error](err)
		if !ok {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if got := wrong.Command.Path() + ": " + wrong.Error(); got != want {
			t.Errorf("%q:\n%s\ninstead of\n%s", line, got, want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "60")
	root := commandline.New("test", "Tests help.", new(grammar))
	for _, line := range []string{"say Bob --help", "-h say", "say -hf"} {
		command, help, err := root.Parse(strings.Fields(line))
		if err != nil || !help || command.Path() != "say" {
			t.Fatalf("%q: help %t, %v", line, help, err)
		}
		if diff := cmp.Diff(sayHelp, command.HelpText()); diff != "" {
			t.Error(diff)
		}
	}
	text := root.HelpText()
	if !strings.HasPrefix(text, "Usage: test <command> [flags]\n\nTests help.\n\nFlags:\n") || strings.Contains(text, "look") ||
		!strings.Contains(text, "\nCommands:\n  say     Say something.\n  keep    Keep things.\n") {
		t.Error(text)
	}
}

const sayHelp = `Usage: test say <to> [<text> ...] [flags]

Say something.

It is heard at once.

Example:

    test say Bob Hello

Arguments:
  <to>            Whom.
  [<text> ...]    What.

Flags:
  -h, --help            Show this help.
      --home=DIR        Where it lives
                        ($COMMANDLINE_TEST_HOME).
      --loudly          Say more.

      --tone=TONE       How.
      --after=TIME      When.
  -n, --n=N             How often.
  -f, --fast            Quickly.
      --since=CURSOR    From where on.
      --via=NAME        Over which; may be given several
                        times.
`
