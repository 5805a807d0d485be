package conversation

import (
	"fmt"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// Introduction is the body of an op of KindIntroduction: the author tells its reader of
// somebody else, who gets the same secret and is told of the reader. The name has 1 to
// 256 bytes of UTF-8, hostile until shown. It prints nothing of the secret.
//
// spec: 06-conversations#introduction
type Introduction struct {
	Secret  [32]byte           `cbor:"0,keyasint"` // by which the two meet
	Name    string             `cbor:"1,keyasint"`
	Account identity.AccountID `cbor:"2,keyasint"`
}

func (Introduction) kind() Kind { return KindIntroduction }

func (i Introduction) encode() ([]byte, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(i)
}

func (i Introduction) check() error {
	if i.Name == "" || len(i.Name) > nameMax {
		return fmt.Errorf("name of %d bytes", len(i.Name))
	}
	return nil
}

// Format prints who is told of.
func (i Introduction) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "introduction of %s", i.Account) }

// Introduction returns whom the op introduces; ok is false when it is of another kind.
func (op *Op) Introduction() (i Introduction, ok bool) {
	return op.introduction, op.Kind == KindIntroduction
}
