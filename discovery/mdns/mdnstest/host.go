package mdnstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	hashicorp "github.com/hashicorp/mdns"
	"github.com/miekg/dns"

	"sottovoce/discovery/mdns"
	"sottovoce/mesh/peer"
)

const (
	// queueMax is how many packets wait for a reader; more are lost, as a kernel does it.
	queueMax = 256
	// firstPort is where ports of a socket's own begin.
	firstPort = 49152
	mdnsPort  = 5353
)

// Host is a machine with any number of interfaces. It implements mdns.System.
type Host struct {
	net      *Net
	nics     []*nic
	sockets  []*socket // in the order in which they were opened
	watchers []chan struct{}
	port     uint16        // given out
	slept    time.Duration // the clock's lead over package time's
	traffic  Traffic
}

// Traffic is what went over a host's interfaces, in bytes with all headers. Own
// echoes do not count.
type Traffic struct{ Sent, Received int }

type nic struct {
	mdns.Interface
	host   *Host
	lan    *LAN // nil once it was unplugged
	router mdns.Router
}

// Host adds a machine without interfaces.
func (n *Net) Host() *Host { return &Host{net: n, port: firstPort} }

// Plug adds an interface with a new index and hardware address, or moves the one of that name to
// another LAN and other addresses, both and the sockets kept.
func (h *Host) Plug(name string, l *LAN, addresses ...netip.Prefix) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	var n *nic
	if i := slices.IndexFunc(h.nics, func(n *nic) bool { return n.Name == name }); i >= 0 {
		n = h.nics[i]
		n.leave()
		n.Carriers += 2
	} else {
		h.net.index++
		up := net.FlagUp | net.FlagRunning | net.FlagBroadcast | net.FlagMulticast
		mac := peer.MAC{2, 0, 0, 0, byte(h.net.index >> 8), byte(h.net.index)}
		n = &nic{Interface: mdns.Interface{Name: name, Index: h.net.index, Flags: up, MAC: mac}, host: h}
		h.nics = append(h.nics, n)
	}
	n.lan, n.Prefixes = l, slices.SortedFunc(slices.Values(addresses), netip.Prefix.Compare)
	l.nics = append(slices.Clip(l.nics), n)
	h.changed()
}

// Unplug deletes an interface: sockets on it send and hear nothing any more.
func (h *Host) Unplug(name string) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for _, n := range h.nics {
		if n.Name == name {
			n.leave()
		}
	}
	h.nics = slices.DeleteFunc(slices.Clone(h.nics), func(n *nic) bool { return n.Name == name })
	h.changed()
}

func (n *nic) leave() {
	n.lan.nics = slices.DeleteFunc(slices.Clone(n.lan.nics), func(o *nic) bool { return o == n })
	n.lan = nil
}

// Sleep lets the clock go on by d while nothing else does.
func (h *Host) Sleep(d time.Duration) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.slept += d
	h.changed()
}

// Traffic returns what went over the host's interfaces until now.
func (h *Host) Traffic() Traffic {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.traffic
}

// changed tells the watchers.
func (h *Host) changed() {
	for _, w := range h.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// Interfaces implements mdns.System.
func (h *Host) Interfaces() ([]mdns.Interface, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	var out []mdns.Interface
	for _, n := range h.nics {
		out = append(out, n.Interface)
	}
	return out, nil
}

// Routers implements mdns.System.
func (h *Host) Routers() map[int]mdns.Router {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	out := make(map[int]mdns.Router)
	for _, n := range h.nics {
		if n.router.Addr.IsValid() {
			out[n.Index] = n.router
		}
	}
	return out
}

// Route gives the interface of that name a default router.
func (h *Host) Route(name string, r mdns.Router) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for _, n := range h.nics {
		if n.Name == name {
			n.router = r
		}
	}
	h.changed()
}

// Watch implements mdns.System.
func (h *Host) Watch(ctx context.Context) <-chan struct{} {
	w := make(chan struct{}, 1)
	h.net.mu.Lock()
	h.watchers = append(h.watchers, w)
	h.net.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		h.watchers = slices.DeleteFunc(h.watchers, func(o chan struct{}) bool { return o == w })
		close(w)
	})
	return w
}

// Wall implements mdns.System.
func (h *Host) Wall() time.Time {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return time.Now().Round(0).Add(h.slept)
}

// Open implements mdns.System.
func (h *Host) Open(_ context.Context, on mdns.Interface, family mdns.Family, port uint16) (mdns.Socket, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := slices.IndexFunc(h.nics, func(n *nic) bool { return n.Index == on.Index })
	if i < 0 {
		return nil, syscall.ENODEV
	}
	if port == 0 {
		h.port++
		port = h.port
	}
	s := &socket{nic: h.nics[i], family: family, port: port, in: make(chan arrived, queueMax), closed: make(chan struct{})}
	h.sockets = append(slices.Clip(h.sockets), s)
	return s, nil
}

// has reports whether an address is the interface's.
func (n *nic) has(addr netip.Addr) bool {
	return slices.ContainsFunc(n.Prefixes, func(p netip.Prefix) bool { return p.Addr() == addr.WithZone("") })
}

// receive gives a packet that reached the interface to the sockets it is for: of
// the group every one that listens there; of several on one port otherwise the
// one that was opened last, on whichever interface.
func (n *nic) receive(p Packet, own bool) {
	if n.lan == nil {
		return
	}
	if !own {
		n.host.traffic.Received += p.Size()
	}
	group := p.To.Addr().IsMulticast()
	for _, s := range slices.Backward(n.host.sockets) {
		if s.port != p.To.Port() || (s.family == mdns.IPv4) != p.To.Addr().Is4() || group && s.nic != n {
			continue
		}
		select {
		case s.in <- arrived{p.Payload, n.arrival(p)}:
		default: // the reader is too slow
		}
		if !group {
			return
		}
	}
}

func (n *nic) arrival(p Packet) mdns.Arrival {
	from := p.From
	if from.Addr().IsLinkLocalUnicast() && from.Addr().Is6() {
		from = netip.AddrPortFrom(from.Addr().WithZone(n.Name), from.Port())
	}
	return mdns.Arrival{From: from, Index: n.Index, Group: p.To.Addr().IsMulticast()}
}

// socket implements mdns.Socket.
type socket struct {
	nic    *nic
	family mdns.Family
	port   uint16
	in     chan arrived
	closed chan struct{} // closed by Close
}

type arrived struct {
	payload []byte
	mdns.Arrival
}

// Send implements mdns.Socket. Unicast leaves by the interface of the socket.
func (s *socket) Send(b []byte, to netip.AddrPort) error {
	n := s.nic.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.nic.lan == nil {
		return syscall.ENODEV
	}
	if !to.IsValid() {
		to = netip.AddrPortFrom(group(s.family), mdnsPort)
	}
	from, ok := s.nic.source(s.family)
	if !ok {
		return syscall.ENETUNREACH
	}
	s.nic.lan.carry(s.nic, Packet{time.Now(), netip.AddrPortFrom(from, s.port), to, bytes.Clone(b)})
	return nil
}

func group(f mdns.Family) netip.Addr {
	if f == mdns.IPv4 {
		return netip.AddrFrom4([4]byte{224, 0, 0, 251})
	}
	return netip.MustParseAddr("ff02::fb")
}

// source is the address that packets leave from: of IPv6 the link-local one.
func (n *nic) source(f mdns.Family) (netip.Addr, bool) {
	for _, p := range n.Prefixes {
		if a := p.Addr(); f == mdns.IPv4 && a.Is4() || f == mdns.IPv6 && a.Is6() && a.IsLinkLocalUnicast() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// Receive implements mdns.Socket.
func (s *socket) Receive(b []byte) (int, mdns.Arrival, error) {
	select {
	case <-s.closed:
		return 0, mdns.Arrival{}, net.ErrClosed
	case p := <-s.in:
		return copy(b, p.payload), p.Arrival, nil
	}
}

// Close implements mdns.Socket.
func (s *socket) Close() error {
	h := s.nic.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if !slices.Contains(h.sockets, s) {
		return net.ErrClosed
	}
	h.sockets = slices.DeleteFunc(slices.Clone(h.sockets), func(o *socket) bool { return o == s })
	close(s.closed)
	return nil
}

// server answers as the responder of a real machine does, from a zone.
type server struct {
	sockets []mdns.Socket
	ended   sync.WaitGroup
}

// Serve implements mdns.System.
func (h *Host) Serve(on mdns.Interface, zone hashicorp.Zone) (io.Closer, error) {
	s := &server{}
	for _, f := range []mdns.Family{mdns.IPv4, mdns.IPv6} {
		c, err := h.Open(context.Background(), on, f, mdnsPort)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.sockets = append(s.sockets, c)
		s.ended.Go(func() { serve(c, zone) })
	}
	return s, nil
}

// Close implements io.Closer.
func (s *server) Close() (err error) {
	for _, c := range s.sockets {
		err = errors.Join(err, c.Close())
	}
	s.ended.Wait()
	return err
}

// serve answers one question after the other, always by unicast, and repeats the id of those that wanted that.
func serve(c mdns.Socket, zone hashicorp.Zone) {
	buf := make([]byte, 9000)
	for {
		n, from, err := c.Receive(buf)
		if err != nil {
			return
		}
		var m dns.Msg
		if n < 12 || buf[2]&0x80 != 0 || m.Unpack(buf[:n]) != nil {
			continue // no question
		}
		answer := dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
		for _, q := range m.Question {
			rrs := zone.Records(q)
			answer.Answer = append(answer.Answer, rrs...)
			if len(rrs) > 0 && q.Qclass&(1<<15) != 0 {
				answer.Id = m.Id
			}
		}
		if b, err := answer.Pack(); err == nil && len(answer.Answer) > 0 {
			_ = c.Send(b, from.From) // an interface that is gone answers nobody
		}
	}
}
