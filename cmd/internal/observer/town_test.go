package observer

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sottovoce/discovery/mdns"
	"sottovoce/discovery/mdns/mdnstest"
	"sottovoce/mesh"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
)

// town is one LAN in memory, in virtual time: with the real packets of discovery and of
// links, an observer who gets all of them, and a prober.
type town struct {
	t      *testing.T
	chance *mathrand.Rand
	links  *simlan.Net
	words  *mdnstest.Net
	cables *simlan.LAN
	air    *mdnstest.LAN
	people []*townsman
	log    Log
	prober *Prober
	raw    *simlan.Conn
	begun  map[netip.AddrPort][][]byte // connections of others

	mu      sync.Mutex // guards packets
	packets []Packet
}

// townsman is somebody with a node and a machine for each of the two kinds of packets.
type townsman struct {
	town    *town
	name    string
	home    string
	cable   *simlan.Host
	machine *mdnstest.Host
	end     func() error // nil: the node does not run
}

var weather = 300 * time.Microsecond

func newTown(t *testing.T, homes []string, seed uint64) *town {
	w := &town{t: t, chance: mathrand.New(mathrand.NewPCG(seed, 4)), links: simlan.New(seed), words: mdnstest.New(seed), begun: make(map[netip.AddrPort][][]byte)}
	w.cables = w.links.LAN(simlan.Weather{Delay: weather, Jitter: weather})
	w.air = w.words.LAN(mdnstest.Weather{Delay: weather})
	w.air.Tap(func(p mdnstest.Packet) { w.see(Packet{Time: p.Time, From: p.From, To: p.To, Payload: p.Payload}) })
	for i, home := range homes {
		w.people = append(w.people, &townsman{town: w, name: names[i], home: home, cable: w.links.Host(), machine: w.words.Host()})
	}
	mallory := w.links.Host()
	mallory.Join(w.cables)
	w.prober, w.raw = NewProber(mallory.ListenOn(4000)), mallory.ListenOn(4001)
	return w
}

// see is called with every packet.
func (w *town) see(p Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.Sender = p.From.Addr().String()
	w.packets = append(w.packets, p)
	if b := p.Payload; len(b) >= 1200 && b[0]&0xf0 == 0xc0 {
		w.begun[p.To] = append(w.begun[p.To], b)
	}
}

// heard is a socket whose packets the observer sees.
type heard struct {
	*simlan.Conn
	of *townsman
}

// WriteTo implements net.PacketConn.
func (c heard) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := c.Conn.WriteTo(b, to)
	if err == nil {
		from := netip.AddrPortFrom(c.of.cable.Address(), uint16(c.LocalAddr().(*net.UDPAddr).Port))
		c.of.town.see(Packet{Time: time.Now(), From: from, To: to.(*net.UDPAddr).AddrPort(), Payload: append([]byte(nil), b...)})
	}
	return n, err
}

// listen opens a socket on a port that nothing has, as a system does.
func (p *townsman) listen() (net.PacketConn, error) {
	return heard{p.cable.ListenOn(uint16(32768 + p.town.chance.IntN(28000))), p}, nil
}

// comes plugs somebody in: under new addresses, with another network card.
func (p *townsman) comes(round int) {
	w := p.town
	p.machine.Unplug("eth0")
	p.cable.Join(w.cables)
	var card [8]byte
	for i := range card {
		card[i] = byte(w.chance.Uint32())
	}
	own := p.cable.Address()
	far := netip.AddrFrom16([16]byte{0xfe, 0x80, 8: card[0] | 2, card[1], card[2], 0xff, 0xfe, card[5], card[6], card[7]})
	p.machine.Plug("eth0", w.air, netip.PrefixFrom(own, 16), netip.PrefixFrom(far, 64))
	w.log.Comes(p.name, round, time.Now(), own.String(), far.String())
	if p.end == nil {
		p.start()
	}
}

// goes unplugs somebody without a word, who then is nowhere.
func (p *townsman) goes() {
	p.machine.Unplug("eth0")
	p.cable.Leave()
}

func (p *townsman) start() {
	db, err := store.Open(p.home, rand.Reader)
	if err != nil {
		p.town.t.Fatal(err)
	}
	conn, _ := p.listen()
	node, err := mesh.New(mesh.Config{
		Store: db, Finder: mdns.New(mdns.Config{System: p.machine}), Conn: conn, Listen: p.listen, Rand: rand.Reader,
		Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true },
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	p.end = func() error {
		cancel()
		return errors.Join(<-ended, db.Close())
	}
}

func (p *townsman) stop() {
	if err := p.end(); err != nil {
		p.town.t.Error(err)
	}
	p.end = nil
}

// probe dials everybody, in any order, at the port that was announced last.
func (w *town) probe() {
	ports := make(map[string]uint16)
	w.mu.Lock()
	for _, p := range w.packets {
		for _, a := range Announcements(p) {
			if a.Port != 0 {
				ports[p.Sender] = a.Port
			}
		}
	}
	w.mu.Unlock()
	for _, i := range w.chance.Perm(len(w.people)) { // a place in the order would be a mark
		p := w.people[i]
		at := netip.AddrPortFrom(p.cable.Address(), ports[p.cable.Address().String()])
		if at.Port() == 0 {
			w.t.Errorf("%s is not announced", p.name)
			continue
		}
		w.mu.Lock()
		begun := w.begun[at]
		w.mu.Unlock()
		w.log.Probed(at.Addr().String(), ProbeRaw(w.raw, at, begun))
		w.log.Probed(at.Addr().String(), w.prober.Probe(w.t.Context(), at))
	}
}

// live lets rounds of visits pass: everybody comes at some moment, stays, and goes without a
// word; some run on meanwhile and some start anew. Then the night is long enough to be
// forgotten.
func (w *town) live(rounds int, stay, night time.Duration) {
	for round := range rounds {
		for _, i := range w.chance.Perm(len(w.people)) {
			time.Sleep(time.Duration(w.chance.Int64N(int64(stay / 50))))
			w.people[i].comes(round)
		}
		time.Sleep(stay / 2)
		w.probe()
		time.Sleep(stay / 2)
		for _, i := range w.chance.Perm(len(w.people)) {
			p := w.people[i]
			if w.chance.IntN(3) == 0 || round == rounds-1 {
				p.stop()
			}
			p.goes()
		}
		time.Sleep(night)
	}
	if err := w.prober.Close(); err != nil {
		w.t.Error(err)
	}
}
