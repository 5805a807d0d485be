package identity

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestAccountRoundTrip(t *testing.T) {
	src := rand.NewChaCha8([32]byte{1})
	root, _ := NewRoot(src)
	dev, _ := NewDevice(src)
	a, err := NewAccount(root, dev.Public(), time.UnixMilli(1_800_000_000_000), src)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseAccount(a.Bytes())
	if err != nil || b.ID() != a.ID() || len(b.Devices()) != 1 || b.Devices()[0] != dev.Public() || !b.Covers(a.Heads()) {
		t.Fatal(b, err)
	}
}
