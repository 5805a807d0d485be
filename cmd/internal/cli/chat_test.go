package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

// talk is a chat with a fake node behind it and a test at its keyboard.
type talk struct {
	t    *testing.T
	node *controltest.Fake
	keys io.Writer
	seen *bufio.Scanner
	stop context.CancelFunc
	code chan int
}

// newTalk opens a chat with a node that runs already.
func newTalk(t *testing.T, node *controltest.Fake) *talk {
	t.Helper()
	home := filepath.Join(t.TempDir(), "h")
	p := fakeProgram()
	if err := p.Init(home, "Anna", control.VisibleEveryone); err != nil {
		t.Fatal(err)
	}
	l, err := control.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- control.NewServer(node, "").Run(ctx, l) }()
	keysOut, keys := io.Pipe()
	seen, out := io.Pipe()
	p.Stdin, p.Stdout, p.Stderr = keysOut, out, out
	chat, leave := context.WithCancel(ctx)
	k := &talk{t: t, node: node, keys: keys, seen: bufio.NewScanner(seen), stop: leave, code: make(chan int, 1)}
	go func() {
		k.code <- Run(chat, []string{"--home", home}, p)
		out.Close()
	}()
	t.Cleanup(func() {
		leave()
		keys.Close()
		seen.Close()
		stop()
		<-served
	})
	return k
}

func (k *talk) types(line string) { fmt.Fprintln(k.keys, line) }

// sees wants the next line to match.
func (k *talk) sees(pattern string) {
	k.t.Helper()
	if !k.seen.Scan() {
		k.t.Fatalf("the chat ended before %q", pattern)
	}
	if !regexp.MustCompile("^" + pattern + "$").MatchString(k.seen.Text()) {
		k.t.Fatalf("saw %q instead of %q", k.seen.Text(), pattern)
	}
}

// ends wants the chat to end with a code and nothing more to be seen.
func (k *talk) ends(want int) {
	k.t.Helper()
	for k.seen.Scan() {
		k.t.Errorf("in the end saw %q", k.seen.Text())
	}
	if code := <-k.code; code != want {
		k.t.Errorf("the exit code is %d, not %d", code, want)
	}
}

// TestChat is a conversation from meeting to parting.
func TestChat(t *testing.T) {
	f := controltest.New("Anna")
	k := newTalk(t, f)
	k.sees(`You are Anna\. Type /help .*`)
	k.sees(`Nobody else is here yet\. .*`)

	bob := f.Meet("Bob")
	k.sees(`Bob is here\. Type /add 1 to ask for contact\.`)
	k.types("/add 1")
	k.sees(`Bob has been asked\. .*`)
	bob = f.Befriend(bob.ID)
	k.sees(`Bob is a contact now\. Type /to 1 to write\.`)
	k.types("/to bob")
	k.sees(`You are writing to Bob\.`)
	k.types("hello Bob")
	sent := k.lastMessage("Bob")
	f.Advance(sent.ID, control.StateHeld)
	k.sees(` +✓ kept by 2 supernodes until 19 January to Bob: hello Bob`)
	f.Advance(sent.ID, control.StateDelivered)
	k.sees(` +✓ delivered to Bob: hello Bob`)
	f.Advance(sent.ID, control.StateRead)
	f.Receive(bob.ID, "hello\nAnna\x1b[2J")
	k.sees(`\d\d:\d\d Bob: hello`)
	k.sees(`      Anna�\[2J`)

	eve := f.Meet("Eve")
	k.sees(`Eve is here\. Type /add 2 .*`)
	f.Ask(eve.ID)
	k.sees(`Eve would like to become a contact\. Type /accept 2 or /decline 2\.`)
	k.types("/decline 2")
	k.sees(`Declined: Eve is not a contact\.`)
	f.Part(eve.ID)
	k.sees(`Eve has left\.`)
	f.Part(bob.ID)
	k.sees(`Bob has left\.`)
	k.types("a longer text, and he is not there")
	k.sees(` +… waiting: Bob is away; it goes out as soon as there is a way to them`)
	f.Advance(k.lastMessage("Bob").ID, control.StateExpired)
	k.sees(` +✗ expired to Bob: a longer text, and he is…`)
	f.Send(t.Context(), []control.Outgoing{{To: "Bob", Text: "from elsewhere"}})
	k.sees(`\d\d:\d\d you to Bob: from elsewhere`)
	f.Notice("nobody answers\non this network")
	k.sees(`nobody answers on this network`)
	k.types("/doctor")
	k.sees(`Looking at this machine and its network; up to ten seconds\.`)
	k.sees(`✓  Sottovoce runs for this home\.`)
	k.sees(`✗  eth0, IPv4: what is called out to everybody does not come back\.`)
	k.sees(`   This machine hears nobody\.`)
	k.sees(`   sudo ufw allow 5353/udp`)
	k.types("/who")
	k.sees(`  1  Bob  contact, away`)
	k.sees(`  2  Eve  not a contact, away`)
	k.types("/quit")
	k.sees(`Goodbye\.`)
	k.ends(0)
}

// lastMessage waits until a message has been sent to somebody.
func (k *talk) lastMessage(to string) control.Message {
	k.t.Helper()
	for range 500 {
		found, err := k.node.Log(k.t.Context(), to, control.LogQuery{N: 1})
		if err == nil && len(found) == 1 && found[0].State == control.StateQueued {
			return found[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.t.Fatal("nothing was sent")
	return control.Message{}
}

func TestChatWithOneContact(t *testing.T) {
	f := controltest.New("Anna")
	bob := f.Befriend(f.Meet("Bob").ID)
	for i := range 12 {
		f.Receive(bob.ID, fmt.Sprint("old ", i))
	}
	k := newTalk(t, f)
	k.sees(`You are Anna.*`)
	k.sees(`  1  Bob  contact, connected`)
	k.sees(`You are writing to Bob\.`)
	for i := range recentMax {
		k.sees(fmt.Sprintf(`22 Nov \d\d:\d\d Bob: old %d`, i+2))
	}
	k.stop()
	k.sees(`Goodbye\.`)
	k.ends(0)
}

func TestChatSameNames(t *testing.T) {
	f := controltest.New("Anna")
	f.Befriend(f.Meet("Bob").ID)
	second := f.Befriend(f.Meet("Bob").ID)
	f.Meet("Bob")
	k := newTalk(t, f)
	for _, line := range []string{`You are Anna.*`, `  1  Bob  contact, connected`, `  2  Bob  contact, connected`, `  3  Bob  not a contact, here`} {
		k.sees(line)
	}
	k.types("/to Bob")
	k.sees(`Several people are called Bob; use the number that /who shows\.`)
	k.types("/add bob")
	k.sees(`3 people answer to "bob"; use the id of one: Bob \(.*`)
	k.types("/to 3")
	k.sees(`Bob is not a contact yet; ask with /add Bob\.`)
	k.types("/to 2")
	k.sees(`You are writing to Bob\.`)
	k.types("to the second")
	if m := k.lastMessage(second.ID); m.Text != "to the second" {
		t.Errorf("the second got %q", m.Text)
	}
	k.types("/quit")
	k.sees(`Goodbye\.`)
	k.ends(0)
}

// TestChatLosesNode has the node of another process stop under the chat.
func TestChatLosesNode(t *testing.T) {
	f := controltest.New("Anna")
	down := make(chan struct{})
	f.OnDown = func() { close(down) }
	home := filepath.Join(t.TempDir(), "h")
	p := fakeProgram()
	if err := p.Init(home, "Anna", control.VisibleEveryone); err != nil {
		t.Fatal(err)
	}
	l, err := control.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-down; stop() }()
	served := make(chan error, 1)
	go func() { served <- control.NewServer(f, "").Run(ctx, l) }()
	keys, typing := io.Pipe()
	defer typing.Close()
	var out, errs strings.Builder
	p.Stdin, p.Stdout, p.Stderr = keys, &out, &errs
	time.AfterFunc(300*time.Millisecond, func() { _ = control.NewClient(home).Down(context.Background()) })
	if code := Run(t.Context(), []string{"--home", home}, p); code != 5 || !strings.Contains(errs.String(), "the node has stopped") {
		t.Errorf("the chat ended with %d: %s%s", code, out.String(), errs.String())
	}
	<-served
}

func TestLongLine(t *testing.T) {
	longest := strings.Repeat("x", control.TextMax)
	p := &pipe{in: bufio.NewReader(strings.NewReader(longest + "\r\n\nlast"))}
	for _, want := range []string{longest, "", "last"} {
		if got, err := p.read(); err != nil || got != want {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
	}
	if _, err := p.read(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	p = &pipe{in: bufio.NewReader(strings.NewReader(strings.Repeat("x", lineMax+1)))}
	if _, err := p.read(); err == nil || err == io.EOF {
		t.Errorf("an endless line: %v", err)
	}
}

// catchesUp waits until the chat has heard of everything that happened so far.
func (k *talk) catchesUp() {
	k.t.Helper()
	k.node.Notice("that was all")
	k.sees("that was all")
}

// TestChatContacts gives a contact a name, shuts them out and lets them in again.
func TestChatContacts(t *testing.T) {
	f := controltest.New("Anna")
	bob := f.Befriend(f.Meet("Bob").ID)
	k := newTalk(t, f)
	for _, line := range []string{`You are Anna.*`, `  1  Bob  contact, connected`, `You are writing to Bob\.`} {
		k.sees(line)
	}
	k.types("/rename Uncle Bob")
	k.sees(`Bob is called Uncle Bob here\.`)
	k.catchesUp()
	k.types("/block 1")
	k.sees(`Uncle Bob is blocked, and not told\. .*`)
	k.types("not now")
	k.sees(`you have blocked them; unblock them first`)
	k.types("/who")
	k.sees(`  1  Uncle Bob  blocked, not shown`)
	k.catchesUp()
	k.types("/unblock uncle bob")
	k.sees(`Uncle Bob is a contact like any other again\.`)
	k.catchesUp()
	if _, err := f.Rename(t.Context(), bob.ID, "Zio"); err != nil {
		t.Error(err)
	}
	k.sees(`Uncle Bob is called Zio now\.`)
	k.types("/remove 1")
	k.sees(`This deletes all that was said .*`)
	k.types("/remove 1")
	k.sees(`Zio is no contact any more, and not told\. .*`)
	k.catchesUp()
	k.types("to nobody")
	k.sees(`Say to whom first, .*`)
	k.types("/quit")
	k.sees(`Goodbye\.`)
	k.ends(0)
}

// FuzzChat types anything: the chat goes on until the input ends, and shows nothing that a terminal would obey.
func FuzzChat(f *testing.F) {
	for _, typed := range []string{"/help\n/who\n/to 1\nhello\n", "/add Bob\n/to Bob\nhi\n/log\n", "/accept 3\n/decline 1\n/nonsense\n", "\x1b[2J\n/to \u202e\n", "/to -1\n/log 99999999999999999999\n"} {
		f.Add(typed)
	}
	home := filepath.Join(f.TempDir(), "h")
	if err := fakeProgram().Init(home, "Anna", control.VisibleEveryone); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		var out strings.Builder
		p := fakeProgram()
		p.Stdin, p.Stdout, p.Stderr = strings.NewReader(typed), &out, &out
		if code := Run(t.Context(), []string{"--home", home}, p); code != 0 {
			t.Errorf("after %q it ends with %d: %s", typed, code, out.String())
		}
		if text := strings.ReplaceAll(out.String(), "\n", ""); strings.ContainsFunc(text, control.Unseen) {
			t.Errorf("after %q it shows %q", typed, text)
		}
	})
}

// TestChatVerify compares emoji in the chat, begun by either side.
func TestChatVerify(t *testing.T) {
	f := controltest.New("Anna")
	bob := f.Befriend(f.Meet("Bob").ID)
	k := newTalk(t, f)
	k.sees(`You are Anna\. .*`)
	k.sees(`  1  Bob  contact, connected`)
	k.sees(`You are writing to Bob\.`)
	k.types("/verify")
	k.sees(`They are asked\. On their side they type: /verify Anna`)
	f.JoinComparison(bob.ID)
	for range 7 {
		k.sees(`    \S+  [a-z ]+ / [a-z ]+`)
	}
	k.sees(`Are these the same on the side of Bob, in the same order\? Type /verify yes or /verify no\.`)
	k.types("/verify yes")
	k.sees(`Bob is verified: nobody stands between you two\.`)
	f.BeginComparison(bob.ID)
	k.sees(`Type /verify 1 to compare with Bob\.`)
	k.types("/verify 1")
	for range 7 {
		k.sees(`    .*`)
	}
	k.sees(`Are these the same .*`)
	k.types("/verify no")
	k.sees(`Comparing with Bob has ended: it was stopped\.|You said that .*`)
	k.sees(`Comparing with Bob has ended: it was stopped\.|You said that they are not the same: somebody may be between you and Bob.*`)
	k.types("/verify nobody")
	k.sees(`nobody here answers to "nobody".*`)
	k.types("/quit")
	k.sees("Goodbye.")
	k.ends(0)
}

// TestChatAmends: at the line one answers, edits, deletes and reacts, and sees others do so.
func TestChatAmends(t *testing.T) {
	f := controltest.New("Anna")
	bob := f.Befriend(f.Meet("Bob").ID)
	k := newTalk(t, f)
	k.sees(`You are Anna\. .*`)
	k.sees(` +1  Bob .*`)
	k.sees(`You are writing to Bob\.`)
	k.types("/reply yes")
	k.sees(`there is no such message among the last ones; .*`)
	theirs := f.Receive(bob.ID, "where?")
	k.sees(`\d\d:\d\d Bob: where\?`)
	k.types("/reply hrae")
	k.types("/edit here")
	k.sees(`now, at \d\d:\d\d you: ↪ Bob: where\?  here \(edited\)`)
	k.types("/react 👍")
	k.sees(`now, at \d\d:\d\d Bob: where\?  👍 Anna`)
	f.TheyReact(theirs.ID, "\x1b", true)
	k.sees(`now, at \d\d:\d\d Bob: where\?  👍 Anna  � Bob`)
	k.types("/react " + theirs.ID + " 👍")
	k.sees(`now, at \d\d:\d\d Bob: where\?  � Bob`)
	f.TheyEdit(theirs.ID, "where are you?")
	k.sees(`now, at \d\d:\d\d Bob: where are you\? \(edited\)  � Bob`)
	long := f.Receive(bob.ID, strings.Repeat("where? ", 9000))
	k.sees(`\d\d:\d\d Bob: where\? .*`)
	f.TheyReact(long.ID, "👍", true)
	k.sees(`now, at \d\d:\d\d Bob: where\? where\? where\? whe…  👍 Bob`)
	carla := f.Meet("Carla")
	k.sees(`Carla is here.*`)
	carla = f.Befriend(carla.ID)
	k.sees(`Carla is a contact now.*`)
	elsewhere := f.Receive(carla.ID, "and you?")
	k.sees(`\d\d:\d\d Carla: and you\?.*`)
	k.types("/reply " + elsewhere.ID + " here")
	k.sees(`that message is in the conversation with Carla: .*`)
	k.types("/delete")
	k.sees(`now, at \d\d:\d\d you: \(deleted\)`)
	f.TheyDelete(theirs.ID)
	k.sees(`now, at \d\d:\d\d Bob: \(deleted\)`)
	k.types("/edit")
	k.sees(`Say what, as in /edit Lunch at two\?`)
	k.types("/quit")
	k.sees(`Goodbye\.`)
	k.ends(0)
}
