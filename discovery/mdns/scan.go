package mdns

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"sottovoce/discovery"
)

// Progress is how far a scan is.
type Progress struct {
	Asked     int // addresses
	Addresses int // in all
	Found     int // instances that answered so far
}

// target is one address to ask, and the leg it is on the link of.
type target struct {
	leg  *leg
	addr netip.Addr
}

// TooManyError says that a scan would ask more addresses than it may.
type TooManyError struct {
	Interface string
	Subnet    netip.Prefix // zero: it takes all subnets together
}

// Error implements error.
func (e *TooManyError) Error() string {
	if !e.Subnet.IsValid() {
		return fmt.Sprintf("the subnets of our interfaces have more than the %d addresses that a scan asks", scanMax)
	}
	return fmt.Sprintf("%v of %s has more than the %d addresses that a scan asks", e.Subnet, e.Interface, scanMax)
}

// Scan asks each address of our IPv4 subnets by itself, for LANs that lose
// multicast. Who answers becomes a sighting with the source SourceScan, and hears
// our announcement. The asking takes place while the sequence is read, which yields
// progress about four times a second, once a second after the last question, and
// the error of ctx. It fails at once with a *TooManyError, while another scan
// runs, and where there is no IPv4 subnet.
//
// spec: 02-discovery#scan
func (f *Finder) Scan(ctx context.Context) (iter.Seq2[Progress, error], error) {
	targets, err := f.targets()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.found != nil {
		return nil, errors.New("a scan runs already")
	}
	f.found = make(map[string]bool)
	return func(yield func(Progress, error) bool) {
		defer f.endScan()
		f.scan(ctx, targets, yield)
	}, nil
}

func (f *Finder) endScan() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = nil
}

// scan asks and yields.
func (f *Finder) scan(ctx context.Context, targets []target, yield func(Progress, error) bool) {
	progress := func(asked int) Progress {
		f.mu.Lock()
		defer f.mu.Unlock()
		return Progress{asked, len(targets), len(f.found)}
	}
	ids := make(map[*leg]uint16)
	for _, t := range targets {
		if _, drawn := ids[t.leg]; !drawn {
			ids[t.leg] = t.leg.newScanID(f.random)
		}
	}
	tick := time.NewTicker(scanPace)
	defer tick.Stop()
	for i, t := range targets {
		select {
		case <-ctx.Done():
			yield(progress(i), ctx.Err())
			return
		case <-tick.C:
		}
		if b, err := question(ids[t.leg]); err == nil {
			_ = t.leg.asking.Send(b, netip.AddrPortFrom(t.addr, mdnsPort)) // as if nobody was there
		}
		if i%scanTell == 0 && !yield(progress(i+1), nil) {
			return
		}
	}
	select {
	case <-ctx.Done():
		yield(progress(len(targets)), ctx.Err())
	case <-time.After(scanWait):
		yield(progress(len(targets)), nil)
	}
}

// targets are all addresses to ask: of our subnets, without ourselves.
func (f *Finder) targets() ([]target, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []target
	seen := make(map[netip.Addr]bool)
	for _, l := range f.lines {
		for _, p := range *l.own.Load() {
			i := slices.IndexFunc(l.legs, func(g *leg) bool { return g.family == IPv4 })
			if i < 0 || !p.Addr().Is4() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
				continue
			}
			if p.Bits() < 32-scanBits {
				return nil, &TooManyError{l.name, p.Masked()}
			}
			for _, addr := range hosts(p) {
				if !seen[addr] && !l.owns(addr) {
					seen[addr] = true
					out = append(out, target{l.legs[i], addr})
				}
			}
		}
	}
	switch {
	case len(out) > scanMax:
		return nil, &TooManyError{}
	case len(out) == 0:
		return nil, errors.New("there is no IPv4 subnet to scan")
	}
	return out, nil
}

// hosts are the addresses of a subnet that a host can have.
func hosts(p netip.Prefix) (out []netip.Addr) {
	n := discovery.Net{Prefixes: []netip.Prefix{p}}
	for addr := p.Masked().Addr(); p.Contains(addr); addr = addr.Next() {
		if n.OnLink(addr) {
			out = append(out, addr)
		}
	}
	return out
}

// introduce lets somebody who answered a scan hear our announcement, which
// multicast may not bring there.
func (r *loop) introduce(p parsed, now time.Time) {
	for _, f := range p.found {
		r.f.mu.Lock()
		if r.f.found != nil {
			r.f.found[f.announcement.Instance] = true
		}
		r.f.mu.Unlock()
	}
	a := r.f.current.Load()
	if a == nil || !r.answers.AllowN(now, 1) {
		return
	}
	made, err := newAnswer(a, p.line.nic.addrs(), r.life())
	if err != nil {
		return // Announce has refused such an announcement
	}
	if b, err := made.packet(); err == nil {
		_ = p.leg.listening.Send(b, p.From) // again at the next answer
	}
}

// revisit asks those by themselves again whom only a scan has found, before they
// are forgotten.
func (r *loop) revisit(now time.Time) {
	for _, at := range r.table.Scanned(now.Add(-staleAfter)) {
		for _, l := range r.lines {
			for _, g := range l.legs {
				if l.name != at.Via || g.family != IPv4 || at.Reach != discovery.Subnet4 {
					continue
				}
				if b, err := question(g.newScanID(r.f.random)); err == nil {
					_ = g.asking.Send(b, netip.AddrPortFrom(at.Addr(), mdnsPort)) // who is gone is forgotten
				}
			}
		}
	}
}
