package supernode

import (
	"context"
	"errors"
	"fmt"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/replica"
)

// place is where a request may be made.
type place uint8

const (
	atMember place = 1 << iota // on a link of mode member
	atGuest                    // of mode supernode
)

// placeOf says where a frame is a request; nowhere if it is none.
//
// spec: 08-custody#links
func placeOf(f wire.Frame) place {
	switch f.(type) {
	case wire.Deposit, wire.Delete, wire.Papers:
		return atMember | atGuest
	case wire.RangeFrame, wire.Scan, wire.Get, wire.Attest, wire.Slot, wire.Answers:
		return atMember
	case wire.Login, wire.Join, wire.Draw, wire.Ally, wire.Fetch, wire.Answer:
		return atGuest
	}
	return 0
}

// refusal is a request that is not carried out, and why.
type refusal struct {
	reason wire.Reason
	word   string
}

func (r refusal) Error() string { return fmt.Sprintf("%s: %s", Word(r.reason), r.word) }

// answer carries a request out. A refusal is answered here, and counted unless it is noDay; another error ends the stream, or the link
// if it is junk.
func (v *visit) answer(ctx context.Context, s *link.CustodyStream, f wire.Frame) (refused bool, err error) {
	err = v.carryOut(ctx, s, f)
	var no refusal
	if !errors.As(err, &no) {
		return false, err
	}
	if no != noDay {
		v.at.refused(no.reason, 1)
	}
	return true, s.Send(ctx, wire.Refused{Reason: no.reason, Word: no.word, Day: uint32(v.at.today())})
}

func (v *visit) carryOut(ctx context.Context, s *link.CustodyStream, f wire.Frame) error {
	here := atGuest
	if v.link.Proof().Mode == handshake.Member {
		here = atMember
	}
	if _, is := f.(wire.Unknown); is {
		return refusal{wire.ReasonWeOld, "this supernode does not know what was asked; its operator has to update it"}
	}
	if guest := v.ours(); guest != nil && replica.Takes(f) {
		return v.serve(ctx, s, f, guest)
	}
	if placeOf(f)&here == 0 {
		return errJunk
	}
	switch f := f.(type) {
	case wire.Deposit:
		return v.deposit(ctx, s, f)
	case wire.Delete:
		return v.delete(ctx, s, f)
	case wire.RangeFrame:
		return v.collect(ctx, s, f)
	case wire.Scan:
		return v.scan(ctx, s, f)
	case wire.Get:
		return v.get(ctx, s, f)
	case wire.Attest:
		return v.attest(ctx, s)
	case wire.Login:
		return v.login(ctx, s, f)
	case wire.Join:
		return v.join(ctx, s, f)
	case wire.Draw:
		return v.draw(ctx, s, f)
	case wire.Papers:
		return v.papers(ctx, s, f)
	case wire.Ally:
		return v.ally(ctx, s, f)
	case wire.Slot:
		return v.slot(ctx, s, f)
	case wire.Fetch:
		return v.fetch(ctx, s, f)
	case wire.Answer:
		return v.reply(ctx, s, f)
	case wire.Answers:
		return v.answers(ctx, s, f)
	}
	return errJunk
}

// log is whose log a request is about: in mode member that of the link, else that which the request
// names.
//
// spec: 08-custody#deposit
func (v *visit) log(named *[32]byte) (*served, error) {
	switch {
	case v.home != nil && named != nil, v.home == nil && named == nil:
		return nil, errJunk
	case v.home != nil:
		return v.home, nil
	}
	if c := v.at.serving(*named); c != nil {
		return c, nil
	}
	return nil, refusal{wire.ReasonCommunity, "this supernode does not serve that community"}
}
