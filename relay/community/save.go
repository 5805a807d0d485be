package community

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// What is kept is version(1) ‖ uvarint size ‖ head ‖ *( uvarint size ‖ roster entry ).
//
// spec: 10-communities#what-is-kept
const savedVersion = 2 // 1 was before cards committed to keys

// savedFile is what both sides keep of the community.
type savedFile struct {
	ID         ID       `cbor:"1,keyasint"`
	Descriptor []byte   `cbor:"2,keyasint,omitempty"`
	Cards      [][]byte `cbor:"3,keyasint,omitempty"`
}

func (f *file) saved() savedFile {
	p := f.papers()
	return savedFile{ID: f.id, Descriptor: p.Descriptor, Cards: p.Cards}
}

// appendSaved writes a head, and the roster behind it.
func appendSaved(head any, r *roster) []byte {
	b, err := wire.Marshal(head)
	if err != nil || len(b) > savedMax {
		panic(fmt.Sprintf("community: saving %T: %d bytes: %v", head, len(b), err))
	}
	out := append(binary.AppendUvarint([]byte{savedVersion}, uint64(len(b))), b...)
	clear(b)
	for _, e := range r.entries {
		out = append(binary.AppendUvarint(out, uint64(len(e.raw))), e.raw...)
	}
	return out
}

// parseSaved splits what appendSaved wrote.
func parseSaved(b []byte, head any) (entries [][]byte, err error) {
	if len(b) == 0 || b[0] < savedVersion {
		return nil, fmt.Errorf("%w: saved community", wire.ErrMalformed)
	}
	if b[0] > savedVersion {
		return nil, fmt.Errorf("saved community: %w", wire.ErrNewer)
	}
	b = b[1:]
	next := func(sizeMax int) ([]byte, error) {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(sizeMax) || size > uint64(len(b)-n) {
			return nil, fmt.Errorf("%w: saved community is cut short", wire.ErrMalformed)
		}
		piece := b[n:][:size]
		b = b[n+int(size):]
		return piece, nil
	}
	said, err := next(savedMax)
	if err != nil {
		return nil, err
	}
	if err := wire.Unmarshal(said, head); err != nil {
		return nil, fmt.Errorf("saved community: %w", err)
	}
	for len(b) > 0 {
		entry, err := next(entrySizeMax)
		if err != nil {
			return nil, err
		}
		if entries = append(entries, entry); len(entries) > RosterMax {
			return nil, fmt.Errorf("%w: saved community with too long a roster", wire.ErrMalformed)
		}
	}
	return entries, nil
}

// load makes the file again and verifies everything in it again.
func (s savedFile) load(entries [][]byte) (*file, error) {
	f := newFile(s.ID)
	if len(s.Cards) > SupernodesMax+SeatsMax || len(s.Descriptor) == 0 && len(s.Cards)+len(entries) > 0 {
		return nil, fmt.Errorf("%w: saved community without a descriptor", wire.ErrMalformed)
	}
	_, err := f.merge(Papers{Descriptor: s.Descriptor, Cards: s.Cards, Entries: entries}, func(Seat) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("saved community: %w", err)
	}
	return f, nil
}

// savedHouse is the head of what a supernode keeps.
type savedHouse struct {
	File     savedFile   `cbor:"1,keyasint"`
	Token    [32]byte    `cbor:"2,keyasint"`
	Operator [32]byte    `cbor:"3,keyasint"` // seed
	Week     uint32      `cbor:"4,keyasint"`
	Keys     [3][32]byte `cbor:"5,keyasint"`
	Card     []byte      `cbor:"6,keyasint"`
	Names    []savedName `cbor:"7,keyasint,omitempty"` // ascending
	Alarms   []Alarm     `cbor:"8,keyasint,omitempty"`
}

type savedName struct {
	_       struct{} `cbor:",toarray"`
	Persona Persona
	Name    string
}

// Save returns the house as bytes. They hold secrets: the operator key, the keys of the weeks and
// the beacon key.
//
// spec: 10-communities#what-is-kept
func (h *House) Save() []byte {
	head := savedHouse{
		File: h.file.saved(), Token: h.token, Operator: h.operator.Seed(), Week: h.weeks.week,
		Card: h.card.raw, Alarms: h.alarms.all,
	}
	for i, key := range h.weeks.keys {
		head.Keys[i] = key
	}
	for _, p := range slices.SortedFunc(maps.Keys(h.names), func(a, b Persona) int { return bytes.Compare(a[:], b[:]) }) {
		head.Names = append(head.Names, savedName{Persona: p, Name: h.names[p]})
	}
	return appendSaved(head, h.file.roster)
}

// LoadHouse reads what Save wrote, for the device that it was written with, and verifies all that
// is signed in it.
func LoadHouse(b []byte, device *identity.Device) (*House, error) {
	var head savedHouse
	entries, err := parseSaved(b, &head)
	if err != nil {
		return nil, err
	}
	f, err := head.File.load(entries)
	if err != nil {
		return nil, err
	}
	card, err := parseCard(head.Card, f.id)
	if err != nil {
		return nil, err
	}
	h := &House{
		file: f, device: device, token: head.Token, operator: OperatorKeyOf(head.Operator), card: card,
		weeks: weeks{week: head.Week}, names: make(map[Persona]string), alarms: alarms{head.Alarms},
	}
	for i, key := range head.Keys {
		h.weeks.keys[i] = key
	}
	for _, n := range head.Names {
		h.names[n.Persona] = n.Name
	}
	if card.Supernode != h.supernode() || card.Operator != h.operator.pub || len(head.Alarms) > alarmsMax || len(h.names) > namesMax {
		return nil, fmt.Errorf("%w: saved community of another supernode", wire.ErrMalformed)
	}
	return h, nil
}

// savedMembership is the head of what a member keeps.
type savedMembership struct {
	File    savedFile      `cbor:"1,keyasint"`
	Persona [32]byte       `cbor:"2,keyasint"` // seed
	Link    *linkBody      `cbor:"3,keyasint,omitempty"`
	Refused uint8          `cbor:"4,keyasint,omitempty"` // place in linkRefusals
	Granted []savedGranted `cbor:"5,keyasint,omitempty"` // ascending
	Alarms  []Alarm        `cbor:"6,keyasint,omitempty"`
}

type savedGranted struct {
	Supernode peer.ID     `cbor:"1,keyasint"`
	Week      uint32      `cbor:"2,keyasint,omitempty"`
	Key       [32]byte    `cbor:"3,keyasint"`
	Next      [32]byte    `cbor:"4,keyasint"`
	Heads     []wire.Hash `cbor:"5,keyasint,omitempty"`
	Sequence  uint64      `cbor:"6,keyasint,omitempty"`
	Refused   bool        `cbor:"7,keyasint,omitempty"`
	Typed     []string    `cbor:"8,keyasint,omitempty"`
}

// Save returns the membership as bytes. They hold secrets: the persona's key, the keys of the weeks,
// the beacon keys, and the link until it has done its work.
//
// spec: 10-communities#what-is-kept
func (m *Membership) Save() []byte {
	head := savedMembership{File: m.file.saved(), Persona: m.persona.Seed(), Alarms: m.alarms.all}
	head.Refused = uint8(max(slices.Index(linkRefusals[:], m.refused), 0))
	if l := m.link; l != nil {
		head.Link = l.body()
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.granted), peer.ID.Compare) {
		if g := m.granted[id]; m.file.isSupernodeID(id) {
			head.Granted = append(head.Granted, savedGranted{
				Supernode: id, Week: g.week, Key: g.key, Next: g.next, Heads: g.heads, Sequence: g.sequence, Refused: g.refused, Typed: g.typed,
			})
		}
	}
	return appendSaved(head, m.file.roster)
}

// LoadMembership reads what Save wrote, and verifies all that is signed in it.
func LoadMembership(b []byte) (*Membership, error) {
	var head savedMembership
	entries, err := parseSaved(b, &head)
	if err != nil {
		return nil, err
	}
	f, err := head.File.load(entries)
	if err != nil {
		return nil, err
	}
	m := &Membership{
		file: f, persona: PersonaKeyOf(head.Persona), granted: make(map[peer.ID]*granted), told: make(map[peer.ID][]told), forged: make(map[Gist]bool), alarms: alarms{head.Alarms},
	}
	if head.Link != nil {
		if m.link, err = head.Link.link(); err != nil {
			return nil, fmt.Errorf("%w: saved community: %v", wire.ErrMalformed, err)
		}
	}
	if err := head.check(f); err != nil {
		return nil, fmt.Errorf("%w: saved community: %v", wire.ErrMalformed, err)
	}
	m.refused = linkRefusals[head.Refused]
	for _, g := range head.Granted {
		m.granted[g.Supernode] = &granted{week: g.Week, key: g.Key, next: g.Next, heads: g.Heads, sequence: g.Sequence, refused: g.Refused, typed: g.Typed}
	}
	return m, nil
}

// check holds what was loaded against what the events keep true.
func (s *savedMembership) check(f *file) error {
	switch {
	case s.Link == nil && f.descriptor == nil:
		return errors.New("neither link nor descriptor")
	case s.Link != nil && (IDOf(s.Link.Root) != f.id || s.Link.Seat):
		return errors.New("the link of something else")
	case int(s.Refused) >= len(linkRefusals) || s.Refused != 0 && s.Link == nil:
		return fmt.Errorf("refusal %d", s.Refused)
	case len(s.Alarms) > alarmsMax:
		return fmt.Errorf("%d alarms", len(s.Alarms))
	}
	for _, g := range s.Granted {
		if !f.isSupernodeID(g.Supernode) || len(g.Heads) > headsMax || CheckAddresses(g.Typed) != nil {
			return errors.New("keys of a stranger")
		}
	}
	return nil
}
