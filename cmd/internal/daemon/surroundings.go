package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/doctor"
	"sottovoce/discovery/mdns"
	"sottovoce/mesh/fence"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
)

// hour is what the epoch of an announcement counts.
const hour = 3600

// throwaway announces a node whom nobody knows and nobody is shown: all of it is random, and
// no profile is in it.
func throwaway() *peer.Announcement {
	var labels [16]byte
	a := &peer.Announcement{Version: 1, Epoch: uint32(time.Now().Unix() / hour), Port: 9} // "discard": nobody listens
	for _, field := range [][]byte{labels[:], a.Nonce[:], a.Fingerprint[:], a.Slots[0][:], a.Slots[1][:], a.Slots[2][:], a.Slots[3][:]} {
		_, _ = rand.Read(field) // it never fails
	}
	a.Instance, a.Host = hex.EncodeToString(labels[:8]), hex.EncodeToString(labels[8:])
	return a
}

// saw takes a sighting of our own finder.
func (x *examination) saw(s peer.Sighting) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s.Gone {
		delete(x.epochs, s.Instance)
		return
	}
	if x.epochs == nil {
		x.epochs = make(map[string]time.Time)
	}
	x.epochs[s.Instance] = time.Unix(int64(s.Epoch)*hour, 0)
}

// acquainted reports whether it is time to say who is heard: a node that runs knows already.
func (x *examination) acquainted() bool {
	return x.node != nil || time.Since(x.began) > strangeTime
}

// countOthers finds out who is heard, and what their clocks say.
func (x *examination) countOthers(ctx context.Context) {
	var off []time.Duration
	if x.node != nil {
		off, _ = x.node.Clocks(ctx) // it fails when the node stops, and then nobody reads on
	} else {
		x.mu.Lock()
		for _, at := range x.epochs {
			off = append(off, at.Sub(x.clock.now().Truncate(time.Hour)))
		}
		x.mu.Unlock()
	}
	x.around.Others = len(off)
	for _, d := range off {
		x.around.Dates = append(x.around.Dates, doctor.Date(d))
	}
}

// ask asks contacts what they see of us.
func (x *examination) ask(ctx context.Context) {
	if x.node == nil {
		return
	}
	select {
	case <-time.After(time.Until(x.began.Add(burstTime))):
	case <-ctx.Done():
	}
	views, err := x.node.Look(ctx, x.began)
	if err != nil {
		return // the node stops, or nobody reads on
	}
	for _, v := range views {
		x.contacts = append(x.contacts, doctor.Contact{
			Name: v.Person.Name, Linked: v.Linked, Failures: v.Failures, Here: x.isHere(v.At.Addr()), Answered: v.Answered,
			WeHear: v.We4+v.We6 > 0, TheyHear: v.They4+v.They6 > 0, Full: v.Full, Knocked: v.Knocked, Came: v.Came,
		})
		if v.Answered { // it has called out just now
			x.legs = legsOf(x.finder.Health(), x.began, x.began)
		}
	}
}

// isHere reports whether an address is on a network of ours.
func (x *examination) isHere(addr netip.Addr) bool {
	if addr.IsLinkLocalUnicast() || addr.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(x.interfaces, func(i doctor.Interface) bool {
		return i.Used && slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
	})
}

func (x *examination) usedNames() (names []string) {
	for _, i := range x.interfaces {
		if i.Used {
			names = append(names, i.Name)
		}
	}
	return names
}

// taken says why the port that is wanted for links cannot be had; the node that runs has its own.
func (x *examination) taken() string {
	if x.node != nil {
		return ""
	}
	conn, err := listen(x.listen)
	if err != nil {
		what, _, _ := strings.Cut(err.Error(), "; ") // what to do stands with the finding
		return what
	}
	_ = conn.Close()
	return ""
}

// legsOf judges how the interfaces fare. What left before since is not asked for its echo: it
// may be from a time when all was well, or not. Others count if they were heard since lately.
func legsOf(all []mdns.Health, since, lately time.Time) (legs []doctor.Leg) {
	for _, h := range all {
		left := h.Announced.After(since)
		legs = append(legs, doctor.Leg{
			Interface: h.Interface, IPv6: h.IPv6, Failed: h.Failed, Left: left, Echo: left && !h.Echo.Before(since),
			Foreign: h.Foreign.After(lately),
		})
	}
	return legs
}

// interfacesOf lists the interfaces of this machine with what discovery says of each.
func interfacesOf(finder *mdns.Finder) (list []doctor.Interface) {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	used, skipped := finder.Interfaces(), finder.Skipped()
	for _, n := range all {
		i := doctor.Interface{Name: n.Name, Used: slices.Contains(used, n.Name), Kind: interfaceKind(n), MTU: n.MTU}
		for _, s := range skipped {
			if s.Interface == n.Name {
				i.Why = string(s.Reason)
			}
		}
		addresses, _ := n.Addrs() // an interface that is just going has none
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				i.Prefixes = append(i.Prefixes, p)
			}
		}
		list = append(list, i)
	}
	return list
}

// reasonOf is an error's text; none is empty.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

const (
	knocks     = 3 // packets of one knock: one may be lost
	knockPause = 50 * time.Millisecond
)

// knocker makes what shows a contact whether strangers' packets reach it: from a port of its
// own, behind the fence that is around the socket of links.
//
// spec: 03-links#look-and-view
func knocker(around *fence.Fence) func(to peer.Endpoint, nonce [8]byte) {
	return func(to peer.Endpoint, nonce [8]byte) {
		socket, err := net.ListenUDP("udp", nil)
		if err != nil {
			return
		}
		conn := around.Wrap(socket)
		defer conn.Close()
		for range knocks {
			_, _ = conn.WriteTo(link.Knock(nonce), net.UDPAddrFromAddrPort(to)) // the contact tells that nothing came
			time.Sleep(knockPause)
		}
	}
}
