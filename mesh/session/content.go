package session

import (
	"fmt"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// Content is what a blob holds for the layers above.
//
// spec: 04-sessions#content
type Content struct {
	Payload  []byte         // packed ops
	Receipts []wire.Receipt // at most 16
	Bundle   []byte         // as Offer returned it; left out when it does not fit
}

// receiptsMax bounds the receipts in one content.
const receiptsMax = 16

type contentBody struct {
	Payload  []byte         `cbor:"1,keyasint,omitempty"`
	Receipts []wire.Receipt `cbor:"2,keyasint,omitempty"`
	Bundle   []byte         `cbor:"3,keyasint,omitempty"`
	EK       []byte         `cbor:"4,keyasint,omitempty"`
	CT       []byte         `cbor:"5,keyasint,omitempty"`
}

// Room returns how many bytes of payload surely fit into a blob of class, 0 to
// 2: what receipts take comes off, 16 bytes each and 16 a range; a bundle waits
// for a smaller payload by itself.
func (p *Pair) Room(class wire.Class) int {
	return class.Size() - overhead - lengthSize - payloadRoom - pqRoom
}

// encode returns the encoded map and its class; it leaves a bundle out that
// does not fit, and says so.
func (c Content) encode(m ratchet.Message) (plain []byte, class wire.Class, bundled bool, err error) {
	if err := checkReceipts(c.Receipts); err != nil {
		return nil, 0, false, fmt.Errorf("our content: %w", err)
	}
	body := contentBody{Payload: c.Payload, Receipts: c.Receipts, Bundle: c.Bundle, EK: m.EK, CT: m.CT}
	plain = mustMarshal(body)
	class, err = classFor(len(plain))
	if err != nil && len(c.Bundle) > 0 {
		body.Bundle = nil
		plain = mustMarshal(body)
		class, err = classFor(len(plain))
	}
	return plain, class, len(body.Bundle) > 0, err
}

func parseContent(plain []byte) (contentBody, error) {
	var c contentBody
	if err := wire.Unmarshal(plain, &c); err != nil {
		return contentBody{}, fmt.Errorf("their content: %w", err)
	}
	if err := checkReceipts(c.Receipts); err != nil {
		return contentBody{}, fmt.Errorf("their content: %w", err)
	}
	if len(c.EK) != 0 && len(c.EK) != ratchet.EKSize || len(c.CT) != 0 && len(c.CT) != ratchet.CTSize {
		return contentBody{}, fmt.Errorf("their content: %w: post-quantum part", wire.ErrMalformed)
	}
	return c, nil
}

func checkReceipts(receipts []wire.Receipt) error {
	if len(receipts) > receiptsMax {
		return fmt.Errorf("%w: %d receipts", wire.ErrMalformed, len(receipts))
	}
	for _, r := range receipts {
		if err := r.Check(); err != nil {
			return fmt.Errorf("%w: %v", wire.ErrMalformed, err)
		}
	}
	return nil
}

func (c contentBody) public() Content {
	return Content{Payload: c.Payload, Receipts: c.Receipts, Bundle: c.Bundle}
}
