package mesh

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/outbox"
)

// The tags of a session are known as soon as we start it, also when the table was brought
// up to date before, for somebody else's blob.
func TestTagsOfOurStart(t *testing.T) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	object := replayedCard(t, bruno, anna) // a contact without a session
	bruno.inside(func(turn *turn) error {
		q := &request{exchange: contact.New(bruno.me.ours, bruno.profile(), contact.Profile{1, 2, 3})}
		if err := turn.befriend(q, object); err != nil {
			return err
		}
		d := bruno.devices[slices.Collect(maps.Keys(bruno.devices))[0]]
		turn.n.retag()
		if _, err := turn.start(d); err != nil {
			return err
		}
		turn.n.retag()
		found := 0
		for tag := range d.pair.Tags() {
			if turn.n.tags[tag].row == d.row {
				found++
			}
		}
		if found < 16 {
			t.Errorf("%d tags of the session that we started are known", found)
		}
		return nil
	})
}

func TestTwoPeopleTalk(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	first := anna.says("Bruno", "ciao")
	anna.within(waitLong, "delivered", anna.delivered(first))
	second := bruno.says("Anna", "ciao a te")
	bruno.within(waitLong, "delivered", bruno.delivered(second))
	for range 20 {
		anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "ping")))
		bruno.within(waitLong, "delivered", bruno.delivered(bruno.says("Anna", "pong")))
	}
	if a, b := anna.texts("Bruno"), bruno.texts("Anna"); !slices.Equal(a, b) || len(a) != 42 || a[0] != "ciao" || a[1] != "ciao a te" {
		t.Errorf("the logs differ: %v, %v", a, b)
	}
}

// says several texts in batches and returns the last message.
func (p *person) saysAll(to string, texts []string) (last Message) {
	p.t.Helper()
	for batch := range slices.Chunk(texts, 500) {
		var out []Outgoing
		for _, text := range batch {
			out = append(out, Outgoing{To: to, Text: text})
		}
		for _, r := range p.Send(p.t.Context(), out) {
			if r.Err != nil {
				p.t.Fatal(r.Err)
			}
			last = r.Message
		}
	}
	return last
}

func numbered(who string, count int) []string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = fmt.Sprintf("%s %d", who, i)
	}
	return texts
}

// from are those of texts that begin with who.
func from(who string, texts []string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return !strings.HasPrefix(s, who) })
}

// What each writes while the other is away arrives in order and once, through stops
// and kills of either.
func TestAway(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	wantA, wantB := numbered("a", 120), numbered("b", 120)
	for i := range 6 {
		part := func(all []string) []string { return all[i*20 : (i+1)*20] }
		leave := [][2]func(){{bruno.stop, anna.stop}, {bruno.kill, anna.kill}}[i%2]
		leave[0]()
		anna.saysAll("Bruno", part(wantA))
		leave[1]()
		bruno.start()
		bruno.saysAll("Anna", part(wantB))
		anna.start()
	}
	for p, other := range map[*person]*person{anna: bruno, bruno: anna} {
		p.within(waitLong, "all is there", func() bool {
			texts := p.texts(other.name)
			return len(from("a", slices.Clone(texts))) >= len(wantA) && len(from("b", texts)) >= len(wantB)
		})
		texts := p.texts(other.name)
		if a, b := from("a", slices.Clone(texts)), from("b", texts); !slices.Equal(a, wantA) || !slices.Equal(b, wantB) {
			t.Errorf("%s has %v, %v", p.name, a, b)
		}
		last, err := p.Log(t.Context(), other.name, LogQuery{})
		if err != nil {
			t.Fatal(err)
		}
		p.within(waitLong, "everything is delivered", func() bool {
			for _, m := range last {
				if m.Mine && !p.delivered(m)() {
					return false
				}
			}
			return true
		})
	}
}

// More than the window of a session holds.
func TestManyQueued(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	want := numbered("a", 2000)
	anna.saysAll("Bruno", want)
	bruno.start()
	bruno.within(60*time.Second, "all is there", func() bool { return len(bruno.texts("Anna")) >= len(want) })
	if got := bruno.texts("Anna"); !slices.Equal(got, want) {
		t.Errorf("%d texts, or in another order", len(got))
	}
}

// More blobs than may be unreceipted, as each goes alone.
func TestWindow(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	noise := make([]byte, 20_000) // three fit a blob
	var want []string
	for range 150 {
		_, _ = rand.Read(noise)
		want = append(want, hex.EncodeToString(noise))
	}
	anna.saysAll("Bruno", want)
	small := numbered("a", 1200)
	for _, text := range small {
		anna.says("Bruno", text)
	}
	want = append(want, small...)
	bruno.within(60*time.Second, "all is there", func() bool { return len(bruno.texts("Anna")) >= len(want) })
	if !slices.Equal(bruno.texts("Anna"), want) {
		t.Error("not what was sent, or in another order")
	}
}

// Both write before there is a session: one of the two starts wins, nothing is lost.
func TestBothStart(t *testing.T) {
	t.Parallel()
	for range 5 {
		lan := newAir()
		anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
		anna.befriends(bruno)
		for p, other := range map[*person]string{anna: "Bruno", bruno: "Anna"} {
			p.inside(func(t *turn) error { // as if no start had been seen yet
				d := p.device(other)
				blobs, err := t.start(d)
				if err != nil || blobs == nil {
					return err
				}
				return t.step(d, outbox.Sealed{Blobs: blobs})
			})
		}
		a, b := anna.says("Bruno", "a"), bruno.says("Anna", "b")
		anna.within(waitLong, "delivered", anna.delivered(a))
		bruno.within(waitLong, "delivered", bruno.delivered(b))
		anna.stop()
		bruno.stop()
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bad := map[int]Outgoing{
		3: {To: "Nobody", Text: "x"}, 100: {To: "Bruno"}, 250: {To: "Bruno", Text: "\xff"},
		499: {To: "Bruno", Text: strings.Repeat("x", conversation.TextMax+1)},
	}
	wants := map[int]error{3: ErrNotFound, 100: ErrText, 250: ErrText, 499: ErrTooLong}
	batch := make([]Outgoing, 500)
	var want []string
	for i := range batch {
		batch[i] = Outgoing{To: "Bruno", Text: fmt.Sprint(i)}
		if o, isBad := bad[i]; isBad {
			batch[i] = o
		} else {
			want = append(want, batch[i].Text)
		}
	}
	for i, r := range anna.Send(t.Context(), batch) {
		if !errors.Is(r.Err, wants[i]) || (wants[i] == nil) != (r.Err == nil) {
			t.Errorf("%d: %v, not %v", i, r.Err, wants[i])
		}
		if r.Err == nil && r.Message.Text != batch[i].Text {
			t.Errorf("%d: %q", i, r.Message.Text)
		}
	}
	bruno.within(waitLong, "has all", func() bool { return len(bruno.texts("Anna")) == len(want) })
	if !slices.Equal(bruno.texts("Anna"), want) {
		t.Error("not what was sent")
	}
}

// The longest text, of bytes that do not compress.
func TestLongestText(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	var text strings.Builder
	for text.Len() < conversation.TextMax {
		var b [2]byte
		_, _ = rand.Read(b[:])
		text.WriteRune(min(0x80+rune(b[0])<<3+rune(b[1])&7, 0x7ff)) // two bytes each
	}
	long := text.String()
	r := anna.Send(t.Context(), []Outgoing{{To: "Bruno", Text: long + "x"}})
	if !errors.Is(r[0].Err, ErrTooLong) || !strings.Contains(r[0].Err.Error(), "60,000") {
		t.Errorf("60,001 bytes: %v", r[0].Err)
	}
	for range 3 {
		anna.says("Bruno", long)
	}
	bruno.within(waitLong, "arrives", func() bool { return slices.Equal(bruno.texts("Anna"), []string{long, long, long}) })
}

// A receipt that was lost with its link, or with the turn that it was read in, is given
// again for the blob that is offered again.
func TestLostReceipt(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	var heard *live
	anna.inside(func(*turn) error { // she sends, and hears nothing
		r := anna.device("Bruno").route
		heard = r.live
		deaf := *r.live
		r.live = &deaf
		return nil
	})
	m := anna.says("Bruno", "ciao")
	bruno.within(waitLong, "arrives", func() bool { return len(bruno.texts("Anna")) == 1 })
	time.Sleep(100 * time.Millisecond)
	if anna.delivered(m)() {
		t.Fatal("the receipt was not lost")
	}
	anna.inside(func(*turn) error {
		anna.device("Bruno").route.live = heard
		return nil
	})
	anna.within(waitLong, "delivered", anna.delivered(m))
	if got := bruno.texts("Anna"); len(got) != 1 {
		t.Errorf("shown %d times", len(got))
	}
}

// TestExport: all that was said comes once, in the order of the log, over more than one
// page.
func TestExport(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	var batch []Outgoing
	for i := range 2*logPage + 7 {
		batch = append(batch, Outgoing{To: "Bruno", Text: fmt.Sprint(i)})
	}
	anna.Send(t.Context(), batch)
	bruno.says("Anna", "and I")
	anna.within(waitLong, "hears Bruno", func() bool { return len(anna.texts("Bruno")) == len(batch)+1 })
	messages, err := anna.Export(t.Context(), "Bruno")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for m, err := range messages {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, m.Text)
	}
	if !slices.Equal(texts, anna.texts("Bruno")) {
		t.Errorf("%d messages were exported of %d", len(texts), len(batch)+1)
	}
	if _, err := anna.Export(t.Context(), "Carla"); !errors.Is(err, ErrNotFound) {
		t.Errorf("with nobody: %v", err)
	}
	for range messages {
		break // whoever has enough may stop
	}
	ctx, cancel := context.WithCancel(t.Context())
	messages, err = anna.Export(ctx, "Bruno")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for m, err := range messages {
		if err == nil {
			t.Fatalf("a cancelled export goes on with %q", m.Text)
		}
	}
}
