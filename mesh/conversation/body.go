package conversation

import (
	"bytes"
	"errors"
	"fmt"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Profile is the body of an op of KindProfile: what the author's account is called from
// now on, 1 to 256 bytes of UTF-8, hostile until shown. Of several by one author the one
// with the highest seq counts.
//
// spec: 06-conversations#profile
type Profile struct {
	Name string `cbor:"0,keyasint"`
}

func (Profile) kind() Kind { return KindProfile }

func (p Profile) encode() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(p)
}

func (p Profile) check() error {
	if p.Name == "" || len(p.Name) > nameMax {
		return fmt.Errorf("name of %d bytes", len(p.Name))
	}
	return nil
}

// Mark says that everything by Author up to Seq has been read.
type Mark struct {
	_      struct{} `cbor:",toarray"`
	Author peer.ID
	Seq    uint64
}

// Read is the body of an op of KindRead: marks of 1 to 32 authors, ascending. They only
// ever rise: of several marks the highest of each author counts.
//
// spec: 06-conversations#read-mark
type Read []Mark

// readBody is map {0: marks}.
type readBody struct {
	Marks []Mark `cbor:"0,keyasint"`
}

func (Read) kind() Kind { return KindRead }

func (r Read) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(readBody{Marks: r})
}

func (r Read) check() error {
	if len(r) == 0 || len(r) > marksMax {
		return fmt.Errorf("%d read marks", len(r))
	}
	for i, m := range r {
		switch {
		case m.Seq < 1 || m.Seq > SeqMax:
			return fmt.Errorf("read mark at seq %d", m.Seq)
		case i > 0 && bytes.Compare(r[i-1].Author[:], m.Author[:]) >= 0:
			return errors.New("read marks out of order")
		}
	}
	return nil
}

// Account is the body of an op of KindAccount: the author's account as it is from now on,
// encoded, 1 to AccountMax bytes.
//
// spec: 06-conversations#account
type Account []byte

// accountBody is map {0: account}.
type accountBody struct {
	Account []byte `cbor:"0,keyasint"`
}

func (Account) kind() Kind { return KindAccount }

func (a Account) encode() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(accountBody{Account: a})
}

func (a Account) check() error {
	if len(a) == 0 || len(a) > AccountMax {
		return fmt.Errorf("account of %d bytes", len(a))
	}
	return nil
}

// Discovery is the body of an op of KindDiscovery: by which key the author's account is
// recognised from now on, as one of that day. Of several by one author the latest in the
// order counts. It holds a secret: whoever has taken it in keeps no copy of the op.
//
// spec: 06-conversations#discovery-key
type Discovery struct {
	Day uint32             `cbor:"0,keyasint"` // since the Unix epoch
	Key identity.DaySecret `cbor:"1,keyasint"`
}

func (Discovery) kind() Kind { return KindDiscovery }

func (d Discovery) encode() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(d)
}

func (d Discovery) check() error {
	if d.Day > identity.DayMax {
		return fmt.Errorf("discovery key of day %d", d.Day)
	}
	return nil
}

// Account returns the account that the op brings; ok is false when it is of another kind.
func (op *Op) Account() (a Account, ok bool) { return op.account, op.Kind == KindAccount }

// Discovery returns the key that the op tells; ok is false when it is of another kind.
func (op *Op) Discovery() (d Discovery, ok bool) { return op.discovery, op.Kind == KindDiscovery }

// Profile returns what the op says of its author; ok is false when it is of another kind.
func (op *Op) Profile() (p Profile, ok bool) { return op.profile, op.Kind == KindProfile }

// Read returns the op's read marks; ok is false when it is of another kind.
func (op *Op) Read() (r Read, ok bool) { return op.read, op.Kind == KindRead }

// parseBody reads the body of a kind that this version shows or acts on.
func (op *Op) parseBody(body []byte) (err error) {
	switch op.Kind {
	case KindText:
		op.text, op.replyTo, err = parseText(body)
	case KindEdit:
		if err = wire.Unmarshal(body, &op.edit); err == nil {
			err = op.edit.check()
		}
	case KindDelete:
		if err = wire.Unmarshal(body, &op.deletes); err == nil {
			err = op.deletes.check()
		}
	case KindReaction:
		if err = wire.Unmarshal(body, &op.reaction); err == nil {
			err = op.reaction.check()
		}
	case KindProfile:
		if err = wire.Unmarshal(body, &op.profile); err == nil {
			err = op.profile.check()
		}
	case KindAccount:
		var b accountBody
		if err = wire.Unmarshal(body, &b); err == nil {
			op.account = b.Account
			err = op.account.check()
		}
	case KindIntroduction:
		if err = wire.Unmarshal(body, &op.introduction); err == nil {
			err = op.introduction.check()
		}
	case KindMailbox:
		var b mailboxBody
		if err = wire.Unmarshal(body, &b); err == nil {
			op.mailbox = b.Card
			err = op.mailbox.check()
		}
	case KindDiscovery:
		if err = wire.Unmarshal(body, &op.discovery); err == nil {
			err = op.discovery.check()
		}
	case KindRead:
		var b readBody
		if err = wire.Unmarshal(body, &b); err == nil {
			op.read = b.Marks
			err = op.read.check()
		}
	}
	return err
}
