package tui

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/cmd/internal/ptytest"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

// hostile is what somebody may call themselves, write, or name a file or a community.
var hostile = []string{
	"\x1b[2J\x1b[H\x1b]0;owned\a\x1b[31mred", "\x1bPq#0;2;0;0;0\x1b\\", "\x9b31m\u009b31m\u009d0;x\u009c", "\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\",
	"\u202eright to left\u202c\u2066x\u2069", "e" + strings.Repeat("\u0301", 10_000), strings.Repeat("\n", 50), "\r\rover\b\b\b\x7f\v\f", strings.Repeat("W", 3000),
	"שלום abc (x)", "a\tb\u200bc\u0000d", "👨‍👩‍👧‍👦🇮🇹🏳️‍🌈👍🏽☎️1️⃣❤️", "क्षिநிกำ각\u1161\u11a8", "日本語の名前です", "\xff\xfe\xc3\x28", "\U000e0067\u2028\u2029\ufff9", "\u0600\u06dd12", "ᄀ", "",
	"see https://example.org/" + strings.Repeat("way/", 60) + "e\u0301, http://a@b/ http://\x1b[31mred/ (https://example.org/?a=b;c#d). שלום https://x",
}

// watched is the face as a program, in virtual time, and the terminal that it writes to.
type watched struct {
	t       *testing.T
	program *tea.Program
	shown   *ptytest.Screen
	fake    *controltest.Fake
}

// watch runs the face for a terminal that nobody sits at, and holds at each step that it shows what was meant.
func watch(t *testing.T, play func(*watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &watched{t: t, shown: ptytest.NewScreen(80, 24), fake: controltest.New("Anna")}
		theme := paint.Dark
		m := New(ctx, w.fake, Beginning{Exists: true, Start: func(context.Context, control.Passphrase) error { return nil }}, nil, Look{Words: words.English(), Theme: &theme, Now: time.Now, Zone: time.UTC, Links: true})
		w.program = tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(cooked{w.shown}), tea.WithWindowSize(80, 24),
			tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = w.program.Run()
		}()
		defer func() {
			cancel()
			<-ended
			time.Sleep(time.Minute) // ticks that were under way
			synctest.Wait()
		}()
		w.holds()
		play(w)
	})
}

// cooked is a terminal that nobody has made raw: a new line begins at the left.
type cooked struct{ *ptytest.Screen }

func (c cooked) Write(b []byte) (int, error) {
	_, err := c.Screen.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	return len(b), err
}

// holds compares the terminal with what the face means to show.
func (w *watched) holds() {
	w.t.Helper()
	time.Sleep(100 * time.Millisecond) // several frames
	synctest.Wait()
	meant := make(chan string, 1)
	w.program.Send(then(func(m *Model) tea.Cmd {
		meant <- m.View().Content
		return nil
	}))
	rows := strings.Split(<-meant, "\n")
	for i, row := range rows {
		rows[i] = strings.TrimRight(plain(row), " ")
	}
	want := strings.TrimRight(strings.Join(rows, "\n"), "\n")
	if got := strings.TrimRight(w.shown.Text(), "\n"); got != want {
		w.t.Fatalf("the terminal shows\n%s\nand not\n%s", got, want)
	}
	if strange := w.shown.Strange(); len(strange) > 0 {
		w.t.Fatalf("the terminal is told %s", strange)
	}
	for _, title := range w.shown.Titles() {
		if strings.Trim(title, "()0123456789 ") != "Sottovoce" && title != "" {
			w.t.Fatalf("the window is called %q", title)
		}
	}
}

// press presses keys by their names.
func (w *watched) press(strokes ...string) {
	w.t.Helper()
	for _, stroke := range strokes {
		w.program.Send(press(stroke))
	}
	w.holds()
}

func (w *watched) size(columns, rows int) {
	w.t.Helper()
	w.shown.Resize(columns, rows)
	w.program.Send(tea.WindowSizeMsg{Width: columns, Height: rows})
	w.holds()
}

// attack lets somebody of a name do everything that shows a text.
func (w *watched) attack(name, text string) {
	w.t.Helper()
	f := w.fake
	stranger := f.Meet(name)
	f.Ask(stranger.ID)
	p := f.Befriend(f.Meet(name + " ").ID)
	f.Receive(p.ID, text)
	f.Receive(p.ID, "and "+text+" again")
	w.press("alt+down")
	w.press("alt+down")
	f.Notice(text)
	w.holds()
	w.press("esc")
	w.program.Send(tea.PasteMsg{Content: text})
	w.press("left", "backspace", "x")
	w.press("enter")
	w.press("tab", "enter")
	w.press("esc", "esc")
	w.press("ctrl+f")
	w.program.Send(tea.PasteMsg{Content: text})
	w.press("a")
	w.press("esc")
	w.press("f2")
	w.press("esc")
	f.BeginComparison(p.ID)
	w.holds()
	w.press("esc")
	w.size(46, 14)
	w.press("tab")
	w.size(200, 60)
	w.size(30, 8)
	w.size(80, 24)
}

// Whatever others write or call themselves, the terminal shows what the face means, and is told nothing that the face did not
// make itself.
func TestHostileTerminal(t *testing.T) {
	for i, text := range hostile {
		watch(t, func(w *watched) { w.attack(hostile[(i+1)%len(hostile)]+"a", text) })
	}
}

// FuzzTerminal is the same for a name, a message and what is pasted, with what nobody has thought of.
func FuzzTerminal(f *testing.F) {
	for _, text := range hostile {
		if len(text) < 100 {
			f.Add(text, text)
		}
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		if len(name) > control.TextMax || len(text) > 4000 {
			return
		}
		watch(t, func(w *watched) {
			p := w.fake.Befriend(w.fake.Meet(name + "a").ID)
			w.fake.Receive(p.ID, text)
			w.holds()
			w.program.Send(tea.PasteMsg{Content: text})
			w.press("alt+down")
		})
	})
}

// What is refused while the next is being written, and what is pasted when a dialog has just come, stays.
func TestNothingTypedIsLost(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.life.full = true
		s.begin().types("the first")
		_, sent := s.Update(press("enter"))
		s.Update(tea.PasteMsg{Content: "the second"})
		s.do(sent)
		s.shows("the disk is full", "the first", "the second")
		if got := s.editor().String(); got != "the first\nthe second" {
			t.Errorf("what is written is %q", got)
		}
		s.fake.Notice("The disk is full: nothing can be kept.")
		s.do(nil)
		s.send(tea.PasteMsg{Content: ", the third"}).wait(deafTime).keys("esc").shows("the second, the third")
	})
}
