package community

import (
	"bytes"
	"errors"
	"fmt"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// EntryKind says what an entry of the roster does.
//
// spec: 10-communities#roster
type EntryKind uint8

// The kinds. Others are kept and passed on, and do nothing.
const (
	EntryInvite EntryKind = 1 // a join link was made
	EntryJoin   EntryKind = 2 // a persona has joined
	EntryRevoke EntryKind = 3 // a persona is no member any more, or a link is not taken any more; for ever
)

// Entry is one line of a roster. It is immutable.
//
// spec: 10-communities#roster
type Entry struct {
	Author  [32]byte   // the operator key, or the root, that has signed it
	Prev    *wire.Hash // the author's last; nil: it is the first
	Day     uint32     // by the author's clock
	Kind    EntryKind
	Subject [32]byte // invite: the link; join: the persona; revoke: either
	Uses    uint32   // invite: how many can join
	Until   uint64   // invite: Unix seconds after which nobody can
	By      Invite   // join: the link

	raw []byte
	id  wire.Hash
}

// entryBody is the signed part.
type entryBody struct {
	Algs      []uint64   `cbor:"0,keyasint"`
	Community ID         `cbor:"1,keyasint"`
	Author    [32]byte   `cbor:"2,keyasint"`
	Prev      *wire.Hash `cbor:"3,keyasint,omitempty"`
	Day       uint32     `cbor:"4,keyasint"`
	Kind      EntryKind  `cbor:"5,keyasint"`
	Subject   [32]byte   `cbor:"6,keyasint"`
	Uses      uint32     `cbor:"7,keyasint,omitempty"`
	Until     uint64     `cbor:"8,keyasint,omitempty"`
	By        *[32]byte  `cbor:"9,keyasint,omitempty"`
}

// signEntry returns the entry signed by its author.
func signEntry(e Entry, community ID, author signer) (*Entry, error) {
	said := entryBody{
		Algs: identity.Algs(), Community: community, Author: author.pub, Prev: e.Prev, Day: e.Day,
		Kind: e.Kind, Subject: e.Subject, Uses: e.Uses, Until: e.Until,
	}
	if e.Kind == EntryJoin {
		by := [32]byte(e.By)
		said.By = &by
	}
	body, err := wire.Marshal(said)
	if err != nil {
		return nil, err
	}
	return parseEntry(author.signObject(labelEntry, body), community)
}

// parseEntry parses an entry of at most 512 bytes and verifies that its author has signed it. Whether
// that is an operator is for Papers to say.
//
// spec: 10-communities#roster
func parseEntry(b []byte, community ID) (*Entry, error) {
	said, err := peek[entryBody](b, entrySizeMax)
	if err != nil {
		return nil, fmt.Errorf("roster entry: %w", err)
	}
	_, id, err := identity.Verify(labelEntry, b, said.Author)
	if err != nil {
		return nil, fmt.Errorf("roster entry: %w", err)
	}
	if said.Community != community {
		return nil, fmt.Errorf("roster entry: %w: of another community", identity.ErrSignature)
	}
	if err := said.check(); err != nil {
		return nil, fmt.Errorf("%w: roster entry: %v", wire.ErrMalformed, err)
	}
	e := &Entry{
		Author: said.Author, Prev: said.Prev, Day: said.Day, Kind: said.Kind, Subject: said.Subject,
		Uses: said.Uses, Until: said.Until, raw: bytes.Clone(b), id: id,
	}
	if said.By != nil {
		e.By = *said.By
	}
	return e, nil
}

func (e *entryBody) check() error {
	switch {
	case e.Kind == 0:
		return errors.New("no kind")
	case e.Kind > EntryRevoke:
		return nil
	case (e.Kind == EntryInvite) != (e.Uses != 0), e.Uses > UsesMax:
		return fmt.Errorf("kind %d with %d uses", e.Kind, e.Uses)
	case e.Kind != EntryInvite && e.Until != 0:
		return fmt.Errorf("kind %d with a time", e.Kind)
	case (e.Kind == EntryJoin) != (e.By != nil):
		return fmt.Errorf("kind %d with link %t", e.Kind, e.By != nil)
	}
	return nil
}

// Hash names the entry.
func (e *Entry) Hash() wire.Hash { return e.id }
