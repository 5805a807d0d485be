package mdns

import (
	"encoding/hex"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"sottovoce/mesh/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample returns a valid announcement; n makes it unlike others.
func sample(n int) *peer.Announcement {
	a := &peer.Announcement{
		Instance: hex.EncodeToString([]byte(fmt.Sprintf("inst%04d", n))),
		Host:     hex.EncodeToString([]byte(fmt.Sprintf("host%04d", n))),
		Version:  1, Epoch: 494321, Caps: 5, Port: uint16(40000 + n),
	}
	for i := range a.Nonce {
		a.Nonce[i] = byte(n + i)
	}
	for i := range a.Fingerprint {
		a.Fingerprint[i] = byte(0xf0 + n + i)
	}
	for i := range a.Slots {
		for j := range a.Slots[i] {
			a.Slots[i][j] = byte(16*i + j + n)
		}
	}
	a.Open = &peer.Open{Name: fmt.Sprintf("Anna %d", n), Handle: peer.Handle{1, 2, 3, 4, 5, byte(n)}}
	return a
}
