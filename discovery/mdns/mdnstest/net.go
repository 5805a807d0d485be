// Package mdnstest has LANs in memory, on which Finders of package mdns send each
// other their real packets: multicast and unicast, in both families, with loss and
// delay, between hosts with several interfaces that come and go. All times are
// package time's, so that it runs in the virtual time of testing/synctest.
//
//	net := mdnstest.New(seed)
//	lan := net.LAN(mdnstest.Weather{Delay: time.Millisecond})
//	lan.Tap(func(p mdnstest.Packet) { … }) // everything, as an observer on the LAN sees it
//	host := net.Host()
//	host.Plug("eth0", lan, netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fe80::1/64"))
//	finder := mdns.New(mdns.Config{System: host})
//
// A Host is the System of any number of Finders, as the programs of one machine
// share it. QUIC's packets are mesh/simlan's: give hosts there the same addresses.
package mdnstest

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Weather is how a LAN treats each copy of a packet. The zero value is a perfect LAN.
type Weather struct {
	Loss    float64       // share of copies that are lost
	Delay   time.Duration // until they arrive
	Unicast bool          // multicast reaches nobody but the sender's host
}

// Net is a set of LANs and the hosts that may be plugged into them.
type Net struct {
	mu     sync.Mutex // guards everything in this package
	random *rand.Rand
	index  int // of interfaces, given out
}

// New returns a network without LANs. The seed decides what is lost.
func New(seed uint64) *Net { return &Net{random: rand.New(rand.NewPCG(seed, 0))} }

// LAN adds a LAN.
func (n *Net) LAN(w Weather) *LAN { return &LAN{net: n, weather: w} }

// LAN is what interfaces are plugged into.
type LAN struct {
	net     *Net
	weather Weather
	nics    []*nic
	taps    []func(Packet)
}

// Packet is a UDP packet on a LAN.
type Packet struct {
	Time    time.Time
	From    netip.AddrPort
	To      netip.AddrPort
	Payload []byte // not to be changed
}

// Size is the packet's length on an Ethernet, in bytes: with the headers of
// Ethernet, IP and UDP.
func (p Packet) Size() int {
	if p.From.Addr().Is4() {
		return 14 + 20 + 8 + len(p.Payload)
	}
	return 14 + 40 + 8 + len(p.Payload)
}

// SetWeather changes how packets are treated from now on.
func (l *LAN) SetWeather(w Weather) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	l.weather = w
}

// Tap lets f see every packet that is sent from now on, lost ones too, before it
// arrives anywhere. f is called by one goroutine at a time and must not block.
func (l *LAN) Tap(f func(Packet)) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	l.taps = append(l.taps, f)
}

// Say sends a packet as somebody on the LAN who is no host of it; from is where
// answers go, and they are lost.
func (l *LAN) Say(from, to netip.AddrPort, payload []byte) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	l.carry(nil, Packet{time.Now(), from, to, payload})
}

// carry brings a packet of an interface to all it is for.
func (l *LAN) carry(from *nic, p Packet) {
	for _, f := range l.taps {
		f(p)
	}
	if from != nil {
		from.host.traffic.Sent += p.Size()
	}
	group := p.To.Addr().IsMulticast()
	for _, to := range l.nics {
		own := to == from
		if group && !own && l.weather.Unicast || !group && !to.has(p.To.Addr()) || !own && l.net.random.Float64() < l.weather.Loss {
			continue
		}
		if own || l.weather.Delay == 0 {
			to.receive(p, own)
			continue
		}
		time.AfterFunc(l.weather.Delay, func() {
			l.net.mu.Lock()
			defer l.net.mu.Unlock()
			to.receive(p, false)
		})
	}
}
