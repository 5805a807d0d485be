package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// StreamKind is the first byte of every stream on a link.
//
// spec: 00-encoding#streams
type StreamKind uint8

// The kinds of streams. 5 transfer, 6 circuit and 7 nearby are reserved.
const (
	StreamControl StreamKind = 1 // frames, for the life of the link
	StreamBlobs   StreamKind = 2 // one batch of blobs
	StreamContact StreamKind = 3 // frames of one contact exchange
	StreamCustody StreamKind = 4 // one request to a supernode, and its answer
)

// FrameType is the first byte of a frame. Unknown types from 0x80 on must be
// understood; the others may be skipped.
//
// spec: 00-encoding#frames
type FrameType uint8

// The types of frames.
const (
	FrameReceipt FrameType = 0x01
	FrameRefusal FrameType = 0x02
	FrameTyping  FrameType = 0x03
	FramePeers   FrameType = 0x04
	FrameLook    FrameType = 0x05
	FrameView    FrameType = 0x06
	FramePadding FrameType = 0x07

	FrameSASCommit FrameType = 0x08
	FrameSASNonce  FrameType = 0x09
	FrameSASReveal FrameType = 0x0a
	FrameSASStop   FrameType = 0x0b

	FrameSame FrameType = 0x0c

	FrameAsk      FrameType = 0x20
	FrameOffer    FrameType = 0x21
	FrameCard     FrameType = 0x22
	FrameDone     FrameType = 0x23
	FrameDeclined FrameType = 0x24

	FrameDeposit    FrameType = 0x30
	FrameKept       FrameType = 0x31
	FrameRange      FrameType = 0x32
	FramePage       FrameType = 0x33
	FrameScan       FrameType = 0x34
	FrameEntries    FrameType = 0x35
	FrameGet        FrameType = 0x36
	FrameDelete     FrameType = 0x37
	FrameLogin      FrameType = 0x38
	FrameGrant      FrameType = 0x39
	FrameJoin       FrameType = 0x3a
	FrameDraw       FrameType = 0x3b
	FrameDrawn      FrameType = 0x3c
	FrameAttest     FrameType = 0x3d
	FrameRefused    FrameType = 0x3e
	FrameCheckpoint FrameType = 0x3f
	FrameAlly       FrameType = 0x40
	FrameStock      FrameType = 0x41
	FrameReconcile  FrameType = 0x42
	FramePapers     FrameType = 0x43
	FrameSlot       FrameType = 0x44
	FrameFetch      FrameType = 0x45
	FrameAnswer     FrameType = 0x46
	FrameAnswers    FrameType = 0x47

	lastCustodyFrame FrameType = 0x4f

	criticalFrame FrameType = 0x80
)

// Frame is one unit on a control, contact or custody stream, by value: Receipt, Refusal, Typing, Peers, Look, View,
// SASCommit, SASNonce, SASReveal, SASStop; Ask, Offer, CardFrame, Done, Declined; those for which FrameType.Custody
// holds; or Unknown.
type Frame interface {
	FrameType() FrameType
	// Check returns an error when a field breaks its limits.
	Check() error
}

// Unknown stands for a frame of a later version that may be skipped. It cannot
// be sent.
type Unknown struct{ Type FrameType }

// FrameType returns the type that is not known.
func (f Unknown) FrameType() FrameType { return f.Type }

// Check fails: an unknown frame is never sent.
func (f Unknown) Check() error { return fmt.Errorf("frame of unknown type %#x", uint8(f.Type)) }

// Padding says nothing: it gives what is sent a length that tells nothing, or lets
// something be sent where otherwise nothing would. It is read as Unknown.
type Padding struct{}

// FrameType returns FramePadding.
func (Padding) FrameType() FrameType { return FramePadding }

// Check returns nil.
func (Padding) Check() error { return nil }

// AppendPadding appends padding frames to b until its length is a multiple of block.
//
// spec: 00-encoding#padding
func AppendPadding(b []byte, block int) []byte {
	const headerMin, shortMax = 2, 127 // bytes of type and length, and of a body whose length takes one byte
	for {
		left := (block - len(b)%block) % block
		if left == 0 {
			return b
		}
		if left < headerMin {
			left += block
		}
		n := min(left-headerMin, shortMax)
		if rest := left - headerMin - n; rest > 0 && rest < headerMin {
			n -= headerMin - rest
		}
		b = append(b, byte(FramePadding), byte(n))
		b = append(b, make([]byte, n)...)
	}
}

// sizeMax bounds the body of a frame in bytes.
func (t FrameType) sizeMax() int {
	if t.Custody() {
		return t.custodySizeMax()
	}
	switch t {
	case FrameReceipt:
		return receiptFrameMax
	case FramePeers:
		return peersFrameMax
	case FrameLook:
		return lookFrameMax
	case FrameRefusal, FrameTyping, FrameView, FrameSame, FrameAsk, FrameDone, FrameDeclined,
		FrameSASCommit, FrameSASNonce, FrameSASReveal, FrameSASStop:
		return smallFrameMax
	}
	return FrameSizeMax
}

// AppendFrame appends f to b: type ‖ uvarint length ‖ canonical CBOR map. It
// fails, leaving b as it was, when a field breaks its limits.
//
// spec: 00-encoding#frames
func AppendFrame(b []byte, f Frame) ([]byte, error) {
	if err := f.Check(); err != nil {
		return b, fmt.Errorf("our frame: %w", err)
	}
	body, err := Marshal(f)
	if err != nil {
		return b, err
	}
	b = append(b, byte(f.FrameType()))
	b = binary.AppendUvarint(b, uint64(len(body)))
	return append(b, body...), nil
}

// ReadFrame reads the next frame. It returns io.EOF at the end between two
// frames, io.ErrUnexpectedEOF inside one, ErrNewer for an unknown critical type
// or key and Unknown for a type that may be skipped. Nothing is allocated for a
// length beyond the limit of the type.
//
// spec: 00-encoding#frames
func ReadFrame(r *bufio.Reader) (Frame, error) {
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	t := FrameType(first)
	n, err := readUvarint(r)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if n > uint64(t.sizeMax()) {
		return nil, fmt.Errorf("%w: frame %#x of %d bytes, the limit is %d", ErrMalformed, first, n, t.sizeMax())
	}
	body, err := readBody(r, int(n))
	if err != nil {
		return nil, err
	}
	f, err := parseFrame(t, body)
	if err != nil {
		return nil, fmt.Errorf("frame %#x: %w", first, err)
	}
	return f, nil
}

func parseFrame(t FrameType, body []byte) (Frame, error) {
	if t.Custody() {
		return parseCustodyFrame(t, body)
	}
	switch t {
	case FrameReceipt:
		return parseInto[Receipt](body)
	case FrameRefusal:
		return parseInto[Refusal](body)
	case FrameTyping:
		return parseInto[Typing](body)
	case FramePeers:
		return parseInto[Peers](body)
	case FrameLook:
		return parseInto[Look](body)
	case FrameView:
		return parseInto[View](body)
	case FrameSame:
		return parseInto[Same](body)
	case FrameSASCommit:
		return parseInto[SASCommit](body)
	case FrameSASNonce:
		return parseInto[SASNonce](body)
	case FrameSASReveal:
		return parseInto[SASReveal](body)
	case FrameSASStop:
		return parseInto[SASStop](body)
	case FrameAsk:
		return parseInto[Ask](body)
	case FrameOffer:
		return parseInto[Offer](body)
	case FrameCard:
		return parseInto[CardFrame](body)
	case FrameDone:
		return parseInto[Done](body)
	case FrameDeclined:
		return parseInto[Declined](body)
	}
	if t == 0 {
		return nil, fmt.Errorf("%w: type 0", ErrMalformed)
	}
	if t >= criticalFrame {
		return nil, fmt.Errorf("%w: unknown critical type", ErrNewer)
	}
	return Unknown{t}, nil
}

func parseInto[F Frame](body []byte) (Frame, error) {
	var f F
	if err := Unmarshal(body, &f); err != nil {
		return nil, err
	}
	if err := f.Check(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return f, nil
}
