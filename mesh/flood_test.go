package mesh

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"testing"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
)

// flood opens links in mode open, each as somebody else, and leaves them open.
type flood struct{ t *testing.T }

func (f flood) holdLink(to *person) {
	f.t.Helper()
	tr := f.transport()
	l, err := tr.Dial(f.t.Context(), link.Target{Endpoints: []peer.Endpoint{to.local}, Mode: handshake.Open})
	if err != nil {
		f.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = l.Run(f.t.Context(), silent{})
		close(done)
	}()
	f.t.Cleanup(func() { <-done })
}

// transport is that of somebody new, who knows nobody.
func (f flood) transport() *link.Transport {
	f.t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.t.Fatal(err)
	}
	var seed, device [64]byte
	_, _ = rand.Read(seed[:])
	_, _ = rand.Read(device[:])
	profile := identity.OpenProfileFromSeed(seed)
	var ring keyring
	ring.replace(handshake.Statics{
		Device: handshake.Static(identity.DeviceFromSeed(device).AgreeSecret()),
		Open:   handshake.Static(profile.AgreeSecret()), OpenSign: profile.Public().Sign,
	}, nil)
	tr, err := link.Open(conn, link.Config{Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Keyring: &ring})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = tr.Close() })
	return tr
}
