package conversation

import (
	"fmt"

	"sottovoce/mesh/wire"
)

// Mailbox is the body of an op of KindMailbox: a card that says where blobs for the author
// can be deposited, 0 to MailboxMax bytes; empty: nowhere any more. Of several by one author
// the latest in the order counts. Here it is bytes.
//
// spec: 06-conversations#mailbox
type Mailbox []byte

// mailboxBody is map {0: card}.
type mailboxBody struct {
	Card []byte `cbor:"0,keyasint"`
}

func (Mailbox) kind() Kind { return KindMailbox }

func (m Mailbox) encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(mailboxBody{Card: append([]byte{}, m...)})
}

func (m Mailbox) check() error {
	if len(m) > MailboxMax {
		return fmt.Errorf("mailbox card of %d bytes", len(m))
	}
	return nil
}

// Mailbox returns the card that the op tells; ok is false when it is of another kind.
func (op *Op) Mailbox() (m Mailbox, ok bool) { return op.mailbox, op.Kind == KindMailbox }
