package netlab

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sottovoce/cmd/internal/ptytest"
)

// facing is somebody in front of the face.
type facing struct {
	*Terminal
	s *someone
}

// face opens the face on a terminal of its own: no shell is above it.
func (s *someone) face() *facing {
	return &facing{s.Terminal("env", "TERM=xterm-256color", s.program), s}
}

// shows waits until all of these stand on the screen.
func (f *facing) shows(texts ...string) {
	f.s.t.Helper()
	f.await(strings.Join(texts, ", "), func(screen string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
	})
}

// hides waits until none of these stands on it.
func (f *facing) hides(texts ...string) {
	f.s.t.Helper()
	f.await("nothing of "+strings.Join(texts, ", "), func(screen string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(screen, text) })
	})
}

// dismiss closes what has come by itself: in its first moments it takes no keys.
func (f *facing) dismiss(title string) {
	f.s.t.Helper()
	gone := func(screen string) bool { return !strings.Contains(screen, title) }
	for end := time.Now().Add(arriveTime); !gone(f.Shown.Text()); {
		f.Press("\x1b")
		if _, ok := f.Shown.Await(200*time.Millisecond, gone); !ok && time.Now().After(end) {
			f.s.t.Fatalf("%s: %q stays", f.s.Name, title)
		}
	}
}

func (f *facing) await(what string, as func(screen string) bool) {
	f.s.t.Helper()
	if screen, ok := f.Shown.Await(arriveTime, as); !ok {
		f.s.t.Fatalf("%s: the face does not show %s:\n%s", f.s.Name, what, screen)
	}
}

// says types a message and waits until it is on the disk.
func (f *facing) says(text string) {
	f.s.t.Helper()
	f.Type(text)
	f.hides("▸ " + text)
	f.shows("  " + text)
}

// ends waits until the face has gone, and wants the terminal as it was before.
func (f *facing) ends() {
	f.s.t.Helper()
	f.gone()
	f.clean()
	if _, ok := f.Shown.Await(arriveTime, func(string) bool { return !f.Shown.Has(ptytest.Paste) }); !ok {
		f.s.t.Errorf("%s: what is pasted is still told apart", f.s.Name)
	}
}

func (f *facing) gone() {
	f.s.t.Helper()
	select {
	case <-f.Done():
	case <-time.After(arriveTime):
		f.s.t.Fatalf("%s: the face does not end", f.s.Name)
	}
}

// clean wants a terminal of which nothing is left as the face had it. What is pasted is a shell's matter, too.
func (f *facing) clean() {
	f.s.t.Helper()
	on := func() bool {
		return f.Shown.Has(ptytest.AltScreen) || f.Shown.Has(ptytest.Mouse) || f.Shown.Has(ptytest.Focus) || !f.Shown.Has(ptytest.CursorShown)
	}
	if _, ok := f.Shown.Await(arriveTime, func(string) bool { return !on() }); !ok {
		f.s.t.Errorf("%s: the terminal is left as the face had it", f.s.Name)
	}
	f.plain()
}

// plain wants nothing on the terminal that the face did not make itself.
func (f *facing) plain() {
	f.s.t.Helper()
	if strange := f.Shown.Strange(); len(strange) > 0 {
		f.s.t.Errorf("%s: the face writes %s", f.s.Name, strange)
	}
}

// TestFaces has three faces at one node: what is read at one is read at the others, one leaves and comes back, one is resized
// again and again while messages come, and the node is killed under all of them.
func TestFaces(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	anna, bert, carla := settle(t, lan.Host("anna")), settle(t, lan.Host("bert")), settle(t, lan.Host("carla"))
	befriend(anna, bert)
	befriend(anna, carla)
	bert.ok("send", anna.called, "are you there?")
	faces := []*facing{anna.face(), anna.face(), anna.face()}
	for _, f := range faces {
		f.shows("  are you there?")
		f.Press("\x1b") // somebody sits before it
		f.hides("1 │")
	}
	carla.ok("send", anna.called, "and you?")
	for _, f := range faces {
		f.shows(carla.called, "1 │")
	}
	faces[0].Press("\x1ba") // Alt+A: to what is new
	faces[0].shows("  and you?")
	for _, f := range faces {
		f.hides("1 │")
	}

	faces[0].Press("\x11")
	faces[0].ends()
	if !faces[0].Cooked() {
		t.Error("the terminal is left raw")
	}
	anna.ok("status")
	bert.ok("send", anna.called, "while one was away")
	again := anna.face()
	again.shows("  while one was away")

	storm(t, faces[1], bert, "storm")
	fresh := anna.face()
	fresh.shows("storm 29")
	want, _ := fresh.Shown.Await(arriveTime, func(screen string) bool { return !strings.Contains(screen, "1 │") })
	faces[1].await("what a face shows that was opened later:\n"+want, func(screen string) bool { return screen == want })

	anna.node.Kill()
	for _, f := range []*facing{faces[1], faces[2], again} {
		f.shows("Sottovoce was stopped")
	}
	anna.up()
	anna.ok("send", bert.called, "and now?")
	for _, f := range []*facing{faces[1], faces[2], again} {
		f.shows("  and now?")
		f.hides("was stopped")
		f.Press("\x11")
		f.ends()
	}
}

// storm resizes a terminal again and again while messages come, and leaves it at 80 × 24.
func storm(t *testing.T, f *facing, from *someone, text string) {
	t.Helper()
	over := make(chan struct{})
	go func() {
		defer close(over)
		var batch strings.Builder
		for i := range 30 {
			fmt.Fprintf(&batch, "%s %d\n", text, i)
		}
		for line := range strings.Lines(batch.String()) {
			from.Run(t.Context(), from.program, "send", f.s.called, strings.TrimSpace(line))
		}
	}()
	for i, before := 0, 0; ; i++ {
		f.Resize(20+(i*37)%160, 5+(i*11)%50)
		f.Shown.Await(50*time.Millisecond, func(string) bool { return f.Shown.Bytes() > before })
		before = f.Shown.Bytes()
		select {
		case <-over:
			f.Resize(terminalColumns, terminalRows)
			f.shows(text + " 29")
			return
		default:
		}
	}
}

// TestFaceAside puts a face of a shell aside and takes it back, twice; without a shell it says that it cannot be.
func TestFaceAside(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	f := &facing{anna.Terminal("env", "TERM=xterm-256color", "PS1=shell: ", "bash", "--norc", "--noprofile", "-i"), anna}
	f.shows("shell:")
	f.Type(anna.program)
	f.shows("Nothing was said yet")
	f.Press("half a line")
	f.shows("▸ half a line")
	for i := range 2 {
		before := f.Shown.Text()
		f.Press("\x1a")
		f.shows("Stopped")
		f.clean()
		if screen := f.Shown.Text(); strings.Contains(screen, "half a line") {
			t.Errorf("aside, the screen shows\n%s", screen)
		}
		bert.ok("send", anna.called, fmt.Sprint("while aside ", i))
		f.Type("echo $((40 + 2 + " + fmt.Sprint(i) + "))")
		f.shows(fmt.Sprint("\n", 42+i, "\n")) // the shell has it whole
		f.Type("fg")
		f.shows("▸ half a line", fmt.Sprint("while aside ", i))
		if !f.Shown.Has(ptytest.AltScreen) || !f.Shown.Has(ptytest.Mouse) {
			t.Errorf("back from where it was put aside, the face has not its screen; before it was\n%s", before)
		}
	}
	f.Type("")
	f.shows("  half a line")
	f.Press("\x11")
	f.shows("shell:")
	f.hides("half a line")
	f.clean()
	f.Type("exit")
	f.ends()

	alone := anna.face()
	alone.shows("  half a line")
	alone.Press("\x1a")
	alone.shows("no shell here would bring it back")
	alone.says("it goes on")
	alone.Press("\x11")
	alone.ends()
}

// TestFaceLosesTerminal takes the terminal from a face that has its own node: by its end, by the signal that says so, by its
// end where that signal is not heard, and by the kill of the whole. What was said stands there when it is opened again.
func TestFaceLosesTerminal(t *testing.T) {
	t.Parallel()
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP) // else whoever runs the tests under nohup has the face deaf to it, too
	defer signal.Stop(heard)
	lan := New(t, IPv4)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	anna.node.Stop()
	var said []string
	for _, c := range []struct {
		how  string
		args []string
		lose func(*facing)
	}{
		{"window closed", nil, func(f *facing) { f.HangUp() }},
		{"hung up", nil, func(f *facing) { _ = syscall.Kill(f.PID(), syscall.SIGHUP) }},
		{"not heard", []string{"sh", "-c", `trap "" HUP; exec "$0"`}, func(f *facing) { f.HangUp() }},
		{"killed", nil, func(f *facing) { _ = syscall.Kill(f.PID(), syscall.SIGKILL) }},
	} {
		f := &facing{anna.Terminal(slices.Concat([]string{"env", "TERM=xterm-256color"}, c.args, []string{anna.program})...), anna}
		f.shows(bert.called[:8])
		for _, text := range said {
			f.shows("  " + text)
		}
		f.says(c.how)
		said = append(said, c.how)
		c.lose(f)
		f.gone()
		f.plain()
		if got := anna.call("status"); got.Code != 5 {
			t.Errorf("%s: a node runs on: %+v", c.how, got)
		}
	}
	anna.up()
	bert.hears(arriveTime, anna, said)
}

// TestFaceWithoutDisk fills the disk under a face with its own node, and turns it read-only: the face says so, and what was
// written stays to be sent.
func TestFaceWithoutDisk(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	a := lan.Host("anna")
	card := newCard(t, lan, a)
	d := &disk{t, card.dir}
	anna, bert := settle(t, a), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	anna.node.Stop()
	f := anna.face()
	f.shows("Nothing was said yet")
	f.says("the first")
	free := d.fill()
	refused := ""
	for i := 0; refused == ""; i++ { // what room the database has is taken first
		text := fmt.Sprint("much ", i, strings.Repeat(".", 3000))
		f.Press("\x1b[200~" + text + "\x1b[201~\r")
		f.await("what became of it", func(screen string) bool {
			if strings.Contains(screen, "is full") {
				refused = text
			}
			return refused != "" || !strings.Contains(screen, "▸ much")
		})
		if i > 3000 {
			t.Fatal("the disk does not fill")
		}
	}
	f.shows("Please note", "the disk is full: make room", "▸ Close")
	f.dismiss("Please note")
	f.shows("is full", "....") // at the top, and what was written
	free()
	f.hides("is full")
	f.Press("\x03")
	f.hides("....\n")
	f.says("with room again")
	f.Press("never sent")
	f.shows("▸ never sent")
	card.WearOut() // of which the node may tell before anything is sent
	f.Press("\r")
	f.shows("cannot be written")
	f.dismiss("Please note")
	f.shows("the home cannot be written", "▸ never sent")
	f.Press("\x11")
	f.gone()
	f.clean()
}
