package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"sottovoce/mesh"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
	"sottovoce/relay"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/relaytest"
	"sottovoce/relay/supernode"
	"sottovoce/relay/witness"
)

// villager is somebody with a node and a client of supernodes, on a LAN in memory; supernodes are on loopback.
type villager struct {
	t      *testing.T
	name   string
	home   string
	host   *simlan.Host
	node   *mesh.Node
	client *relay.Client
	end    func()
}

func loopback() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:0") }

func (v *villager) start() {
	v.t.Helper()
	db, err := store.Open(v.home, rand.Reader)
	if err != nil {
		v.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	v.client, err = relay.NewClient(relay.Config{Keep: keep{db}, Listen: loopback, Rand: rand.Reader, Now: time.Now, Log: log})
	if err != nil {
		v.t.Fatal(err)
	}
	v.node, err = mesh.New(mesh.Config{
		Store: db, Finder: v.host.Finder(), Conn: v.host.Listen(), Rand: rand.Reader, Log: log, Vouched: func() bool { return true },
		Listen: func() (net.PacketConn, error) { return v.host.Listen(), nil }, Custodian: custodian{v.client},
	})
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- v.node.Run(ctx) }()
	v.end = func() {
		cancel()
		if err := errors.Join(<-ended, db.Close()); err != nil {
			v.t.Error(err)
		}
	}
}

// until waits until something is so.
func (v *villager) until(what string, is func() bool) {
	v.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.t.Fatalf("%s: not so after 40 s: %s; %+v", v.name, what, v.client.Communities())
		}
	}
}

// texts are what somebody else wrote, in the order of the conversation.
func (v *villager) texts(from string) (texts []string) {
	v.t.Helper()
	messages, err := v.node.Log(v.t.Context(), from, mesh.LogQuery{})
	if err != nil {
		v.t.Fatal(err)
	}
	for _, m := range messages {
		if !m.Mine {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

func (v *villager) send(to, text string) {
	v.t.Helper()
	if r := v.node.Send(v.t.Context(), []mesh.Outgoing{{To: to, Text: text}}); r[0].Err != nil {
		v.t.Fatal(r[0].Err)
	}
}

// village is two people, and two supernodes of one community, the first of which lies.
type village struct {
	anna, bruno *villager
	liar        *relaytest.Liar
	lies        *supernode.Supernode
}

// serve runs a supernode until the test ends.
func serve(t *testing.T, dir string, lie func(mailbox.Store) mailbox.Store) *supernode.Supernode {
	t.Helper()
	conn, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	s, err := supernode.Open(dir, supernode.Config{
		Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Conn: conn, Vouched: func() bool { return true }, Store: lie,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := s.Advertise([]string{conn.LocalAddr().String()}); err != nil {
		t.Fatal(err)
	}
	return s
}

// newVillage founds all of it: both have joined, are contacts and have written to each other.
func newVillage(t *testing.T) *village {
	t.Helper()
	w := &village{}
	first, second := t.TempDir(), t.TempDir()
	policy := community.Policy{Days: 58, Disk: 1 << 30, Tokens: 1000}
	made, err := supernode.Found(first, supernode.Charter{Name: "Villa", Policy: policy}, supernode.Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.lies = serve(t, first, func(s mailbox.Store) mailbox.Store { w.liar = relaytest.NewLiar(s); return w.liar })
	root, err := community.ParseWords(strings.Join(made.Words, " "))
	if err != nil {
		t.Fatal(err)
	}
	seat, err := w.lies.InviteSupernode(made.Community, root, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := supernode.Enter(t.Context(), second, seat, nil, supernode.Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Conn: conn}); err != nil {
		t.Fatal(err)
	}
	serve(t, second, nil)

	lab := simlan.New(1)
	lan := lab.LAN(simlan.Weather{})
	for at, name := range map[**villager]string{&w.anna: "Anna", &w.bruno: "Bruno"} {
		v := &villager{t: t, name: name, home: filepath.Join(t.TempDir(), name), host: lab.Host()}
		if err := mesh.Found(v.home, name, rand.Reader); err != nil {
			t.Fatal(err)
		}
		v.host.Join(lan)
		v.start()
		*at = v
		link, err := w.lies.Invite(made.Community, 1, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.client.Join(t.Context(), link.Text()); err != nil {
			t.Fatal(err)
		}
		v.until("both supernodes are reached", func() bool {
			all := v.client.Communities()[0].Supernodes
			return len(all) == 2 && all[0].Reached && all[1].Reached
		})
	}
	w.anna.until("Bruno is asked", func() bool { _, err := w.anna.node.Add(t.Context(), "Bruno"); return err == nil })
	w.bruno.until("Anna is accepted", func() bool { _, err := w.bruno.node.Accept(t.Context(), "Anna"); return err == nil })
	w.anna.until("they are contacts", func() bool {
		people, err := w.anna.node.Contacts(t.Context())
		return err == nil && len(people) == 1 && people[0].Via == mesh.ViaLink
	})
	w.anna.send("Bruno", "ciao")
	w.bruno.send("Anna", "ciao")
	w.anna.until("both have written", func() bool { return len(w.anna.texts("Bruno")) == 1 && len(w.bruno.texts("Anna")) == 1 })
	return w
}

// villageLies are what the first supernode does. How each lie is found out is tested beside the supernode; here, that it costs nobody a message.
var villageLies = map[string]struct {
	lie   func(l *relaytest.Liar) (stop func())
	found bool
}{
	"drops":  {func(l *relaytest.Liar) func() { l.Drop(true); return func() { l.Drop(false) } }, true},
	"junk":   {func(l *relaytest.Liar) func() { l.Show(relaytest.Junk()); return func() {} }, true},
	"stalls": {func(l *relaytest.Liar) func() { return l.Stall() }, false},
}

// TestSupernodeThatLies: whatever one of two supernodes does, what is written to somebody away arrives, in order and once, and the
// sender sees it; and it is found out, unless it only waits or repeats itself.
func TestSupernodeThatLies(t *testing.T) {
	t.Parallel()
	for name, c := range villageLies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newVillage(t)
			stop := c.lie(w.liar)
			w.bruno.end()
			w.bruno.host.Leave()
			var want []string
			for i := range 6 {
				text := fmt.Sprintf("message %d", i)
				w.anna.send("Bruno", text)
				want = append(want, text)
			}
			w.anna.until("the honest one holds all, and the liar has lied", func() bool {
				messages, err := w.anna.node.Log(t.Context(), "Bruno", mesh.LogQuery{})
				short := func(m mesh.Message) bool {
					return m.Mine && m.State != conversation.StateDelivered && !slices.ContainsFunc(m.HeldBy, func(k mesh.Keeper) bool { return k.ID != w.lies.ID() })
				}
				return err == nil && !slices.ContainsFunc(messages, short) && (name != "drops" || w.liar.Dropped())
			})
			stop()
			if c.found {
				w.anna.until("the breach is told", func() bool {
					for _, s := range w.anna.client.Communities()[0].Supernodes {
						if s.ID == w.lies.ID() && len(s.Breaches) > 0 {
							return true
						}
						if s.ID != w.lies.ID() && len(s.Breaches) > 0 {
							t.Fatalf("the honest one is accused: %v", s.Breaches)
						}
					}
					return false
				})
			}
			w.anna.end()
			w.anna.host.Leave()
			w.bruno.start()
			w.bruno.until("all has come", func() bool { return len(w.bruno.texts("Anna")) > 6 })
			if got := w.bruno.texts("Anna"); strings.Join(got[1:], ",") != strings.Join(want, ",") {
				t.Errorf("Bruno reads %q", got)
			}
			w.bruno.send("Anna", "letto")
			w.bruno.until("the answer is held", func() bool {
				messages, err := w.bruno.node.Log(t.Context(), "Anna", mesh.LogQuery{})
				return err == nil && messages[len(messages)-1].State == conversation.StateHeld
			})
			w.bruno.end()
			w.anna.start()
			w.anna.until("all is delivered", func() bool {
				messages, err := w.anna.node.Log(t.Context(), "Bruno", mesh.LogQuery{})
				if err != nil || len(w.anna.texts("Bruno")) != 2 {
					return false
				}
				for _, m := range messages {
					if m.Mine && m.State < conversation.StateDelivered {
						return false
					}
				}
				return true
			})
			w.anna.end()
		})
	}
}

// TestOneBlobHidden: a supernode that signs to one member for a day without one blob, and nothing else happens on that day, is named when the
// two tell each other what it has signed at the end of it; the message is there meanwhile, from the other supernode.
func TestOneBlobHidden(t *testing.T) {
	t.Parallel()
	w := newVillage(t)
	accused := func(v *villager) (kinds []relay.BreachKind) {
		for _, s := range v.client.Communities()[0].Supernodes {
			for _, b := range s.Breaches {
				if s.ID != w.lies.ID() {
					t.Errorf("the honest one is accused: %v", s.Breaches)
				}
				kinds = append(kinds, b.Kind)
			}
		}
		return kinds
	}
	signed := func(v *villager) uint32 { // the last day that the liar has closed for them, as their card tells contacts; 0: none
		nobody := [32]byte{1}
		var card struct {
			Logs []struct {
				Sign  [32]byte            `cbor:"2,keyasint"`
				Agree [32]byte            `cbor:"3,keyasint"`
				Last  *witness.Checkpoint `cbor:"6,keyasint"`
			} `cbor:"1,keyasint"`
		}
		if err := cbor.Unmarshal(v.client.Mailbox(nobody, v.client.Mailbox(nobody, nil)), &card); err != nil {
			t.Fatal(err)
		}
		for _, l := range card.Logs {
			if l.Last != nil && (community.Supernode{Sign: l.Sign, Agree: l.Agree}).ID() == w.lies.ID() {
				return l.Last.Day
			}
		}
		return 0
	}
	w.anna.until("a day is signed for", func() bool { return signed(w.anna) > 0 })
	night := signed(w.anna) + 1
	w.bruno.end()
	w.anna.send("Bruno", "vieni?")
	w.anna.until("all is held", func() bool {
		messages, err := w.anna.node.Log(t.Context(), "Bruno", mesh.LogQuery{})
		return err == nil && messages[len(messages)-1].State == conversation.StateHeld && len(messages[len(messages)-1].HeldBy) == 2
	})
	w.liar.Night()
	w.anna.end()
	w.anna.start()
	w.anna.until("the night is signed for", func() bool { return signed(w.anna) == night })
	w.anna.end()
	hidden := int(w.liar.Store.Head(mailbox.Community(w.anna.client.Communities()[0].ID)).Cursor) - 1
	w.liar.Show(relaytest.Without(hidden))
	goOn := w.liar.Stall() // what he would deposit waits: the place of his own receipt would give the lie away to him
	w.bruno.start()
	w.bruno.until("the message has come", func() bool { return len(w.bruno.texts("Anna")) == 2 })
	w.bruno.until("the night is signed for", func() bool { return signed(w.bruno) == night })
	if kinds := accused(w.bruno); len(kinds) > 0 {
		t.Fatalf("Bruno finds %v alone", kinds)
	}
	w.liar.Show(nil)
	goOn()
	w.anna.start()
	w.anna.until("they find it together", func() bool {
		return slices.Contains(append(accused(w.anna), accused(w.bruno)...), relay.BreachSplit)
	})
	w.anna.end()
	w.bruno.end()
}
