package mesh

import (
	"net"
	"testing"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// knocking sends a knock as the program does, once.
func knocking(to peer.Endpoint, nonce [8]byte) {
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, _ = conn.WriteToUDPAddrPort(link.Knock(nonce), to)
}

func (p *person) sees() []View {
	p.t.Helper()
	views, err := p.Look(p.t.Context(), time.Now().Add(-time.Minute))
	if err != nil {
		p.t.Fatal(err)
	}
	return views
}

// A contact tells what it sees of us, where we are, and whether its knock came is known.
func TestLook(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	if got := anna.sees(); len(got) != 0 {
		t.Errorf("without a contact: %+v", got)
	}
	bruno.inside(func(*turn) error { bruno.knock = knocking; return nil })
	anna.befriends(bruno)
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	bruno.within(waitLong, "linked", bruno.finds(bruno.Contacts, "Anna", linked))
	var v View
	anna.within(waitLong, "answered", func() bool { // by a link that nothing takes the place of
		views := anna.sees()
		if len(views) != 1 {
			t.Fatalf("%+v", views)
		}
		v = views[0]
		return v.Answered
	})
	if v.Person.Name != "Bruno" || !v.Answered || !v.Full || !v.Knocked || !v.Came {
		t.Errorf("%+v", v)
	}
	if v.They4 != time.Millisecond || v.They6 != 0 || v.We4 == 0 || v.We6 != 0 {
		t.Errorf("who heard whom: %+v", v)
	}
	if v.Endpoint != anna.local || v.At != bruno.local {
		t.Errorf("endpoints %v and %v, want %v and %v", v.Endpoint, v.At, anna.local, bruno.local)
	}
	// Who does not knock says so.
	if v := bruno.sees()[0]; !v.Answered || v.Knocked || v.Came {
		t.Errorf("%+v", v)
	}
	// Who is asked too often is silent, and the link lives.
	bruno.inside(func(tn *turn) error {
		looks := bruno.device("Anna").route.looks
		for looks.AllowN(tn.now, 1) {
		}
		looks.SetLimitAt(tn.now, 0)
		v := bruno.device("Anna").route.live
		v.link.Close(link.ReasonReplaced)
		return tn.lost(bruno.device("Anna"), v, nil) // another link is no new beginning
	})
	anna.within(waitLong, "linked anew", func() bool {
		return bruno.finds(bruno.Contacts, "Anna", linked)() && anna.finds(anna.Contacts, "Bruno", linked)()
	})
	if views := anna.sees(); views[0].Answered {
		t.Errorf("more than %d looks in a row are answered: %+v", looksAtOnce, views)
	}
	bruno.inside(func(tn *turn) error {
		bruno.device("Anna").route.looks = nil
		return nil
	})
	anna.within(waitLong, "answered later", func() bool {
		v := anna.sees()[0]
		return v.Answered && v.Full
	})
}

// A view that answers no question of ours, or comes from somebody else, changes nothing.
func TestViewUnasked(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	answer := make(chan wire.View, 1)
	anna.inside(func(tn *turn) error {
		d := anna.device("Bruno")
		anna.looks[lookKey{d.row + 1, [8]byte{1}}] = answer
		tn.theyView(d, wire.View{Nonce: [8]byte{1}})
		tn.theyView(d, wire.View{Nonce: [8]byte{2}})
		return nil
	})
	if len(answer) != 0 {
		t.Error("the view of somebody else was taken")
	}
}

// What was heard before somebody asked does not count.
func TestSince(t *testing.T) {
	then := time.Now().Add(-5 * time.Second)
	for ms, want := range map[uint32]time.Duration{0: 0, 1: time.Millisecond, 4900: 4900 * time.Millisecond, 60_000: 0} {
		if got := told(ms, then); got != want {
			t.Errorf("%d ms ago is %v", ms, got)
		}
	}
	if since(time.Second, then) != time.Second || since(time.Minute, then) != 0 || since(0, then) != 0 {
		t.Error("what was before then counts")
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		0: 0, 1: 1, time.Second: 1000, time.Second + 1: 1001, wire.HeardMax * time.Millisecond: wire.HeardMax, wire.HeardMax*time.Millisecond + 1: 0, time.Hour * 100000: 0,
	} {
		if got := ago(d); got != want {
			t.Errorf("%v ago is %d", d, got)
		}
	}
}
