package link

import (
	"context"
	"errors"
)

// knockSize is that of a knock: a byte that begins no QUIC packet, and a nonce.
// spec: 03-links#look-and-view
const knockSize = 1 + 8

// Knock is the packet that shows whether strangers' packets reach a socket: it belongs to
// no connection.
func Knock(nonce [8]byte) []byte { return append([]byte{0}, nonce[:]...) }

// Knocked returns the nonce of the next knock on the transport's socket. It is called by one
// goroutine at a time; what comes while nobody waits is mostly lost. It fails with the cause
// of ctx and when the transport closes.
func (t *Transport) Knocked(ctx context.Context) (nonce [8]byte, err error) {
	var b [knockSize + 1]byte // a longer packet is none
	for {
		s := t.socket.Load()
		n, err := s.stray(ctx, b[:])
		if errors.Is(err, errLeft) {
			continue
		}
		if err != nil {
			return nonce, err
		}
		if n == knockSize && b[0] == 0 {
			return [8]byte(b[1:knockSize]), nil
		}
	}
}
