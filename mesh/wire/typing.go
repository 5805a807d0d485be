package wire

import "errors"

// Typing tells the peer that the person at this end is writing: map {1: conversation,
// ? 2: seconds}. It holds for that many seconds, at most TypingMax; without them the
// person has stopped.
//
// spec: 00-encoding#typing
type Typing struct {
	Conversation [32]byte `cbor:"1,keyasint"`
	Seconds      uint8    `cbor:"2,keyasint,omitempty"`
}

// FrameType returns FrameTyping.
func (Typing) FrameType() FrameType { return FrameTyping }

// Check fails for a word that holds too long.
func (f Typing) Check() error {
	if f.Seconds > TypingMax {
		return errors.New("typing for more than 30 seconds")
	}
	return nil
}
