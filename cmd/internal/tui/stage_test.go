package tui

import (
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

var update = flag.Bool("update", false, "write the golden frames anew; look at each before you commit it")

// stage is a face in front of a fake node, in virtual time: whatever a key sets off has happened when the next is pressed.
type stage struct {
	t    *testing.T
	fake *controltest.Fake
	life *mortal
	*Model
	shelf *shelf
	msgs  chan tea.Msg
	quit  bool
	kept  Taste
}

// mortal is a node that can end and come back.
type mortal struct {
	*controltest.Fake
	ended  context.Context
	end    context.CancelFunc
	change func(*control.Status)
	member []control.Community
	full   bool // nothing can be sent
	// unplaced: it does not know yet which network it is on.
	unplaced bool

	passphrase string // that it takes to start; empty: none
	starts     bool   // it rises when it is started
}

func (n *mortal) Visibility(ctx context.Context) (control.Visibility, error) {
	v, err := n.Fake.Visibility(ctx)
	if n.unplaced {
		v.Here, v.Chosen = control.VisibleNobody, false
	}
	return v, err
}

// start is Beginning.Start of it.
func (n *mortal) start(_ context.Context, typed control.Passphrase) error {
	switch {
	case n.ended.Err() == nil:
		return nil
	case n.passphrase != string(typed):
		return control.Errorf(control.CodeRefused, "that passphrase does not open /home/anna")
	case !n.starts:
		return control.Errorf(control.CodeFailed, "there is no port left")
	}
	n.rise()
	return nil
}

func (n *mortal) Send(ctx context.Context, batch []control.Outgoing) []control.SendResult {
	if n.full {
		return []control.SendResult{{Err: control.Errorf(control.CodeFull, "the disk is full: make room on it")}}
	}
	return n.Fake.Send(ctx, batch)
}

func (n *mortal) Status(ctx context.Context) (control.Status, error) {
	s, err := n.Fake.Status(ctx)
	if n.change != nil {
		n.change(&s)
	}
	return s, err
}

func (n *mortal) Communities(context.Context) ([]control.Community, error) { return n.member, nil }

// shelf is where files go.
type shelf struct{ files map[string]string }

func (f *shelf) Write(path string, told func(int64), fill func(io.Writer) error) (int64, error) {
	if _, ok := f.files[path]; ok {
		return 0, control.Errorf(control.CodeFailed, "%s exists already; choose another name", path)
	}
	var b strings.Builder
	told(1 << 20)
	if err := fill(&b); err != nil {
		return 0, err
	}
	f.files[path] = b.String()
	return int64(b.Len()), nil
}

func (f *shelf) Export(w io.Writer, messages iter.Seq2[control.Message, error], _ control.Me, page bool) (count int, err error) {
	for m, err := range messages {
		if err != nil {
			return count, err
		}
		fmt.Fprintln(w, page, m.Text)
		count++
	}
	return count, nil
}

func (f *shelf) Diagnose(w io.Writer, d control.Diagnostics) error {
	_, err := fmt.Fprintf(w, "version %s\nlog %q\n", d.Version, d.Log)
	return err
}

// restores brings Anna back, from a file whose passphrase is "open".
func (s *stage) restores(ctx context.Context, file string, passphrase control.Passphrase, told func(int64)) error {
	told(2)
	switch {
	case string(passphrase) == controltest.StuckPassphrase:
		<-ctx.Done()
		return ctx.Err()
	case string(passphrase) != "open":
		return control.Errorf(control.CodeFailed, "that passphrase does not open %s", file)
	}
	told(7)
	return nil
}

// rise brings it back.
func (n *mortal) rise() { n.ended, n.end = context.WithCancel(context.Background()) }

func (n *mortal) Events(ctx context.Context, since *int64) (iter.Seq2[control.Event, error], error) {
	ended := n.ended
	if ended.Err() != nil {
		return nil, control.Errorf(control.CodeNotRunning, "nothing runs")
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(ended, cancel)
	return n.Fake.Events(ctx, since)
}

// onStage runs a test with a face on a terminal of 80 × 24.
func onStage(t *testing.T, exists bool, play func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := controltest.New("Anna")
		ctx, cancel := context.WithCancel(t.Context())
		s := &stage{t: t, fake: f, msgs: make(chan tea.Msg, 1000)}
		begin := Beginning{Exists: exists, Locked: func() (bool, error) { return s.life.passphrase != "", nil }}
		begin.Init = func(name string, seen control.Visible) error {
			if name == "x" {
				return control.Errorf(control.CodeUsage, "a name is longer")
			}
			_, err := f.SetName(ctx, name)
			if err == nil {
				_, err = f.SetVisibility(ctx, seen, "")
			}
			return err
		}
		theme := paint.Dark
		began := time.Now()
		now := func() time.Time { return controltest.Start.Add(time.Hour + time.Since(began)) }
		s.life = &mortal{Fake: f}
		s.life.rise()
		begin.Start = s.life.start
		defer func() { s.life.end() }()
		s.shelf = &shelf{files: map[string]string{}}
		begin.Backups = func() []string { return []string{"~/sottovoce-2026-11-20.age", "/media/stick/anna.age"} }
		begin.Restore = s.restores
		s.Model = New(ctx, s.life, begin, s.shelf, Look{Words: words.English(), Theme: &theme, Now: now, Zone: time.UTC, Links: true, Keep: func(taste Taste) error { s.kept = taste; return nil }})
		play(s)
		cancel()
		time.Sleep(time.Minute) // ticks that were under way
		synctest.Wait()
	})
}

// begin opens the face.
func (s *stage) begin() *stage {
	s.do(s.Init())
	return s.size(80, 24)
}

func (s *stage) size(w, h int) *stage {
	s.send(tea.WindowSizeMsg{Width: w, Height: h})
	return s
}

// do runs a command and everything that comes of it.
func (s *stage) do(cmd tea.Cmd) {
	if cmd != nil {
		go func() { s.msgs <- cmd() }()
	}
	for {
		synctest.Wait()
		select {
		case msg := <-s.msgs:
			s.take(msg)
		default:
			return
		}
	}
}

// wait lets time pass.
func (s *stage) wait(d time.Duration) *stage {
	time.Sleep(d)
	s.do(nil)
	return s
}

func (s *stage) take(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.BatchMsg:
		for _, cmd := range msg {
			if cmd != nil {
				go func() { s.msgs <- cmd() }()
			}
		}
		return
	case tea.QuitMsg:
		s.quit = true
		return
	case nil:
		return
	}
	_, cmd := s.Update(msg)
	s.View() // as the program does
	if cmd != nil {
		go func() { s.msgs <- cmd() }()
	}
}

func (s *stage) send(msg tea.Msg) *stage {
	s.take(msg)
	s.do(nil)
	return s
}

// keys presses keys by their names, or types a text.
func (s *stage) keys(strokes ...string) *stage {
	s.t.Helper()
	for _, stroke := range strokes {
		k := press(stroke)
		if got := k.Keystroke(); got != stroke {
			s.t.Fatalf("%q is pressed as %q", stroke, got)
		}
		s.send(k)
	}
	return s
}

var named = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "f1": tea.KeyF1, "f2": tea.KeyF2, "backspace": tea.KeyBackspace, "home": tea.KeyHome, "end": tea.KeyEnd,
	"delete": tea.KeyDelete,
}

func press(stroke string) tea.KeyPressMsg {
	var k tea.Key
	parts := strings.Split(stroke, "+")
	for _, mod := range parts[:len(parts)-1] {
		k.Mod |= map[string]tea.KeyMod{"ctrl": tea.ModCtrl, "alt": tea.ModAlt, "shift": tea.ModShift}[mod]
	}
	last := parts[len(parts)-1]
	if code, ok := named[last]; ok {
		k.Code = code
	} else {
		k.Code = []rune(last)[0]
		if k.Mod == 0 {
			k.Text = last
		}
	}
	return tea.KeyPressMsg(k)
}

func (s *stage) types(text string) *stage {
	for _, r := range text {
		s.send(tea.KeyPressMsg(tea.Key{Code: r, Text: string(r)}))
	}
	return s
}

// text is the screen without looks, row by row.
func (s *stage) text() string {
	rows := strings.Split(s.View().Content, "\n")
	for i, row := range rows {
		rows[i] = strings.TrimRight(plain(row), " ")
	}
	return strings.Join(rows, "\n") + "\n"
}

// links are what a terminal is told of them: where they lead, and where they end.
var links = regexp.MustCompile("\x1b\\]8;;([^\x1b\a]*)\a")

// plain takes the looks from a row, and the links.
func plain(row string) string {
	row = links.ReplaceAllString(row, "")
	var b strings.Builder
	for {
		before, after, found := strings.Cut(row, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, row, _ = strings.Cut(after, "m")
	}
}

// shows holds that the screen has each of these words.
func (s *stage) shows(words ...string) *stage {
	s.t.Helper()
	for _, w := range words {
		if !strings.Contains(s.text(), w) {
			s.t.Errorf("the screen does not show %q:\n%s", w, s.text())
		}
	}
	return s
}

func (s *stage) hides(word string) *stage {
	s.t.Helper()
	if strings.Contains(s.text(), word) {
		s.t.Errorf("the screen shows %q:\n%s", word, s.text())
	}
	return s
}

// golden compares the screen in three sizes with what was looked at before.
func (s *stage) golden(name string) {
	s.t.Helper()
	for _, size := range []struct {
		name string
		w, h int
	}{{"80x24", 80, 24}, {"200x60", 200, 60}, {"46x14", 46, 14}} {
		s.size(size.w, size.h)
		file := filepath.Join("testdata", "frames", name+"-"+size.name+".txt")
		got := s.text()
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				s.t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				s.t.Fatal(err)
			}
			if dir := os.Getenv("FRAMES"); dir != "" { // with looks, for eyes
				dark := s.theme
				for i := range paint.Themes {
					s.theme = &paint.Themes[i]
					_ = os.WriteFile(filepath.Join(dir, name+"-"+size.name+strings.TrimSuffix("-"+s.theme.Name, "-dark")+".ansi"), []byte(s.View().Content), 0o644)
				}
				s.theme = dark
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		if got != string(want) {
			s.t.Errorf("%s at %s is not as it was looked at:\n%s", name, size.name, got)
		}
	}
	s.size(80, 24)
}

func width(text string) int { return paint.Width(text) }
