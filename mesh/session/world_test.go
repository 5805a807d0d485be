package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// The tests' two devices: ends with everything a node would keep around a Pair.

var epochStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// seeded is the randomness of a test, from one word.
func seeded(seed string) io.Reader {
	return rand.NewChaCha8(sha256.Sum256([]byte(seed)))
}

// replayed encapsulates with 32 bytes of rand, so that a run can be replayed.
func replayed(ek *mlkem.EncapsulationKey768, rand io.Reader) (secret, ct []byte, err error) {
	m := make([]byte, 32)
	if _, err := io.ReadFull(rand, m); err != nil {
		return nil, nil, err
	}
	return mlkemtest.Encapsulate768(ek, m)
}

// tb is what tests, fuzz targets and rapid's properties have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

type side struct {
	t       tb
	name    string
	dev     *identity.Device
	pair    *Pair
	rand    io.Reader
	fixed   []byte // part of the pair's state, as it was stored last
	skipped map[[16]byte]SkippedKey
	opened  int // most that any Open returned
}

type outfit struct {
	pairs   int // one-time pairs a bundle
	account [2]identity.AccountID
	heads   [2][]wire.Hash
	secret  [32]byte
}

func newSides(t tb, seed string, pairs int, now time.Time) (a, b *side) {
	t.Helper()
	src := seeded(seed)
	o := outfit{pairs: pairs}
	var devs [2]*identity.Device
	var own [2]*BundleSecrets
	for i := range devs {
		must(t, readInto(src, o.account[i][:]))
		var head wire.Hash
		must(t, readInto(src, head[:]))
		o.heads[i] = []wire.Hash{head}
		devs[i] = got(identity.NewDevice(src))(t)
		own[i] = got(NewBundle(devs[i], o.heads[i], pairs, now, src))(t)
	}
	must(t, readInto(src, o.secret[:]))
	public := [2][]byte{own[0].Public(), own[1].Public()}
	var sides [2]*side
	for i := range sides {
		cfg := PairConfig{
			Our: devs[i], OurAccount: o.account[i], TheirAccount: o.account[1-i],
			OurHeads: o.heads[i], TheirHeads: o.heads[1-i], Their: devs[1-i].Public(),
			Secret: o.secret, OurBundle: own[i], TheirBundle: public[1-i], Encapsulate: replayed,
		}
		sides[i] = &side{
			t: t, name: string(rune('A' + i)), dev: devs[i], pair: got(NewPair(cfg))(t),
			rand: src, skipped: map[[16]byte]SkippedKey{},
		}
	}
	return sides[0], sides[1]
}

func readInto(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	return err
}

func must(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](v T, err error) func(tb) T {
	return func(t tb) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// whole is both parts of a state in one.
func whole(p *Pair) []byte {
	fixed := mustMarshal(p.s.fixed)
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(fixed))), fixed, p.Save())
}

// loaded is the pair of such a state; of its fixed part nothing is stored yet.
func loaded(our *identity.Device, state []byte) (*Pair, error) {
	if len(state) < 4 || uint64(binary.BigEndian.Uint32(state)) > uint64(len(state)-4) {
		return nil, errors.New("not two parts")
	}
	end := 4 + binary.BigEndian.Uint32(state)
	p, err := LoadPair(our, state[4:end], state[end:], replayed)
	if err == nil {
		p.unsaved = true
	}
	return p, err
}

// reload is a crash: what was not saved is lost.
func (s *side) reload() {
	s.t.Helper()
	state := whole(s.pair)
	if s.pair.FixedChanged() {
		s.fixed = s.pair.SaveFixed()
	}
	moving := s.pair.Save()
	if len(s.fixed) > partSizeMax || len(moving) > partSizeMax {
		s.t.Fatalf("state of %d and %d bytes", len(s.fixed), len(moving))
	}
	s.pair = got(LoadPair(s.dev, s.fixed, moving, replayed))(s.t)
	if !bytes.Equal(state, whole(s.pair)) {
		s.t.Fatal("state does not survive loading")
	}
}

func (s *side) start(now time.Time) Sealed {
	s.t.Helper()
	sealed := got(s.pair.Start(now, s.rand))(s.t)
	s.reload()
	return sealed
}

func (s *side) seal(now time.Time, text string) Sealed {
	s.t.Helper()
	sealed := got(s.pair.Seal(now, Content{Payload: []byte(text)}, s.rand))(s.t)
	s.reload()
	return sealed
}

// find looks a blob's tag up as a node does.
func (s *side) find(blob []byte, far bool) (ref Ref, key *SkippedKey, found bool) {
	s.t.Helper()
	h := got(wire.ParseBlob(blob))(s.t)
	if k, ok := s.skipped[h.Tag]; ok {
		return k.Ref, &k, true
	}
	seqs := []func(func([16]byte, Ref) bool){s.pair.Tags(), s.pair.StartTags(h.ExpiryDay)}
	if far {
		seqs = append(seqs, s.pair.FarTags())
	}
	for _, seq := range seqs {
		for tag, r := range seq {
			if tag == h.Tag {
				return r, nil, true
			}
		}
	}
	return Ref{}, nil, false
}

var errNoTag = errors.New("no tag")

// open takes a blob as it comes from the network.
func (s *side) open(now time.Time, blob []byte, far bool) (Opened, error) {
	s.t.Helper()
	ref, key, found := s.find(blob, far)
	if !found {
		return Opened{}, errNoTag
	}
	before := whole(s.pair)
	opened, err := s.pair.Open(now, blob, ref, key)
	if err != nil {
		if !bytes.Equal(before, whole(s.pair)) {
			s.t.Fatalf("%s: a failed open changed the state: %v", s.name, err)
		}
		return opened, err
	}
	if key != nil {
		delete(s.skipped, key.Tag)
	}
	for _, k := range opened.Skipped {
		s.skipped[k.Tag] = k
	}
	s.opened = max(s.opened, len(s.skipped))
	for _, r := range opened.Receipts {
		s.pair.Receipted(now, r)
	}
	s.reload()
	return opened, nil
}

func (s *side) mustOpen(now time.Time, sealed Sealed) Opened {
	s.t.Helper()
	opened := got(s.open(now, sealed.Blob, false))(s.t)
	return opened
}

// receiptFor is the receipt of one blob.
func receiptFor(r Ref) wire.Receipt {
	if r.Start {
		return wire.Receipt{Session: r.Session, Start: true}
	}
	return wire.Receipt{Session: r.Session, Ranges: []wire.Range{{Chain: r.Chain, First: r.N, Last: r.N}}}
}

// talk sends one message from s to o and checks that it arrives.
func (s *side) talk(now time.Time, o *side, text string) Sealed {
	s.t.Helper()
	sealed := s.seal(now, text)
	if opened := o.mustOpen(now, sealed); string(opened.Payload) != text || opened.Ref != sealed.Ref {
		s.t.Fatalf("opened %q of %+v, sealed %q as %+v", opened.Payload, opened.Ref, text, sealed.Ref)
	}
	return sealed
}

// meet starts a session from a to b; the receipt comes back.
func meet(t tb, seed string, pairs int, now time.Time) (a, b *side) {
	t.Helper()
	a, b = newSides(t, seed, pairs, now)
	sealed := a.start(now)
	opened := b.mustOpen(now, sealed)
	if opened.Session != sealed.Session || !opened.Start {
		t.Fatalf("start opened as %+v", opened.Ref)
	}
	if !a.pair.Receipted(now, receiptFor(opened.Ref)) {
		t.Fatal("receipt of the start is no news")
	}
	return a, b
}

func (s *side) confirmed() uint32 { return s.pair.s.Sessions[0].Ratchet.Confirmed() }

func tagsOf(seq func(func([16]byte, Ref) bool)) (tags [][16]byte) {
	for tag := range seq {
		tags = append(tags, tag)
	}
	return tags
}

func sameSecrets(a, b []Secret) bool {
	return slices.ContainsFunc(a, func(s Secret) bool { return slices.Contains(b, s) })
}
