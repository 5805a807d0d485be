package wire

import (
	"errors"
	"fmt"
)

// SlotID names a slot. Who has it can fetch what is in it and leave an answer there.
//
// spec: 08-custody#slots
type SlotID [16]byte

// Format prints "[secret]".
func (SlotID) Format(s fmt.State, _ rune) { fmt.Fprint(s, "[secret]") }

// MarshalText returns "[secret]".
func (SlotID) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Slot opens a slot for whoever has its id: map {1: id, 2: day, 3: bundle, ? 4: commitment, ? 5: tokens}. Kept
// answers it. As the answer to a Fetch it has neither a commitment nor tokens.
//
// spec: 08-custody#slots
type Slot struct {
	ID     SlotID    `cbor:"1,keyasint"`
	Day    uint16    `cbor:"2,keyasint"` // the last on which it is answered
	Bundle []byte    `cbor:"3,keyasint"` // sealed, SlotSize bytes
	Owner  *[16]byte `cbor:"4,keyasint,omitempty"`
	Tokens []byte    `cbor:"5,keyasint,omitempty"`
}

// FrameType returns FrameSlot.
func (Slot) FrameType() FrameType { return FrameSlot }

// Check fails for a bundle of another size.
func (f Slot) Check() error {
	if len(f.Bundle) != SlotSize {
		return fmt.Errorf("bundle of %d bytes in a slot, it has %d", len(f.Bundle), SlotSize)
	}
	return checkTokens(f.Tokens)
}

// Format prints the day only.
func (f Slot) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "wire.Slot[until day %d]", f.Day) }

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Slot) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }

// Fetch asks for what is in a slot: map {1: id}. Slot answers it.
//
// spec: 08-custody#slots
type Fetch struct {
	ID SlotID `cbor:"1,keyasint"`
}

// FrameType returns FrameFetch.
func (Fetch) FrameType() FrameType { return FrameFetch }

// Check never fails.
func (Fetch) Check() error { return nil }

// Answer leaves an answer in a slot: map {1: id, 2: sealed}. Kept answers it, with the answer's place among the
// slot's, from 1 on, for a cursor.
//
// spec: 08-custody#slots
type Answer struct {
	ID     SlotID `cbor:"1,keyasint"`
	Sealed []byte `cbor:"2,keyasint"` // SlotSize bytes
}

// FrameType returns FrameAnswer.
func (Answer) FrameType() FrameType { return FrameAnswer }

// Check fails for an answer of another size.
func (f Answer) Check() error {
	if len(f.Sealed) != SlotSize {
		return fmt.Errorf("answer of %d bytes, it has %d", len(f.Sealed), SlotSize)
	}
	return nil
}

// Format prints nothing of it.
func (Answer) Format(s fmt.State, _ rune) { fmt.Fprint(s, "wire.Answer") }

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Answer) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }

// Answers reads the answers in a slot, or withdraws it: map {1: id, ? 2: what the slot's commitment is to, ? 3: withdraw,
// ? 4: answers}. The frame answers itself, then with the fields 1 and 4 only.
//
// spec: 08-custody#slots
type Answers struct {
	ID       SlotID    `cbor:"1,keyasint"`
	Secret   *[16]byte `cbor:"2,keyasint,omitempty"`
	Withdraw bool      `cbor:"3,keyasint,omitempty"`
	Sealed   []byte    `cbor:"4,keyasint,omitempty"` // answers of SlotSize bytes, in the order in which they came
}

// FrameType returns FrameAnswers.
func (Answers) FrameType() FrameType { return FrameAnswers }

// Check fails for part of an answer, for too many, and for a frame that both asks and answers.
func (f Answers) Check() error {
	if len(f.Sealed) > 0 && f.Secret != nil || f.Withdraw && f.Secret == nil {
		return errors.New("answers of a slot that are asked for and told at once")
	}
	return checkItems("answers", f.Sealed, SlotSize, 0, SlotAnswersMax)
}

// Format prints nothing secret.
func (f Answers) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "wire.Answers[%d]", len(f.Sealed)/SlotSize)
}

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Answers) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }
