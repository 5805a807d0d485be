package mesh

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// tap records what a node sends.
type tap struct {
	net.PacketConn
	mu   *sync.Mutex
	sent *[]byte
}

func (t tap) WriteTo(p []byte, to net.Addr) (int, error) {
	t.mu.Lock()
	*t.sent = append(*t.sent, p...)
	t.mu.Unlock()
	return t.PacketConn.WriteTo(p, to)
}

// No key of account or device leaves in clear, in packets or in what is announced, and
// none lies in clear in the home, but the one that opens the key file.
func TestKeysStayHidden(t *testing.T) {
	t.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	var mu sync.Mutex
	var sent []byte
	for _, p := range []*person{anna, bruno} {
		p.stop()
		p.tap = func(c net.PacketConn) net.PacketConn { return tap{c, &mu, &sent} }
		p.start()
	}
	anna.befriends(bruno)
	areContacts(t, anna, bruno)
	keys := make(map[string][]byte)
	for _, p := range []*person{anna, bruno} {
		p.inside(func(turn *turn) error {
			me, s := turn.n.me, turn.n.store.Secrets()
			device, account, id := me.device.Public(), me.account.ID(), me.device.ID()
			root, day := me.account.Root(), me.discovery.Secret()
			for what, key := range map[string][]byte{
				"account id": account[:], "peer id": id[:], "account root": root[:], "device signing key": device.Sign[:],
				"device agreement key": device.Agree[:], "root seed": s.Root[:], "device seed": s.Device[:32],
				"device secret": s.Device[32:], "open profile's seed": s.Open[:32], "open profile's secret": s.Open[32:],
				"database key": s.Database[:], "discovery key": day[:],
			} {
				keys[p.name+"'s "+what] = bytes.Clone(key)
			}
			shown := lan.announced(p)
			a := fmt.Appendf(nil, "%+v %+v %s", *shown, *shown.Open, shown.Fingerprint[:])
			for _, slot := range shown.Slots {
				a = append(a, slot[:]...)
			}
			mu.Lock()
			sent = append(sent, a...)
			mu.Unlock()
			return nil
		})
		p.stop()
	}
	var homes []byte
	for _, p := range []*person{anna, bruno} {
		files, err := filepath.Glob(filepath.Join(p.home, "*"))
		if err != nil || len(files) < 3 {
			t.Fatalf("files of the home: %v, %v", files, err)
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			homes = append(homes, content...)
		}
	}
	if len(sent) < 20_000 || len(homes) < 100_000 || !bytes.Contains(sent, []byte("Anna")) {
		t.Fatalf("recorded %d and %d bytes: this test is blind", len(sent), len(homes))
	}
	for what, key := range keys {
		for place, hay := range map[string][]byte{"what was sent": sent, "the homes": homes} {
			if bytes.Contains(hay, key) || bytes.Contains(hay, []byte(hex.EncodeToString(key))) {
				t.Errorf("%s is in %s", what, place)
			}
		}
	}
}
