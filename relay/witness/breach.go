package witness

import (
	"fmt"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// Kind says what a supernode did that no honest one does.
type Kind uint8

// The kinds. They go into evidence: a number keeps its meaning.
//
// spec: 12-replication#breaches
const (
	Split    Kind = 1 // two chains at one cursor, or two closes of one day: different people were shown different logs
	Rollback Kind = 2 // the log ends before what was signed, or seen, earlier
	Rewrite  Kind = 3 // the log that we read now is not the one that we read before
	Broken   Kind = 4 // a page whose chain does not follow from what it tells of
	Lost     Kind = 5 // what was signed for is not in the log
	Dropped  Kind = 6 // what was signed for is in the log, but not kept, and should be
	Early    Kind = 7 // what was signed for has gone by the supernode's clock, and not by ours: no breach, one of the two is wrong
)

// Breach is one contradiction, with what shows it.
type Breach struct {
	Kind Kind
	Log  Log
	// Signed are checkpoints and receipts of the supernode that contradict each other, or Seen.
	Checkpoints []Checkpoint
	Receipt     *Receipt
	Item        Kept // which of Receipt's
	// Seen is what we read ourselves: at this cursor, this chain. It convinces nobody else.
	Seen Point
}

// Point is the chain at a cursor of a log.
type Point struct {
	_      struct{} `cbor:",toarray"`
	Cursor uint64
	Chain  [32]byte
}

// Proven reports whether the breach is shown by the supernode's signatures alone, so that it convinces anybody.
func (b *Breach) Proven() bool {
	return (b.Kind == Split || b.Kind == Rollback) && len(b.Checkpoints) == 2
}

// Words say what happened, for a person; name is what the supernode is called.
func (b *Breach) Words(name string) string {
	switch b.Kind {
	case Split:
		return fmt.Sprintf("%s shows different people different messages: some may be held back from you or from others", name)
	case Rollback:
		return fmt.Sprintf("%s has gone back to an older state of what it keeps: newer messages may be lost there, and are offered again", name)
	case Rewrite:
		return fmt.Sprintf("%s shows another past than before: messages may have been left out", name)
	case Broken:
		return fmt.Sprintf("%s sends a list of messages that contradicts itself", name)
	case Lost:
		return fmt.Sprintf("%s signed for a message of yours and does not list it: it counts as not held there", name)
	case Dropped:
		return fmt.Sprintf("%s signed for a message of yours until day %d and does not have it any more, unless somebody who may deleted it", name, b.Item.ExpiryDay)
	case Early:
		return fmt.Sprintf("%s has given up a message of yours that it signed for until day %d, which is not over by the clock of this device", name, b.Item.ExpiryDay)
	}
	return fmt.Sprintf("%s contradicts itself", name)
}

// evidence is a breach in bytes.
type evidence struct {
	Kind        Kind         `cbor:"1,keyasint"`
	Sign        [32]byte     `cbor:"2,keyasint"`
	Agree       [32]byte     `cbor:"3,keyasint"`
	Community   [32]byte     `cbor:"4,keyasint"`
	Checkpoints []Checkpoint `cbor:"5,keyasint,omitempty"`
	Receipt     *Receipt     `cbor:"6,keyasint,omitempty"`
	Item        *Kept        `cbor:"7,keyasint,omitempty"`
	Seen        *Point       `cbor:"8,keyasint,omitempty"`
}

// Evidence returns the breach in bytes, for others and for later.
//
// spec: 12-replication#breaches
func (b *Breach) Evidence() []byte {
	e := evidence{
		Kind: b.Kind, Sign: b.Log.Supernode.Sign, Agree: b.Log.Supernode.Agree, Community: b.Log.Community,
		Checkpoints: b.Checkpoints, Receipt: b.Receipt,
	}
	if b.Receipt != nil {
		e.Item = &b.Item
	}
	if b.Seen != (Point{}) {
		e.Seen = &b.Seen
	}
	bytes, err := wire.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("witness: evidence: %v", err)) // it holds nothing that cannot be encoded
	}
	return bytes
}

// ParseEvidence reads what Evidence returned, and verifies every signature in it, and of what is said to be proven that the
// signed statements do contradict each other.
//
// spec: 12-replication#breaches
func ParseEvidence(in []byte) (*Breach, error) {
	var e evidence
	if err := wire.Unmarshal(in, &e); err != nil {
		return nil, err
	}
	b := &Breach{
		Kind: e.Kind, Log: Log{Supernode: identity.DeviceKeys{Sign: e.Sign, Agree: e.Agree}, Community: e.Community},
		Checkpoints: e.Checkpoints, Receipt: e.Receipt,
	}
	if e.Item != nil {
		b.Item = *e.Item
	}
	if e.Seen != nil {
		b.Seen = *e.Seen
	}
	for _, c := range b.Checkpoints {
		if !b.Log.Verify(c) {
			return nil, fmt.Errorf("evidence: checkpoint: %w", identity.ErrSignature)
		}
	}
	if b.Receipt != nil && !b.Log.VerifyReceipt(*b.Receipt) {
		return nil, fmt.Errorf("evidence: receipt: %w", identity.ErrSignature)
	}
	if b.Proven() {
		if found := Compare(b.Log, b.Checkpoints[0], b.Checkpoints[1]); found == nil || found.Kind != b.Kind {
			return nil, fmt.Errorf("%w: evidence of nothing", wire.ErrMalformed)
		}
	}
	return b, nil
}

// Compare holds two checkpoints of one log against each other, whoever they were given to. Both are verified already.
//
// spec: 12-replication#breaches
func Compare(l Log, a, b Checkpoint) *Breach {
	if a.Day > b.Day {
		a, b = b, a
	}
	same := a.Cursor == b.Cursor && a.Chain == b.Chain
	switch {
	case !same && (a.Cursor == b.Cursor || a.Day == b.Day):
		return &Breach{Kind: Split, Log: l, Checkpoints: []Checkpoint{a, b}}
	case a.Cursor > b.Cursor:
		return &Breach{Kind: Rollback, Log: l, Checkpoints: []Checkpoint{a, b}}
	}
	return nil
}
