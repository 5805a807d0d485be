package tui

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

const (
	bell = "\a"
	// bidiByUs sets BDSM to explicit (ECMA-48 8.3.14): the terminal leaves the order of characters as it is. bidiByTerminal
	// sets it back to implicit, which terminals begin with.
	bidiByUs       = "\x1b[8l"
	bidiByTerminal = "\x1b[8h"
)

// framesPerSecond is how often the screen is drawn while something changes: 8 ms between a key and its cell.
const framesPerSecond = 120

// endTime is how long the terminal may take to be put back as it was: one that is stopped (Ctrl+S, a connection that hangs)
// takes nothing, and nobody shall wait for it.
const endTime = time.Second

// Options are what the face runs on.
type Options struct {
	Node      control.Node
	Beginning Beginning
	Files     Files
	In, Out   *os.File
	Env       func(key string) string
	// Taste is what the person has chosen for the face before; Keep keeps what they choose now.
	Taste Taste
	Keep  func(Taste) error
}

// Taste is how a person wants the face to be. What is empty follows the environment.
type Taste struct {
	Theme    string `json:"theme,omitempty"`
	Language string `json:"language,omitempty"`
}

// Run shows the face until the person leaves it or ctx ends. The node goes on or ends with its owner.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	look := Look{Words: words.For(o.Env), Theme: themeFor(o.Env), Now: time.Now, Zone: time.Local, Links: takesLinks(o.Env), Taste: o.Taste, Keep: o.Keep}
	m := New(ctx, o.Node, o.Beginning, o.Files, look)
	// Rows are in the order of the screen already: a terminal that turns text around by itself is told not to.
	if _, err := io.WriteString(o.Out, bidiByUs); err != nil {
		return err
	}
	program := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(keyboard{o.In, cancel}), tea.WithOutput(o.Out), tea.WithFPS(framesPerSecond), tea.WithFilter(byCharacters))
	err := show(ctx, program, o.Out)
	over := ctx.Err() != nil
	cancel()
	m.works.Wait()
	if errors.Is(err, tea.ErrProgramKilled) || errors.Is(err, tea.ErrInterrupted) || over {
		err = nil
	}
	return err
}

// byCharacters keeps the renderer to the widths that package paint counts in, whatever else a terminal offers.
func byCharacters(_ tea.Model, msg tea.Msg) tea.Msg {
	if report, ok := msg.(tea.ModeReportMsg); ok && report.Mode == ansi.ModeUnicodeCore {
		return nil
	}
	return msg
}

// show runs the program until it ends, or for endTime more when it should.
func show(ctx context.Context, program *tea.Program, out io.Writer) error {
	ended := make(chan error, 1)
	go func() {
		_, err := program.Run()
		_, _ = io.WriteString(out, bidiByTerminal) // a terminal that is gone has no order to set
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(endTime):
		return ctx.Err()
	}
}

// keyboard is the terminal as it is read from. When that ends the terminal is gone, and so is who sat before it, even where
// the signal that says so is not heard (nohup, trap).
type keyboard struct {
	*os.File
	gone func()
}

// Read implements io.Reader.
func (k keyboard) Read(b []byte) (int, error) {
	n, err := k.File.Read(b)
	if err != nil {
		k.gone()
	}
	return n, err
}

// themeFor is the theme that an environment asks for.
func themeFor(getenv func(string) string) *paint.Theme {
	switch {
	case getenv("NO_COLOR") != "" || getenv("TERM") == "vt100" || getenv("TERM") == "vt220":
		return &paint.Monochrome
	case getenv("COLORFGBG") != "" && lightBackground(getenv("COLORFGBG")):
		return &paint.Light
	}
	return &paint.Dark
}

// takesLinks tells of terminals that show a link or leave it alone; consoles of before print what they do not know.
func takesLinks(getenv func(string) string) bool {
	return !slices.Contains([]string{"", "dumb", "linux", "vt100", "vt220"}, getenv("TERM"))
}

// lightBackground reads what some terminals say of their colours: "foreground;background", 7 and 15 being white.
func lightBackground(colours string) bool {
	n := len(colours)
	return n >= 2 && (colours[n-2:] == ";7" || n >= 3 && colours[n-3:] == ";15")
}

// ring calls the person to what is not on the screen; when the terminal is not looked at, by a notification of the desktop, too,
// which says what it is and not of whom: it is shown on locked screens.
func (m *Model) ring(what string) tea.Cmd {
	if m.focused {
		return tea.Raw(bell)
	}
	return tea.Raw(bell + "\x1b]9;" + what + "\x1b\\" + "\x1b]777;notify;Sottovoce;" + what + "\x1b\\")
}
