package mesh

import (
	"bytes"
	"testing"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// All that strangers are shown of a node, on the air and when they dial it and ask, has not six
// bytes in common with a key or an id of its account or device, and nothing else is sent
// them before a person has answered.
func TestOpenProfileLeadsNowhere(t *testing.T) {
	a := newAir()
	anna := newPerson(t, a, "Anna")
	anna.within(waitLong, "shows itself", func() bool { return a.announced(anna) != nil })
	stranger, done := flood{t}.transport(), make(chan struct{})
	l, err := stranger.Dial(t.Context(), link.Target{Endpoints: []peer.Endpoint{anna.local}, Mode: handshake.Open})
	if err != nil {
		t.Fatal(err)
	}
	go func() { defer close(done); _ = l.Run(t.Context(), silent{}) }()
	stream, err := l.Contact(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(t.Context(), wire.Ask{Name: "Stranger", Nonce: [32]byte{1}}); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "is asked", anna.finds(anna.Requests, "Stranger", anyhow))
	proof, announced := l.Proof(), a.announced(anna)
	shown := bytes.Join([][]byte{proof.Their[:], proof.Sign[:], announced.Open.Handle[:], announced.Fingerprint[:], announced.Nonce[:]}, nil)
	for _, slot := range announced.Slots {
		shown = append(shown, slot[:]...)
	}
	var hidden [][]byte
	anna.inside(func(*turn) error {
		device, account, id := anna.me.device.Public(), anna.me.account.ID(), anna.me.device.ID()
		hidden = [][]byte{device.Sign[:], device.Agree[:], account[:], id[:], anna.me.account.Bytes(), anna.me.discovery.Bytes()}
		for _, o := range anna.open {
			if q := anna.Node.requests[o.profile]; q == nil || q.exchange.Phase() != contact.PhaseIncoming || len(o.frames) != 0 {
				t.Errorf("to a stranger who has no answer %d frames wait", len(o.frames))
			}
		}
		return nil
	})
	const least = 6
	for _, secret := range hidden {
		for i := range len(secret) - least {
			if part := secret[i : i+least]; bytes.Contains(shown, part) && !bytes.Equal(part, make([]byte, least)) {
				t.Errorf("strangers are shown %x, which is of the account or the device", part)
			}
		}
	}
	l.Close(link.ReasonBye)
	<-done
}
