package control_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve puts a node on the control socket of a home and gives a client of it.
func serve(t *testing.T, home string, node control.Node) *control.Client {
	t.Helper()
	l, err := control.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, node)
	c := control.NewClient(home)
	t.Cleanup(c.Close)
	return c
}

// serveOn serves a node on l until stop or the end of the test.
func serveOn(t *testing.T, l net.Listener, node control.Node) (stop func()) {
	t.Helper()
	return run(t, l, control.NewServer(node, "1.2.3"))
}

// TestNode holds the fake and the client of a server of it against what a Node promises.
func TestNode(t *testing.T) {
	run := func(name string, make func(*testing.T, *controltest.Fake) control.Node) {
		t.Run(name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *controltest.Fake, control.Node){
				"me": testMe, "people": testPeople, "requests": testRequests, "messages": testMessages,
				"batch": testBatch, "events": testEvents, "from now on": testFromNowOn, "down": testDown,
				"passphrase": testPassphrase, "export": testExport, "backup": testBackup, "diagnostics": testDiagnostics, "doctor": testDoctor, "scan": testScan, "ambiguous": testAmbiguous, "odd names": testOddNames, "contacts": testContacts,
				"amending": testAmending, "journey": testJourney, "verification": testVerification, "reading": testReading, "communities": testCommunities,
			} {
				t.Run(name, func(t *testing.T) {
					f := controltest.New("Anna")
					test(t, f, make(t, f))
				})
			}
		})
	}
	run("fake", func(_ *testing.T, f *controltest.Fake) control.Node { return f })
	run("client", func(t *testing.T, f *controltest.Fake) control.Node { return serve(t, t.TempDir(), f) })
}

func testMe(t *testing.T, _ *controltest.Fake, node control.Node) {
	me := must(node.Me(t.Context()))
	if me.Name != "Anna" || !strings.HasPrefix(me.ID, "acct-") {
		t.Errorf("me is %+v", me)
	}
	if got := must(node.SetName(t.Context(), "Änne")); got.Name != "Änne" || got.ID != me.ID {
		t.Errorf("renamed, me is %+v", got)
	}
	_, err := node.SetName(t.Context(), strings.Repeat("a", 65))
	wantCode(t, err, control.CodeUsage)
	if s := must(node.Status(t.Context())); s.Name != "Änne" || s.ID != me.ID || !s.Started.Equal(controltest.Start) {
		t.Errorf("status is %+v", s)
	}
}

func testPeople(t *testing.T, f *controltest.Fake, node control.Node) {
	bob, alf := f.Meet("Bob"), f.Meet("Alf")
	equal(t, must(node.Nearby(t.Context())), []control.Person{shown(alf), shown(bob)})
	equal(t, must(node.Contacts(t.Context())), nil)
	bob = f.Befriend(bob.ID)
	equal(t, must(node.Contacts(t.Context())), []control.Person{bob})
	f.Part(alf.ID)
	equal(t, must(node.Nearby(t.Context())), []control.Person{bob})
}

func testRequests(t *testing.T, f *controltest.Fake, node control.Node) {
	bob, eve, zoe := f.Meet("Bob"), f.Meet("Eve"), f.Meet("Zoe")
	f.Ask(eve.ID)
	f.Ask(bob.ID)
	if p := must(node.Add(t.Context(), "Zoe")); p.Direction != control.DirectionOut || p.ID != zoe.ID {
		t.Errorf("added, Zoe is %+v", p)
	}
	waiting := must(node.Requests(t.Context()))
	if len(waiting) != 3 || waiting[0].Name != "Eve" || waiting[1].Direction != control.DirectionIn {
		t.Errorf("waiting are %+v", waiting)
	}
	if p := must(node.Accept(t.Context(), bob.ID[:9])); !p.Contact || p.Direction != control.DirectionNone {
		t.Errorf("accepted, Bob is %+v", p)
	}
	if p := must(node.Decline(t.Context(), "eve")); p.Contact || p.Direction != control.DirectionNone {
		t.Errorf("declined, Eve is %+v", p)
	}
	_, err := node.Accept(t.Context(), "Zoe")
	wantCode(t, err, control.CodeNotFound)
	_, err = node.Add(t.Context(), "nobody")
	wantCode(t, err, control.CodeNotFound)
}

func testContacts(t *testing.T, f *controltest.Fake, node control.Node) {
	bob := f.Befriend(f.Meet("Bob").ID)
	if p := must(node.Rename(t.Context(), "Bob", "Uncle")); p.Name != "Uncle" || p.OwnName != "Bob" || p.ID != bob.ID {
		t.Errorf("renamed, Bob is %+v", p)
	}
	if p := must(node.Block(t.Context(), "Uncle")); !p.Blocked || p.Online || p.Via != control.ViaNone {
		t.Errorf("blocked, Bob is %+v", p)
	}
	equal(t, must(node.Nearby(t.Context())), nil)
	refused := node.Send(t.Context(), []control.Outgoing{{To: bob.ID, Text: "no"}})[0]
	wantCode(t, refused.Err, control.CodeRefused)
	if p := must(node.Unblock(t.Context(), bob.ID)); p.Blocked || !p.Online {
		t.Errorf("unblocked, Bob is %+v", p)
	}
	equal(t, []control.Person{must(node.Rename(t.Context(), "Uncle", ""))}, []control.Person{bob})
	f.Receive(bob.ID, "hello")
	if p := must(node.Remove(t.Context(), "Bob")); p.Contact || p.Online || p.ID != bob.ID {
		t.Errorf("removed, Bob is %+v", p)
	}
	equal(t, must(node.Contacts(t.Context())), nil)
	_, err := node.Remove(t.Context(), "Bob")
	wantCode(t, err, control.CodeNotFound)
	bob = f.Befriend(f.Meet("Bob").ID)
	_, err = node.Rename(t.Context(), "Bob", strings.Repeat("a", 65))
	wantCode(t, err, control.CodeUsage)
	_, err = node.Block(t.Context(), "nobody")
	wantCode(t, err, control.CodeNotFound)
	_, err = node.PermitReset(t.Context(), "Bob")
	wantCode(t, err, control.CodeRefused)
	f.AskReset(bob.ID)
	equal(t, []control.Person{must(node.PermitReset(t.Context(), "Bob")), must(node.Reset(t.Context(), bob.ID))}, []control.Person{bob, bob})
	_, err = node.Reset(t.Context(), "nobody")
	wantCode(t, err, control.CodeNotFound)
}

func testJourney(t *testing.T, f *controltest.Fake, node control.Node) {
	bob := f.Befriend(f.Meet("Bob").ID)
	sent := node.Send(t.Context(), []control.Outgoing{{To: "Bob", Text: "one"}})[0].Message
	j := must(node.Journey(t.Context(), sent.ID))
	if len(j.Copies) != 1 || j.Copies[0].Waits == "" || j.Copies[0].Delivered != nil || j.Copies[0].To.ID != bob.ID || j.Received != nil {
		t.Errorf("under way: %+v", j)
	}
	f.Advance(sent.ID, control.StateRead)
	if j = must(node.Journey(t.Context(), sent.ID[:12])); j.Copies[0].Waits != "" || j.Copies[0].Read == nil || !j.Copies[0].Read.Equal(sent.Time) {
		t.Errorf("read: %+v", j)
	}
	if j = must(node.Journey(t.Context(), f.Receive(bob.ID, "two").ID)); len(j.Copies) != 0 || j.Received == nil || j.Message.Text != "two" {
		t.Errorf("theirs: %+v", j)
	}
	_, err := node.Journey(t.Context(), "msg-none")
	wantCode(t, err, control.CodeNotFound)
}

func testReading(t *testing.T, f *controltest.Fake, node control.Node) {
	bob := f.Befriend(f.Meet("Bob").ID)
	if r := must(node.Read(t.Context(), "Bob")); r.ID != "" || r.Shared || r.With.ID != bob.ID {
		t.Errorf("nothing to read: %+v", r)
	}
	own := node.Send(t.Context(), []control.Outgoing{{To: "Bob", Text: "one"}})[0].Message
	one, two := f.Receive(bob.ID, "two"), f.Receive(bob.ID, "three")
	if me := must(node.SetShare(t.Context(), control.ShareReading)); me.Share != control.ShareReading || me.Name != "Anna" {
		t.Errorf("sharing, me is %+v", me)
	}
	if r := must(node.Read(t.Context(), one.ID)); r.ID != one.ID || !r.Shared || r.With.ID != bob.ID {
		t.Errorf("one read: %+v", r)
	}
	if r := must(node.Read(t.Context(), "Bob")); r.ID != two.ID {
		t.Errorf("all read: %+v", r)
	}
	var typing []bool
	f.OnTyping = func(to control.Person, on bool) {
		if to.ID == bob.ID {
			typing = append(typing, on)
		}
	}
	wantCode(t, node.Typing(t.Context(), "nobody", true), control.CodeNotFound)
	if err := errors.Join(node.Typing(t.Context(), "Bob", true), node.Typing(t.Context(), bob.ID, false)); err != nil {
		t.Error(err)
	}
	equal(t, typing, []bool{true, false})
	f.Type(bob.ID, true)
	if p := must(node.Contact(t.Context(), "Bob")); !p.Typing {
		t.Errorf("typing, Bob is %+v", p)
	}
	f.Type(bob.ID, false)
	_, err := node.Read(t.Context(), own.ID)
	wantCode(t, err, control.CodeUsage)
	_, err = node.Read(t.Context(), "msg-none")
	wantCode(t, err, control.CodeNotFound)
	_, err = node.Read(t.Context(), "nobody")
	wantCode(t, err, control.CodeNotFound)
	_, err = node.SetShare(t.Context(), "all")
	wantCode(t, err, control.CodeUsage)
	_, err = node.Contact(t.Context(), "nobody")
	wantCode(t, err, control.CodeNotFound)
	equal(t, []control.Person{must(node.Contact(t.Context(), "bob"))}, []control.Person{bob})
}

func testMessages(t *testing.T, f *controltest.Fake, node control.Node) {
	bob := f.Befriend(f.Meet("Bob").ID)
	one := node.Send(t.Context(), []control.Outgoing{{To: "Bob", Text: "one <&>\n\ttwo \x00 \u202e"}})[0]
	if one.Err != nil || one.Message.State != control.StateQueued {
		t.Fatalf("sent: %+v", one)
	}
	two := f.Receive(bob.ID, strings.Repeat("é", 30_000))
	f.Advance(one.Message.ID, control.StateDelivered)
	got := must(node.Message(t.Context(), one.Message.ID[:12]))
	if got.State != control.StateDelivered || got.Text != one.Message.Text || got.Delivered != 1 {
		t.Errorf("the message is %+v", got)
	}
	equal(t, must(node.Log(t.Context(), "Bob", control.LogQuery{})), []control.Message{got, two})
	equal(t, must(node.Log(t.Context(), "Bob", control.LogQuery{N: 1})), []control.Message{two})
	equal(t, must(node.Log(t.Context(), "Bob", control.LogQuery{After: got.ID})), []control.Message{two})
	equal(t, must(node.Log(t.Context(), "Bob", control.LogQuery{Before: two.ID, N: 5})), []control.Message{got})
	equal(t, must(node.Log(t.Context(), "Bob", control.LogQuery{First: 1})), []control.Message{got})
	equal(t, must(node.Log(t.Context(), "Bob", control.LogQuery{Since: two.Time})), []control.Message{two})
	if list := must(node.Conversations(t.Context())); len(list) != 1 || list[0].Person.ID != bob.ID || list[0].Unread != 1 || list[0].Newest.ID != two.ID {
		t.Errorf("the conversations are %+v", list)
	}
	for _, q := range []control.SearchQuery{
		{Words: "é"}, {Words: "ONE two", From: "Anna", In: "Bob", N: 1}, {Words: "two", Since: two.Time}, {Words: "one", Until: two.Time},
	} {
		equal(t, must(node.Search(t.Context(), q)), must(f.Search(t.Context(), q)))
	}
	_, err := node.Search(t.Context(), control.SearchQuery{})
	wantCode(t, err, control.CodeUsage)
	seen := must(node.SetVisibility(t.Context(), control.VisibleContacts, control.VisibleNobody))
	equal(t, []control.Visibility{seen, must(node.Visibility(t.Context()))}, []control.Visibility{
		{Here: control.VisibleContacts, Chosen: true, Elsewhere: control.VisibleNobody}, seen,
	})
	_, err = node.SetVisibility(t.Context(), "friends", "")
	wantCode(t, err, control.CodeUsage)
	if err := node.SetLocalOnly(t.Context(), true); err != nil || !must(node.LocalOnly(t.Context())) {
		t.Errorf("local only: %v", err)
	}
	r := must(node.SetRetention(t.Context(), control.Retention{Days: 7, Disk: 1 << 40}))
	equal(t, []control.Retention{r, must(node.Retention(t.Context()))}, []control.Retention{{Days: 7, Disk: 1 << 40, Used: 12 << 20}, r})
	_, err = node.SetRetention(t.Context(), control.Retention{Days: -7})
	wantCode(t, err, control.CodeUsage)
	_, err = node.Log(t.Context(), "nobody", control.LogQuery{})
	wantCode(t, err, control.CodeNotFound)
	_, err = node.Message(t.Context(), "msg-zzzz")
	wantCode(t, err, control.CodeNotFound)
}

// testBatch sends more than is handed to a node at once, with errors in between.
func testBatch(t *testing.T, f *controltest.Fake, node control.Node) {
	f.Befriend(f.Meet("Bob").ID)
	batch := make([]control.Outgoing, 700)
	for i := range batch {
		batch[i] = control.Outgoing{To: "Bob", Text: fmt.Sprint(i)}
		if i%100 == 50 {
			batch[i].To = "nobody"
		}
	}
	for i, result := range node.Send(t.Context(), batch) {
		if i%100 == 50 {
			wantCode(t, result.Err, control.CodeNotFound)
		} else if result.Err != nil || result.Message.Text != fmt.Sprint(i) {
			t.Fatalf("line %d: %+v", i, result)
		}
	}
	if got := must(node.Log(t.Context(), "Bob", control.LogQuery{})); len(got) != 693 {
		t.Errorf("%d messages are there", len(got))
	}
}

// testEvents reads slowly what happens fast: nothing is missing, and a reader that comes back goes on where it was.
func testEvents(t *testing.T, f *controltest.Fake, node control.Node) {
	const many = 3000
	since := int64(0)
	events := must(node.Events(t.Context(), &since))
	bob := f.Befriend(f.Meet("Bob").ID)
	for i := range many {
		f.Receive(bob.ID, fmt.Sprint(i, strings.Repeat("x", 1000)))
	}
	f.Notice("done")
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if e.Cursor != since+1 {
			t.Fatalf("cursor %d comes after %d", e.Cursor, since)
		}
		if since = e.Cursor; since == many/2 {
			break
		}
	}
	last := control.Event{}
	for e, err := range must(node.Events(t.Context(), &since)) {
		if err != nil || e.Cursor != since+1 {
			t.Fatalf("%+v, %v comes after %d", e, err, since)
		}
		if since, last = e.Cursor, e; e.Event == control.EventNotice {
			break
		}
	}
	if since != many+3 || last.Notice != "done" {
		t.Errorf("the last of %d events is %+v", since, last)
	}
	never := int64(many * 2)
	_, err := node.Events(t.Context(), &never)
	wantCode(t, err, control.CodeUsage)
}

// testFromNowOn asks for events, lets something happen, and only then begins to read.
func testFromNowOn(t *testing.T, f *controltest.Fake, node control.Node) {
	f.Meet("Alf")
	ctx, stop := context.WithCancel(t.Context())
	events := must(node.Events(ctx, nil))
	bob := f.Meet("Bob")
	next, end := iter.Pull2(events)
	defer end()
	if e, err, _ := next(); err != nil || e.Person == nil || e.Person.ID != bob.ID {
		t.Errorf("the first event is %+v, %v", e, err)
	}
	time.AfterFunc(20*time.Millisecond, stop)
	if e, err, ok := next(); err == nil || !ok {
		t.Errorf("after the end came %+v, %v, %v", e, err, ok)
	}
	if _, _, ok := next(); ok {
		t.Error("something comes after the error")
	}
}

func testDown(t *testing.T, f *controltest.Fake, node control.Node) {
	down := make(chan struct{})
	f.OnDown = func() { close(down) }
	if err := node.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-down
}

func testExport(t *testing.T, f *controltest.Fake, node control.Node) {
	bob := f.Befriend(f.Meet("Bob").ID)
	var want []control.Message
	for i := range 300 {
		want = append(want, f.Receive(bob.ID, fmt.Sprint("line ", i)))
	}
	var got []control.Message
	for m, err := range must(node.Export(t.Context(), "Bob")) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	equal(t, got, want)
	_, err := node.Export(t.Context(), "Nobody")
	wantCode(t, err, control.CodeNotFound)
}

func testBackup(t *testing.T, _ *controltest.Fake, node control.Node) {
	var file strings.Builder
	if err := node.Backup(t.Context(), control.Passphrase("words"), &file); err != nil || file.String() != "Anna and 0 messages\n" {
		t.Errorf("%q, %v", file.String(), err)
	}
	if err := node.Backup(t.Context(), control.Passphrase(controltest.BrokenPassphrase), &file); err == nil {
		t.Error("what broke off looks whole")
	}
	if err := node.Backup(t.Context(), control.Passphrase("words"), fullDisk{}); !errors.Is(err, errFullDisk) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFullDisk = errors.New("full")

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFullDisk }

func testDoctor(t *testing.T, f *controltest.Fake, node control.Node) {
	var got []control.Finding
	for found, err := range must(node.Doctor(t.Context())) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, found)
	}
	if want := controltest.Findings(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for range must(node.Doctor(t.Context())) {
		break // a reader that goes away
	}
}

func testScan(t *testing.T, f *controltest.Fake, node control.Node) {
	var got []control.Scan
	for s, err := range must(node.Scan(t.Context())) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if want := controltest.Scans(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	f.Wide()
	_, err := node.Scan(t.Context())
	wantCode(t, err, control.CodeFailed)
}

func testDiagnostics(t *testing.T, f *controltest.Fake, node control.Node) {
	want := must(f.Diagnostics(t.Context()))
	if got := must(node.Diagnostics(t.Context())); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v came as %+v", want, got)
	}
}

func testPassphrase(t *testing.T, f *controltest.Fake, node control.Node) {
	words := control.Passphrase("quoted \" and <ünï>")
	if err := node.SetPassphrase(t.Context(), nil, words); err != nil {
		t.Fatal(err)
	}
	wantCode(t, node.SetPassphrase(t.Context(), control.Passphrase("guess"), nil), control.CodeRefused)
	if err := node.SetPassphrase(t.Context(), words, nil); err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %s %q %x", words, words, words, words); strings.Contains(text, "quoted") || strings.Contains(text, "71756f") {
		t.Errorf("a passphrase prints as %s", text)
	}
}

func testAmbiguous(t *testing.T, f *controltest.Fake, node control.Node) {
	one, two := f.Befriend(f.Meet("Bob").ID), f.Befriend(f.Meet("bob").ID)
	result := node.Send(t.Context(), []control.Outgoing{{To: "Bob", Text: "which?"}})[0]
	wantCode(t, result.Err, control.CodeAmbiguous)
	equal(t, control.AsError(result.Err).Candidates, []control.Person{one, two})
}

// testOddNames uses names that mean something in a path.
func testOddNames(t *testing.T, f *controltest.Fake, node control.Node) {
	for _, name := range []string{"..", ".", "a/b", "?n=1", "#", "%2F", "Ö ö", "accept", "+", "a;b", "\\"} {
		p := f.Meet(name)
		f.Ask(p.ID)
		if got, err := node.Accept(t.Context(), name); err != nil || got.Name != name {
			t.Errorf("accept %q: %+v, %v", name, got, err)
		}
		if _, err := node.Log(t.Context(), name, control.LogQuery{N: 1}); err != nil {
			t.Errorf("log %q: %v", name, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func wantCode(t *testing.T, err error, want control.Code) {
	t.Helper()
	var e *control.Error
	if !errors.As(err, &e) || e.Code != want || e.Message == "" || strings.Contains(e.Message, "\n") {
		t.Errorf("the error is %#v, not a %s", err, want)
	}
}

// shown is what a person becomes on the way through JSON.
func shown(p control.Person) control.Person {
	if p.Via == "" {
		p.Via = control.ViaNone
	}
	return p
}

func equal[T any](t *testing.T, got, want []T) {
	t.Helper()
	normal := []cmp.Option{
		cmp.Transformer("shown", func(p control.Person) map[string]any {
			return map[string]any{"id": p.ID, "name": p.Name, "contact": p.Contact, "via": shown(p).Via, "online": p.Online, "direction": p.Direction}
		}),
		cmp.Comparer(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 || cmp.Equal(a, b) }),
		cmp.Comparer(func(a, b control.Reactions) bool { return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b) }),
	}
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got, normal...); diff != "" {
		t.Errorf("not as wanted (-want +got):\n%s", diff)
	}
}
