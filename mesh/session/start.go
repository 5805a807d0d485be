package session

import (
	"crypto/mlkem"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// Errors about starts that callers branch on.
var (
	// ErrSeen says that a start was read before: receipt it again.
	ErrSeen = errors.New("start was read before")
	// ErrReset says that a start would replace a session that both ends know of
	// without being keyed by it: it is shown as a warning, a person decides.
	ErrReset = errors.New("start would replace a session in use without being keyed by it")
	// ErrPrekey says that a start names a bundle, one-time pair or account heads
	// that we do not hold, or hold no more; of a start of ours, that their newest
	// bundle is of account heads that we have not pinned.
	ErrPrekey = errors.New("start names prekeys or account heads that are not held")
	// ErrStarts says that there were too many starts: eight of ours with one
	// expiry day, 48 of theirs that are remembered, or four better sessions than theirs.
	ErrStarts = errors.New("too many starts")
	// ErrNumber says that a start has a reset number that an honest peer does not give.
	ErrNumber = errors.New("start with an implausible reset number")
)

// startBody is the content of a start. Its ratchet header names the starter's
// first ratchet key, with pn and epoch 0.
//
// spec: 04-sessions#start
type startBody struct {
	Suite       uint8     `cbor:"1,keyasint"`
	Ephemeral   [32]byte  `cbor:"2,keyasint"`           // X25519
	CT          []byte    `cbor:"3,keyasint"`           // ML-KEM-768
	Starter     wire.Hash `cbor:"4,keyasint"`           // id of the starter's bundle
	Responder   wire.Hash `cbor:"5,keyasint"`           // id of the responder's bundle
	Heads       wire.Hash `cbor:"6,keyasint"`           // of the starter's account
	TheirHeads  wire.Hash `cbor:"7,keyasint"`           // of the responder's account
	OneTime     uint8     `cbor:"8,keyasint,omitempty"` // number of the one-time pair, from 1; 0 for none
	ResetNumber uint32    `cbor:"9,keyasint,omitempty"`
	LostKeys    bool      `cbor:"10,keyasint,omitempty"`
	Commitment  [32]byte  `cbor:"11,keyasint"` // HKDF(SK, "sv1 start commitment")
}

// ourStart is what it takes to seal a start of ours again.
type ourStart struct {
	Keying  Secret         `cbor:"1,keyasint"`
	Head    ratchet.Header `cbor:"2,keyasint"`
	Content []byte         `cbor:"3,keyasint"`
	Day     uint16         `cbor:"4,keyasint"` // expiry day of its last blob
	Ours    wire.Hash      `cbor:"5,keyasint"` // bundles that it names
	Theirs  wire.Hash      `cbor:"6,keyasint"`
}

// Start begins a session and returns the blob that does so at the peer: the
// first one, keyed by the contact secret; a reset, keyed by the session that it
// replaces; or the start before once more, when its blob has expired unread. That one is
// made anew when its bundles or what keys it are not the newest any more, because the
// peer may be unable to accept it.
// It fails unless NeedsStart, and with ErrPrekey. For a new
// session it draws from rand the ephemeral key, 32 bytes, the first ratchet
// key, 32, and what encapsulate takes; then always the salt, 16.
//
// spec: 04-sessions#start
func (p *Pair) Start(now time.Time, rand io.Reader) (Sealed, error) {
	if !p.NeedsStart(now) {
		return Sealed{}, errors.New("a session with this device exists")
	}
	keying, number := p.s.Contact, p.s.Reset
	if s, found := p.reached(); found {
		number = min(number, s.Number+resetAheadMax-1) + 1 // what the peer takes
		for _, e := range s.Ratchet.Epochs() {
			if e.Number == s.Ratchet.Confirmed() {
				keying = e.Reset
			}
		}
	}
	if s := p.waiting(); s != nil && s.Start.Keying == keying && s.Start.Ours == p.offered().ID && s.Start.Theirs == p.theirNewest() {
		again := *s.Start
		sealed, err := p.sealStart(now, s, &again, rand)
		if err == nil {
			s.Start = &again
		}
		return sealed, err
	}
	if p.s.Lost {
		number++
	}
	return p.start(now, keying, number, p.s.Lost, rand)
}

// StartAgain seals the start of the sending session into another blob, because nobody takes
// the one before. It fails with ErrNoSession when the peer is known to have it.
//
// spec: 06-conversations#custody
func (p *Pair) StartAgain(now time.Time, rand io.Reader) (Sealed, error) {
	s := p.waiting()
	if s == nil || p.s.Behind {
		return Sealed{}, ErrNoSession
	}
	again := *s.Start
	sealed, err := p.sealStart(now, s, &again, rand)
	if err == nil {
		s.Start = &again
	}
	return sealed, err
}

// start makes a new session with the given reset number.
func (p *Pair) start(now time.Time, keying Secret, number uint32, lostKeys bool, rand io.Reader) (Sealed, error) {
	b, err := ParseBundle(p.s.TheirBundle, p.their())
	if err != nil {
		return Sealed{}, err
	}
	if b.heads != p.s.TheirHeads {
		return Sealed{}, ErrPrekey
	}
	var ephemeral, first Secret
	for _, key := range []*Secret{&ephemeral, &first} {
		if _, err := io.ReadFull(rand, key[:]); err != nil {
			return Sealed{}, fmt.Errorf("draw a start: %w", err)
		}
	}
	body := startBody{
		Suite: suite, Ephemeral: ratchet.Public(ephemeral), Starter: p.offered().ID, Responder: b.id,
		Heads: p.offered().Heads, TheirHeads: b.heads, ResetNumber: number, LostKeys: lostKeys,
	}
	if !lostKeys { // else nobody knows which are used
		body.OneTime = p.unusedPair(b)
	}
	ek, err := mlkem.NewEncapsulationKey768(b.body.kem(int(body.OneTime)))
	if err != nil {
		return Sealed{}, fmt.Errorf("their bundle: %v", err)
	}
	secret, ct, err := p.encapsulate(ek, rand)
	if err != nil {
		return Sealed{}, fmt.Errorf("encapsulate: %w", err)
	}
	body.CT = ct
	head := ratchet.Header{DH: ratchet.Public(first)}
	agreed, err := p.starterSecrets(b, ephemeral, body.OneTime)
	if err != nil {
		return Sealed{}, err
	}
	sk := p.startSecret(append(agreed, Secret(secret)), keying, body.transcript(p, true, ek.Bytes(), head))
	s, err := newSession(sk, body, true, first, b.body.Signed, now)
	if err != nil {
		return Sealed{}, err
	}
	body.Commitment = commitment(sk)
	own := &ourStart{Keying: keying, Head: head, Content: mustMarshal(body), Ours: body.Starter, Theirs: body.Responder}
	sealed, err := p.sealStart(now, &s, own, rand)
	if err != nil {
		return Sealed{}, err
	}
	s.Start = own
	if body.OneTime > 0 {
		p.s.TheirUsed |= 1 << (body.OneTime - 1)
	}
	p.enrol(s, wire.DayAt(now))
	return sealed, nil
}

// unusedPair returns the number of a one-time pair that we have not used.
func (p *Pair) unusedPair(b *Bundle) uint8 {
	for i := range b.body.OneTime {
		if p.s.TheirUsed&(1<<i) == 0 {
			return uint8(i + 1)
		}
	}
	return 0
}

// sealStart seals a start into a blob that expires as late as may be, and
// notes the day in own.
func (p *Pair) sealStart(now time.Time, s *session, own *ourStart, rand io.Reader) (Sealed, error) {
	day := p.lastDay(wire.DayAt(now))
	counts := slices.Clone(p.s.Starts)
	last := startCount{Day: day}
	if k := slices.IndexFunc(counts, func(c startCount) bool { return c.Day == day }); k >= 0 {
		last = counts[k]
		counts = slices.Delete(counts, k, k+1)
	}
	i := last.Count
	if i >= startsPerDay {
		return Sealed{}, ErrStarts
	}
	last.Count++
	key := startKey(own.Keying)
	seal := sealing{tag: startTag(key, day, p.s.OurID, p.theirID(), i), ratchetHead: own.Head, expiryDay: day}
	seal.message, seal.headerKey = startKeys(key, seal.tag)
	blob, secret, err := seal.seal(wire.Class0, own.Content, rand)
	if err != nil {
		return Sealed{}, err
	}
	p.changed()
	counts = append(counts, last)
	p.s.Starts, own.Day = counts[max(0, len(counts)-startDaysMax):], day
	return Sealed{Ref: Ref{Session: s.id(), Start: true}, Blob: blob, Delete: secret}, nil
}

// startCount is how many start blobs of ours expire on a day. The last few days are kept,
// for a clock that goes back must not repeat a tag.
//
// spec: 04-sessions#start-tags
type startCount struct {
	_     struct{} `cbor:",toarray"`
	Day   uint16
	Count uint8
}

// startKeys returns what seals a start: the message secret and the header key.
//
// spec: 04-sessions#start-keys
func startKeys(key Secret, tag [16]byte) (message, header Secret) {
	ratchet.DeriveAll(key[:], tag[:], labelStartKeys, &message, &header)
	return message, header
}

// openStart accepts a start of the peer.
//
// spec: 04-sessions#accepting-a-start
func (p *Pair) openStart(now time.Time, blob []byte, ref Ref) (Opened, error) {
	keying, body, head, err := p.readStartAt(blob, ref)
	if err != nil {
		return Opened{}, err
	}
	order := wire.HashOf(labelOrder, body.Commitment[:])
	opened := Opened{Ref: Ref{Session: [8]byte(order[:]), Start: true}}
	if slices.ContainsFunc(p.s.Seen, func(s seenStart) bool { return s.Order == [16]byte(order[:]) }) {
		return opened, ErrSeen
	}
	if len(p.s.Seen) >= seenMax {
		return Opened{}, ErrStarts
	}
	s, err := p.respond(now, body, head, keying)
	if err != nil {
		return Opened{}, err
	}
	if err := p.permits(&s, ref); err != nil {
		return Opened{}, err
	}
	opened.Reseal = p.take(s, body, wire.DayAt(now))
	return opened, nil
}

// readStartAt opens the blob of a start whose tag was found at ref, and returns what keys it.
func (p *Pair) readStartAt(blob []byte, ref Ref) (keying Secret, body startBody, head ratchet.Header, err error) {
	h, err := wire.ParseBlob(blob)
	if err != nil {
		return keying, body, head, err
	}
	found := false
	for at, secret := range p.keyings() {
		if at.Session == ref.Session && at.Chain == ref.Chain {
			keying, found = secret, true
		}
	}
	key := startKey(keying)
	if !found || h.Class != wire.Class0 || ref.N >= startsPerDay || h.Tag != startTag(key, h.ExpiryDay, p.theirID(), p.s.OurID, uint8(ref.N)) {
		return keying, body, head, ErrNotForUs
	}
	body, head, err = readStart(blob, key, h.Tag)
	return keying, body, head, err
}

// readStart opens the blob of a start.
func readStart(blob []byte, key Secret, tag [16]byte) (startBody, ratchet.Header, error) {
	message, headerKey := startKeys(key, tag)
	if !isFor(blob, message) {
		return startBody{}, ratchet.Header{}, ErrNotForUs
	}
	head, err := openHeader(blob, headerKey)
	if err != nil {
		return startBody{}, ratchet.Header{}, err
	}
	plain, err := openContent(blob, message)
	if err != nil {
		return startBody{}, ratchet.Header{}, err
	}
	var body startBody
	switch err := wire.Unmarshal(plain, &body); {
	case err != nil:
		return startBody{}, ratchet.Header{}, fmt.Errorf("their start: %w", err)
	case body.Suite != suite:
		return startBody{}, ratchet.Header{}, fmt.Errorf("%w: start of suite %d", wire.ErrNewer, body.Suite)
	case len(body.CT) != ratchet.CTSize || head.PN != 0 || head.Epoch != 0:
		return startBody{}, ratchet.Header{}, fmt.Errorf("%w: start", wire.ErrMalformed)
	}
	return body, head, nil
}

// respond computes the session of a start with exactly the bundles and heads
// that it names.
func (p *Pair) respond(now time.Time, body startBody, head ratchet.Header, keying Secret) (session, error) {
	b := p.ourBundle(body.Responder)
	known := slices.ContainsFunc(p.s.Theirs, func(t theirBundle) bool { return t.ID == body.Starter && t.Heads == body.Heads })
	if b == nil || b.named() || !known || body.Heads != p.s.TheirHeads || body.TheirHeads != b.Heads || int(body.OneTime) > len(b.OneTime) {
		return session{}, ErrPrekey
	}
	seed := b.LastResort
	var pair []byte
	if body.OneTime > 0 {
		if pair = b.OneTime[body.OneTime-1]; len(pair) == 0 {
			return session{}, ErrPrekey
		}
		seed = pair[32:]
	}
	dk, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		return session{}, fmt.Errorf("our bundle: %v", err)
	}
	secret, err := dk.Decapsulate(body.CT)
	if err != nil {
		return session{}, fmt.Errorf("their start: %v", err)
	}
	agreed, err := p.responderSecrets(b, body.Ephemeral, pair)
	if err != nil {
		return session{}, err
	}
	sk := p.startSecret(append(agreed, Secret(secret)), keying, body.transcript(p, false, dk.EncapsulationKey().Bytes(), head))
	want := commitment(sk)
	if subtle.ConstantTimeCompare(want[:], body.Commitment[:]) != 1 {
		return session{}, ErrNotForUs
	}
	return newSession(sk, body, false, b.Signed, head.DH, now)
}

// permits applies the rules about which start may become the sending session.
//
// spec: 04-sessions#accepting-a-start
func (p *Pair) permits(s *session, ref Ref) error {
	byContact := ref.Session == [8]byte{}
	switch {
	case s.Number > p.s.Reset && s.Number-p.s.Reset > resetAheadMax,
		!byContact && s.Number <= p.s.Sessions[p.find(ref.Session)].Number:
		return ErrNumber
	case p.s.Heard && s.LostKeys:
		return ErrReset // and does not lose either: its author would not know
	}
	if list, surplus := p.place(*s); surplus >= 0 && list[surplus].id() == s.id() {
		return ErrStarts
	}
	first := len(p.s.Sessions) == 0 || s.before(&p.s.Sessions[0])
	refusal := ErrNotForUs // a start that would lose replaces nothing: no person need decide
	if first {
		refusal = ErrReset
	}
	if byContact {
		if _, over := p.RecoverySecret(); over || first && p.s.Heard {
			return refusal
		}
		return nil
	}
	// Whoever sent under a session of ours knew that both have it; of one of theirs they
	// know it when they answer. What they start from then on is keyed by it or a better one.
	for i := range p.s.Sessions {
		o := &p.s.Sessions[i]
		if o.id() == ref.Session {
			return nil
		}
		if o.Heard && o.settled() {
			return refusal
		}
	}
	return nil
}

// take notes that the start was seen, erases the one-time pair that it used, so that
// nothing can compute its session again, and enrols the session. It returns whether the
// session that is sent on changed.
func (p *Pair) take(s session, body startBody, today uint16) (reseal bool) {
	b := p.ourBundle(body.Responder)
	if body.OneTime > 0 {
		clear(b.OneTime[body.OneTime-1])
		b.OneTime[body.OneTime-1] = nil
	}
	p.arrived(b.ID, today)
	order := [16]byte(s.Order[:])
	p.s.Seen = append(slices.Clip(p.s.Seen), seenStart{Order: order, Bundle: b.ID, Until: addDays(today, keyDays)})
	if p.s.Refused != nil && p.s.Refused.Order == order {
		p.s.Refused = nil
	}
	p.spare(today)
	reseal = p.enrol(s, today)
	if first, _ := p.Sending(); first == s.id() {
		p.s.Lost = false // both go on with what the peer began
	}
	return reseal
}

// newSession makes the session of a start secret. firstKey is our private key
// of the first root step, theirKey their public one.
func newSession(sk Secret, body startBody, ours bool, firstKey Secret, theirKey [32]byte, now time.Time) (session, error) {
	r, err := ratchet.New(ours, sk, firstKey, theirKey, now)
	if err != nil {
		return session{}, err
	}
	c := commitment(sk)
	return session{
		Order: wire.HashOf(labelOrder, c[:]), Number: body.ResetNumber, LostKeys: body.LostKeys,
		Ours: ours, Known: !ours, Ratchet: r,
	}, nil
}

// transcript is everything that both ends must agree on.
//
// spec: 04-sessions#start-secret
func (b *startBody) transcript(p *Pair, ours bool, ek []byte, head ratchet.Header) wire.Hash {
	starter, responder := p.s.OurID, p.theirID()
	accounts := [2][32]byte{p.s.OurAccount, p.s.TheirAccount}
	if !ours {
		starter, responder = responder, starter
		accounts[0], accounts[1] = accounts[1], accounts[0]
	}
	lost := byte(0)
	if b.LostKeys {
		lost = 1
	}
	return wire.HashOf(labelTranscript, []byte{1, suite},
		accounts[0][:], starter[:], b.Starter[:], b.Heads[:],
		accounts[1][:], responder[:], b.Responder[:], b.TheirHeads[:],
		ek, b.CT, b.Ephemeral[:], head.DH[:],
		[]byte{b.OneTime}, binary.BigEndian.AppendUint32(nil, b.ResetNumber), []byte{lost})
}
