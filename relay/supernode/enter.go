package supernode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

// ErrUnreached says that none of the supernodes that a join link names could be reached.
var ErrUnreached = errors.New("none of the supernodes that the link names answers; each must run and be reached at an address that it advertises")

// Enter makes the supernode in this data directory, which is made if there is none, a further one of
// the community that a join link leads to. Of cfg Rand, Log, Conn and Shared are used. It fails with ErrInUse
// while the supernode runs, ErrUnreached, or what the link's supernode says.
//
// spec: 10-communities#further-supernodes
func Enter(ctx context.Context, path string, invite *community.Link, addresses []string, cfg Config) (made Founded, err error) {
	d, err := openDirectory(path, true, cfg)
	if err != nil {
		return Founded{}, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	made = Founded{Community: invite.Community()}
	return made, d.settle(invite.Community(), addresses, cfg, &made, func(own community.Own, now time.Time) (*community.House, error) {
		house, err := community.Enter(invite, own, now, cfg.Rand)
		if err != nil {
			return nil, err
		}
		papers, err := claim(ctx, invite, house, own.Device, now, cfg)
		if err != nil {
			return nil, err
		}
		_, err = house.Merge(papers, now, cfg.Rand)
		return house, err
	})
}

// nobody is the keyring of who only dials supernodes.
type nobody struct{}

func (nobody) Statics() handshake.Statics { return handshake.Statics{} }
func (nobody) Keys() int                  { return 0 }
func (nobody) Find(handshake.Exporter, [handshake.HintSize]byte) (handshake.Pair, bool) {
	return handshake.Pair{}, false
}

// claim takes the seat of a link at one of the supernodes that it names.
func claim(ctx context.Context, invite *community.Link, house *community.House, device *identity.Device, now time.Time, cfg Config) (community.Papers, error) {
	transport, err := link.Open(cfg.Conn, link.Config{Rand: cfg.Rand, Log: cfg.Log, Keyring: nobody{}})
	if err != nil {
		return community.Papers{}, err
	}
	defer func() { _ = transport.Close() }()
	for _, stop := range invite.Stops {
		l, err := transport.Dial(ctx, link.Target{
			Endpoints: resolve(ctx, stop.Addresses), Mode: handshake.Supernode, Pair: &handshake.Pair{Their: stop.Agree},
		})
		if err != nil {
			continue
		}
		defer l.Close(link.ReasonBye)
		place := community.Place{
			Exporter: l.Proof().Exporter, Supernode: stop.ID(), Community: invite.Community(), Day: uint32(wire.DayAt(now)),
		}
		grant, err := ask(ctx, l, wire.Join{
			Community: place.Community, Persona: device.Public().Sign, Signature: community.LoginAs(device.SignKey(), place),
			Day: place.Day, Proof: house.ClaimProof(),
		})
		if err != nil {
			return community.Papers{}, err
		}
		return community.ParsePapers(grant.Papers)
	}
	return community.Papers{}, ErrUnreached
}

// ask makes the request to be let in.
func ask(ctx context.Context, l *link.Link, f wire.Join) (wire.Grant, error) {
	s, err := l.Request(ctx)
	if err != nil {
		return wire.Grant{}, err
	}
	defer func() { _ = s.Close() }()
	if err := s.Send(ctx, f); err != nil {
		return wire.Grant{}, err
	}
	_ = s.End() // where the answer is on its way already the far end has heard enough
	switch answer, err := s.Receive(ctx); answer := answer.(type) {
	case wire.Grant:
		return answer, nil
	case wire.Refused:
		return wire.Grant{}, fmt.Errorf("the supernode of the link says no: %s (%s)", Word(answer.Reason), peer.ShowText(answer.Word))
	default:
		return wire.Grant{}, errors.Join(errors.New("the supernode of the link gave no answer"), err)
	}
}

// resolve finds the endpoints of addresses, in their order.
func resolve(ctx context.Context, addresses []string) (all []peer.Endpoint) {
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			continue
		}
		n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
		if err != nil {
			continue
		}
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			continue
		}
		for _, ip := range ips {
			all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
		}
	}
	return all
}
