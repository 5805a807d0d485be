package token

import (
	"encoding/binary"
	"fmt"
	"math"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Info is what a token is good for: one community at one supernode, drawn on one day. It
// is the public input of the POPRF, so a token is worth nothing elsewhere.
//
// spec: 11-tokens#info
type Info struct {
	Supernode peer.ID
	Community [32]byte
	Day       uint16 // days since the Unix epoch, by the supernode's clock
}

// bytes returns "sv1 token" ‖ supernode ‖ community ‖ day(4).
func (i Info) bytes() []byte {
	b := append([]byte(labelInfo), i.Supernode[:]...)
	b = append(b, i.Community[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(i.Day))
}

// Token pays for a deposit, once: day(2) ‖ nonce(32) ‖ mark(32). Whoever has it may spend
// it. It prints as "[secret]".
//
// spec: 11-tokens#token
type Token [Size]byte

// ID names a token in the set of the spent ones. It depends on everything of the token but
// its mark.
//
// spec: 11-tokens#token
type ID [32]byte

// Day returns the day on which the token was drawn.
func (t Token) Day() uint16 { return binary.BigEndian.Uint16(t[:]) }

// Last returns the last day on which the token is good.
//
// spec: 11-tokens#days
func (t Token) Last() uint16 { return uint16(min(int(t.Day())+DaysBack, math.MaxUint16)) }

// ID returns what the token is remembered by once it is spent.
func (t Token) ID() ID { return ID(wire.HashOf(labelID, t[:2+nonceSize])) }

func (t Token) nonce() []byte { return t[2 : 2+nonceSize] }

func (t Token) mark() []byte { return t[2+nonceSize:] }

// Parse reads tokens that stand one after the other, at most limit.
func Parse(b []byte, limit int) ([]Token, error) {
	if len(b)%Size != 0 || len(b)/Size > limit {
		return nil, fmt.Errorf("%w: tokens of %d bytes, the limit is %d tokens of %d", wire.ErrMalformed, len(b), limit, Size)
	}
	tokens := make([]Token, len(b)/Size)
	for i := range tokens {
		tokens[i] = Token(b[i*Size:])
	}
	return tokens, nil
}

// Append adds tokens to b, one after the other.
func Append(b []byte, tokens []Token) []byte {
	for i := range tokens {
		b = append(b, tokens[i][:]...)
	}
	return b
}
