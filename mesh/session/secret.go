package session

import (
	"bytes"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// starterSecrets returns DH1 … DH3, and DH4 when a one-time pair is used, as
// the starter computes them.
//
// spec: 04-sessions#start-secret
func (p *Pair) starterSecrets(b *Bundle, ephemeral Secret, pair uint8) ([]Secret, error) {
	exchanges := []exchange{
		{Secret(p.our.AgreeSecret()), b.body.Signed},
		{ephemeral, p.s.TheirAgree},
		{ephemeral, b.body.Signed},
	}
	if pair > 0 {
		exchanges = append(exchanges, exchange{ephemeral, b.body.OneTime[pair-1].Agree})
	}
	return agreeAll(exchanges)
}

// responderSecrets returns the same as the responder computes them; pair is
// the one-time pair's private part, empty without.
func (p *Pair) responderSecrets(b *prekeys, ephemeral [32]byte, pair []byte) ([]Secret, error) {
	exchanges := []exchange{
		{b.Signed, p.s.TheirAgree},
		{Secret(p.our.AgreeSecret()), ephemeral},
		{b.Signed, ephemeral},
	}
	if len(pair) > 0 {
		exchanges = append(exchanges, exchange{Secret(pair[:32]), ephemeral})
	}
	return agreeAll(exchanges)
}

type exchange struct {
	private Secret
	public  [32]byte
}

func agreeAll(exchanges []exchange) ([]Secret, error) {
	var agreed []Secret
	for _, e := range exchanges {
		s, err := ratchet.Agree(e.private, e.public)
		if err != nil {
			return nil, err
		}
		agreed = append(agreed, s)
	}
	return agreed, nil
}

// startSecret is SK = HKDF(F ‖ DH1 … DH4 ‖ ss ‖ psk, info = label ‖ transcript).
// F, 32 bytes of 0xff, keeps the input apart from any X25519 public key.
//
// spec: 04-sessions#start-secret
func (p *Pair) startSecret(agreed []Secret, keying Secret, transcript wire.Hash) Secret {
	input := bytes.Repeat([]byte{0xff}, 32)
	for i := range agreed {
		input = append(input, agreed[i][:]...)
		agreed[i].Erase()
	}
	input = append(input, ratchet.Derive(keying[:], nil, labelPSK, 32)...)
	defer clear(input)
	return Secret(ratchet.Derive(input, nil, labelStartSecret+string(transcript[:]), 32))
}

// commitment binds to SK without telling it: the start carries it, and its
// hash orders and names sessions.
func commitment(sk Secret) [32]byte {
	return [32]byte(ratchet.Derive(sk[:], nil, labelCommitment, 32))
}
