package mesh

import (
	"net/netip"
	"testing"

	"sottovoce/mesh/peer"
)

// A link that comes from an address which is no longer ours gives way to another one at once; one
// whose address is still there stays.
func TestStrandedLinks(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	link := func() (id uint64) {
		anna.inside(func(*turn) error {
			if v := anna.device("Bruno").route.live; v != nil {
				id = v.id
			}
			return nil
		})
		return id
	}
	addressed := func(addrs ...string) []peer.Network {
		here := somewhere[0]
		here.Prefixes = nil
		for _, at := range addrs {
			here.Prefixes = append(here.Prefixes, netip.MustParsePrefix(at))
		}
		return []peer.Network{here}
	}
	first := link()
	anna.stands(addressed("127.0.0.1/8", "127.0.0.2/8"))
	if got := link(); got != first {
		t.Errorf("with a further address link %d gave way to %d", first, got)
	}
	anna.stands(addressed("127.0.0.2/8"))
	anna.within(waitLong, "another link", func() bool { id := link(); return id != 0 && id != first })
	m := anna.says("Bruno", "from elsewhere")
	anna.within(waitLong, "the words arrive", anna.delivered(m))
	second := link()
	anna.stands(nil) // the cable is out
	anna.stands(addressed("127.0.0.2/8"))
	if got := link(); got != second {
		t.Errorf("after a moment without a network link %d gave way to %d", second, got)
	}
}
