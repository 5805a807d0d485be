package link

import (
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// A stream of which nothing has come yet holds up no other: what it lacks may be behind what others
// have sent.
func TestCustodyWaitsForNobody(t *testing.T) {
	t.Parallel()
	inCustody(t, func(t *testing.T, dialed, accepted *Link, _ *end) {
		ctx := t.Context()
		silent, err := dialed.Request(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Reset()
		loud, err := dialed.Request(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := loud.Send(ctx, wire.Attest{}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := accepted.Requested(ctx); err != nil {
			t.Fatal(err)
		}
		in, err := accepted.Requested(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := in.Receive(ctx); err != nil || f != (wire.Attest{}) || time.Since(begin) > time.Second {
			t.Errorf("the second of two is read as %v, %v after %v", f, err, time.Since(begin))
		}
	})
}
