package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// Errors that callers branch on.
var (
	// ErrNoSession says that there is no such session: to send on, Start one.
	ErrNoSession = errors.New("no such session with this device")
	// ErrWindow says that too much is unreceipted: seal again after a receipt.
	ErrWindow = fmt.Errorf("%d numbers are not receipted", unreceiptedMax)
	// ErrTooLarge says that a content does not fit into a blob of class 2.
	ErrTooLarge = errors.New("content is too large for one blob")
)

// Secret is 32 bytes of key material.
type Secret = ratchet.Secret

// Pair is everything shared with one peer device. It is not safe for
// concurrent use. Every method either fails and has changed nothing, or
// succeeds and must be saved before its result leaves the device.
type Pair struct {
	our         *identity.Device
	encapsulate ratchet.Encapsulate
	s           pairState
	unsaved     bool   // the fixed part changed
	endBy       uint16 // as EndBy was told
}

// PairConfig is what a finished contact exchange knows about a peer device.
type PairConfig struct {
	Our                      *identity.Device
	OurAccount, TheirAccount identity.AccountID
	OurHeads, TheirHeads     []wire.Hash // of the account DAGs
	Their                    identity.DeviceKeys
	Secret                   [32]byte            // the contact secret
	OurBundle                *BundleSecrets      // what the peer was given; taken over
	TheirBundle              []byte              // what we were given
	Encapsulate              ratchet.Encapsulate // nil: ratchet.Random
}

// NewPair returns a pair without a session. It fails when a bundle is not
// signed by its device or names other account heads than the config.
func NewPair(cfg PairConfig) (*Pair, error) {
	theirs, err := ParseBundle(cfg.TheirBundle, cfg.Their)
	if err != nil {
		return nil, err
	}
	if theirs.heads != identity.HashHeads(cfg.TheirHeads) {
		return nil, errors.New("their bundle names other account heads than their card")
	}
	if cfg.OurBundle.s.Heads != identity.HashHeads(cfg.OurHeads) {
		return nil, errors.New("our bundle names other account heads than our card")
	}
	p := &Pair{our: cfg.Our, encapsulate: cfg.Encapsulate}
	p.s.fixed = fixed{
		OurID: cfg.Our.ID(), OurAccount: cfg.OurAccount, TheirAccount: cfg.TheirAccount,
		TheirSign: cfg.Their.Sign, TheirAgree: cfg.Their.Agree,
		OurHeads: slices.Clone(cfg.OurHeads), TheirHeads: theirs.heads,
		Contact: cfg.Secret, Ours: []prekeys{cfg.OurBundle.s},
		Theirs: []theirBundle{{ID: theirs.id, Heads: theirs.heads}}, TheirBundle: bytes.Clone(cfg.TheirBundle),
	}
	p.s.Ours[0].Object = nil // the exchange has delivered it
	cfg.OurBundle.s = prekeys{}
	p.changed()
	p.defaults()
	return p, nil
}

func (p *Pair) defaults() {
	if p.encapsulate == nil {
		p.encapsulate = ratchet.Random
	}
}

// Ref says where a tag comes from, and where a blob belongs: number N of
// sending chain Chain of a session. For a start it names what keys it: the zero
// session for the contact secret, else a session and in Chain its epoch; N
// counts the starts of a day.
type Ref struct {
	Session  [8]byte
	Start    bool
	Chain, N uint32
}

// Sealed is a blob to be stored and sent. Of a start, Session is the session
// that it begins and Chain and N are 0.
type Sealed struct {
	Ref
	Blob   []byte
	Delete [16]byte // shown to a supernode, it deletes the blob
}

// Opened is what was in a blob. Of a start, Session is the session that it
// begins, Chain and N are 0, and the content is empty.
type Opened struct {
	Ref
	Content
	Skipped []SkippedKey // to be stored
	Reseal  bool         // another session is the sending one now: seal what is unreceipted again
}

// SkippedKey is the key of a number that was jumped over. Whoever stores it
// drops it once used, on the day Until, and with its session.
//
// spec: 04-sessions#skipped-keys
type SkippedKey struct {
	Tag [ratchet.TagSize]byte
	Ref
	Key   Secret
	Until uint16 // day
}

// Seal seals content into the next number of the sending session. It fails
// with ErrNoSession, ErrWindow, ErrBehind or ErrTooLarge. It draws from rand what
// ratchet.Next does, and the salt, 16 bytes.
//
// spec: 04-sessions#sending
func (p *Pair) Seal(now time.Time, c Content, rand io.Reader) (Sealed, error) {
	if p.s.Behind {
		return Sealed{}, ErrBehind
	}
	if len(p.s.Sessions) == 0 {
		return Sealed{}, ErrNoSession
	}
	today := wire.DayAt(now)
	s := p.s.Sessions[0].clone()
	if !s.Window.open(today) {
		return Sealed{}, ErrWindow
	}
	m, err := s.Ratchet.Next(now, rand, p.encapsulate)
	if err != nil {
		return Sealed{}, err
	}
	plain, class, bundled, err := c.encode(m)
	if err != nil {
		return Sealed{}, err
	}
	seal := sealing{tag: m.Tag, message: m.Key, headerKey: m.HeaderKey, ratchetHead: m.Header, expiryDay: p.lastDay(today)}
	blob, secret, err := seal.seal(class, plain, rand)
	clear(plain)
	if err != nil {
		return Sealed{}, err
	}
	s.Window.seal(today, m.Chain, m.N)
	ref := Ref{Session: s.id(), Chain: m.Chain, N: m.N}
	if bundled {
		p.carried(c.Bundle, ref, today)
	}
	p.s.Sessions[0] = s
	return Sealed{Ref: ref, Blob: blob, Delete: secret}, nil
}

// lastDay is the expiry day of what is sealed today.
func (p *Pair) lastDay(today uint16) uint16 {
	last := addDays(today, wire.ExpiryDaysMax)
	if p.endBy >= today && p.endBy < last {
		return p.endBy
	}
	return last
}

// EndBy makes what is sealed from now on expire on a day at the latest: a supernode whose
// day is behind ours keeps nothing that seems to live longer than blobs do. A day that is
// past, 0 too, bounds nothing.
//
// spec: 06-conversations#custody
func (p *Pair) EndBy(day uint16) { p.endBy = day }

// addDays does not run over the end of days.
func addDays(day, days uint16) uint16 { return day + min(days, 1<<16-1-day) }

// within reports whether today is one of the days from day on, so many. What a clock that
// was wrong wrote as a day to come is not believed.
//
// spec: 04-sessions#clocks
func within(today, day, days uint16) bool { return day <= today && today < addDays(day, days) }

// Open opens a blob whose tag was found at ref; skipped is the stored key when
// the tag is that of one. It fails with ErrNotForUs for junk, with ErrSeen for
// a start that was read before (then Opened still names the session, to be
// receipted again), with ErrReset for one that a person must decide about.
//
// spec: 04-sessions#receiving
func (p *Pair) Open(now time.Time, blob []byte, ref Ref, skipped *SkippedKey) (Opened, error) {
	h, err := wire.ParseBlob(blob)
	if err != nil {
		return Opened{}, err
	}
	if h.Class == wire.Class3 {
		return Opened{}, ErrNotForUs
	}
	if ref.Start {
		return p.openStart(now, blob, ref)
	}
	i := p.find(ref.Session)
	if i < 0 {
		return Opened{}, ErrNoSession
	}
	s := p.s.Sessions[i].clone()
	var body contentBody
	var later []SkippedKey
	if skipped != nil {
		body, err = s.openSkipped(blob, h, *skipped)
	} else {
		body, later, err = s.openNext(now, blob, h, ref)
	}
	if err != nil {
		return Opened{}, err
	}
	s.Heard = true
	if !p.s.Heard {
		p.s.Heard = true
		p.changed()
	}
	s.known()
	s.opened(ref)
	if s.Dies != 0 {
		s.Ratchet.Retire()
	}
	p.put(i, s, wire.DayAt(now))
	p.adopt(body.Bundle, now)
	return Opened{Ref: ref, Content: body.public(), Skipped: later}, nil
}

// openSkipped opens a message whose key was skipped. Its sealed header is not
// read again: all it said is settled.
func (s *session) openSkipped(blob []byte, h wire.Header, key SkippedKey) (contentBody, error) {
	if h.Tag != key.Tag || !isFor(blob, key.Key) {
		return contentBody{}, ErrNotForUs
	}
	plain, err := openContent(blob, key.Key)
	if err != nil {
		return contentBody{}, err
	}
	s.Skipped.used(key.Until)
	return parseContent(plain)
}

// openNext opens a message of the current or next receiving chain.
func (s *session) openNext(now time.Time, blob []byte, h wire.Header, ref Ref) (contentBody, []SkippedKey, error) {
	if tag, found := s.tag(ref.Chain, ref.N); !found || tag != h.Tag {
		return contentBody{}, nil, ErrNotForUs
	}
	key, err := s.Ratchet.HeaderKey(ref.Chain)
	if err != nil {
		return contentBody{}, nil, err
	}
	var owed []ratchet.Skipped
	if s.Ratchet.IsNext(ref.Chain) {
		// The chain's keys hang on the ratchet key in the header, so it is read
		// before the check can be known; the header key authenticates it.
		head, err := openHeader(blob, key)
		if err != nil {
			return contentBody{}, nil, err
		}
		if owed, err = s.Ratchet.Enter(head); err != nil {
			return contentBody{}, nil, err
		}
	}
	want, message, owed, err := s.Ratchet.Receive(ref.Chain, ref.N, owed)
	if err != nil {
		return contentBody{}, nil, err
	}
	defer message.Erase()
	if !isFor(blob, message) {
		return contentBody{}, nil, ErrNotForUs
	}
	if head, err := openHeader(blob, key); err != nil || head != want {
		return contentBody{}, nil, ErrNotForUs // every message of a chain names the same
	}
	plain, err := openContent(blob, message)
	if err != nil {
		return contentBody{}, nil, err
	}
	body, err := parseContent(plain)
	if err != nil {
		return contentBody{}, nil, err
	}
	if err := s.Ratchet.Settle(now, body.EK, body.CT); err != nil {
		return contentBody{}, nil, err
	}
	later, err := s.keep(owed, wire.DayAt(now))
	return body, later, err
}

// keep makes skipped keys ready for storing, unless there are too many.
func (s *session) keep(owed []ratchet.Skipped, today uint16) ([]SkippedKey, error) {
	until := addDays(today, keyDays)
	if !s.Skipped.add(until, len(owed)) {
		return nil, ratchet.ErrSkip
	}
	var keys []SkippedKey
	for _, k := range owed {
		keys = append(keys, SkippedKey{Tag: k.Tag, Ref: Ref{Session: s.id(), Chain: k.Chain, N: k.N}, Key: k.Key, Until: until})
	}
	return keys, nil
}

// Expire forgets what has outlived every blob, as of the day of now, and
// returns the sessions that are gone since the last time, so that their skipped
// keys are dropped.
//
// spec: 04-sessions#expiry
func (p *Pair) Expire(now time.Time) (gone [][8]byte) {
	today := wire.DayAt(now)
	over := func(day uint16) bool { return day != 0 && day <= today }
	p.spare(today)
	gone, p.s.Gone = p.s.Gone, nil
	p.s.Sessions = slices.DeleteFunc(p.s.Sessions, func(s session) bool {
		if !over(s.Dies) {
			return false
		}
		gone = append(gone, s.id())
		s.Ratchet.Erase()
		return true
	})
	for i := range p.s.Sessions {
		p.s.Sessions[i].Window.expire(today)
		p.s.Sessions[i].Skipped.expire(today)
	}
	held := len(p.s.Ours) + len(p.s.Theirs) + len(p.s.Seen)
	p.s.Ours = slices.DeleteFunc(p.s.Ours, func(b prekeys) bool {
		if !over(b.Gone) {
			return false
		}
		b.erase()
		return true
	})
	// The last two stay: while the newest is not known to have arrived, its maker still
	// names the one before it, for ever if need be.
	if older := len(p.s.Theirs) - 2; older > 0 {
		kept := slices.DeleteFunc(slices.Clone(p.s.Theirs[:older]), func(b theirBundle) bool { return over(b.Gone) })
		p.s.Theirs = append(kept, p.s.Theirs[older:]...)
	}
	p.s.Seen = slices.DeleteFunc(p.s.Seen, func(s seenStart) bool { return over(s.Until) && p.ourBundle(s.Bundle) == nil })
	if len(p.s.Ours)+len(p.s.Theirs)+len(p.s.Seen) != held {
		p.changed()
	}
	return gone
}

// Erase overwrites all secrets; the pair is of no use afterwards.
func (p *Pair) Erase() {
	for i := range p.s.Sessions {
		p.s.Sessions[i].Ratchet.Erase()
		p.s.Sessions[i].started()
	}
	for i := range p.s.Ours {
		p.s.Ours[i].erase()
	}
	p.s = pairState{}
}

// Format reveals nothing but the peer.
func (p Pair) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "pair with %v", p.their().ID()) }

func (p *Pair) their() identity.DeviceKeys {
	return identity.DeviceKeys{Sign: p.s.TheirSign, Agree: p.s.TheirAgree}
}

func (p *Pair) theirID() peer.ID { return p.their().ID() }
