package community

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Own is what a supernode brings to a community.
type Own struct {
	Device    *identity.Device
	Token     [32]byte // public key of its tokens for this community
	Addresses []string // host:port where members elsewhere reach it; none: on its own network only
}

// House is one community at one of its supernodes. Whatever changes it is kept by its caller (Save)
// before the answer is given. It is not safe for concurrent use.
//
// spec: 10-communities#at-the-supernode
type House struct {
	file     *file
	device   *identity.Device
	token    [32]byte
	operator OperatorKey
	weeks    weeks
	card     *Card
	names    map[Persona]string
	alarms
}

// Grant is what a persona is told when it is let in; so is a supernode, which has no use for the
// keys.
//
// spec: 10-communities#grant
type Grant struct {
	Papers []byte // descriptor, cards and heads
	Week   uint32 // that Key is of
	Key    Secret
	Next   Secret // of the week after
	Day    uint32 // by the supernode's clock
	Tokens uint16 // that the policy allows for a day
}

// Format prints the week only.
func (g Grant) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "grant of week %d", g.Week) }

// MarshalText returns the week only.
func (g Grant) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", g), nil }

// Found makes a community with its first supernode. The caller shows the words of root once, and
// erases it.
//
// spec: 10-communities#founding
func Found(root Root, name string, policy Policy, own Own, now time.Time, rand io.Reader) (*House, error) {
	name, err := peer.CleanName(name)
	if err != nil {
		return nil, err
	}
	h, err := newHouse(root.ID(), own, now, rand)
	if err != nil {
		return nil, err
	}
	h.file.descriptor, err = root.Sign(Descriptor{
		Sequence: max(seconds(now), 1), Name: name, Until: today(now) + descriptorDays, Policy: policy,
		Supernodes: []Supernode{h.supernode()}, Operators: []Operator{{Key: h.operator.pub}},
	})
	if err != nil {
		return nil, err
	}
	return h, h.show(own.Addresses, nil)
}

// Enter makes the keys of a further supernode, which are nothing until a supernode of the community
// has taken ClaimProof and Merge the papers that it has answered with.
//
// spec: 10-communities#further-supernodes
func Enter(link *Link, own Own, now time.Time, rand io.Reader) (*House, error) {
	if !link.Seat {
		return nil, errors.New("this join link is for members: that for a supernode is made by 'supernode invite --supernode'")
	}
	h, err := newHouse(link.Community(), own, now, rand)
	if err != nil {
		return nil, err
	}
	return h, h.show(own.Addresses, link.claim(h.supernode(), h.operator.pub))
}

func newHouse(id ID, own Own, now time.Time, rand io.Reader) (*House, error) {
	h := &House{file: newFile(id), device: own.Device, token: own.Token, names: make(map[Persona]string)}
	var err error
	if h.operator, err = NewOperatorKey(rand); err != nil {
		return nil, err
	}
	if err := h.drawBeacon(now, rand); err != nil {
		return nil, err
	}
	_, err = h.weeks.turn(WeekOf(today(now)), rand)
	return h, err
}

// today is the day of a time that was agreed on.
func today(now time.Time) uint32 { return uint32(wire.DayAt(now)) }

// supernode is what the root names of us.
func (h *House) supernode() Supernode {
	keys := h.device.Public()
	return Supernode{Sign: keys.Sign, Agree: keys.Agree, Token: h.token}
}

// drawBeacon draws the key that members recognise us by. The card that has it is to be shown next.
func (h *House) drawBeacon(now time.Time, rand io.Reader) error {
	key, err := identity.NewDiscoveryKey(rand, today(now))
	if err != nil {
		return err
	}
	card := Card{Beacon: key}
	if h.card != nil {
		card.Addresses, card.Seat, card.Edition.Draw = h.card.Addresses, h.card.Seat, h.card.Edition.Draw+1
	}
	h.card = &card
	return nil
}

// show signs a card of ours anew, of the next edition.
//
// spec: 10-communities#editions
func (h *House) show(addresses []string, claim *Claim) error {
	edition := h.card.Edition
	if edition.Move++; edition.Week != h.weeks.week {
		edition.Week, edition.Move = h.weeks.week, 0
	}
	card, err := signCard(Card{
		Supernode: h.supernode(), Operator: h.operator.pub, Edition: edition, Addresses: addresses, Beacon: h.card.Beacon, Seat: claim,
		Weeks: [2]wire.Hash{h.weeks.commit(1, h.device.ID(), h.file.id), h.weeks.commit(2, h.device.ID(), h.file.id)},
	}, h.file.id, h.device)
	if err != nil {
		return err
	}
	h.card = card
	if h.file.descriptor != nil && (h.file.named(card) || card.Seat != nil && h.file.seats[card.Seat.Seat] == h.device.ID()) {
		h.file.cards[h.device.ID()] = card
	}
	return nil
}

// Community returns the community's id.
func (h *House) Community() ID { return h.file.id }

// Descriptor returns the newest that was seen; nil before there is one.
func (h *House) Descriptor() *Descriptor { return h.file.descriptor }

// Supernodes lists the community's, this one included.
func (h *House) Supernodes() []Known { return h.file.supernodes() }

// Where changes with the descriptor and the cards, and with nothing else: who joins or is revoked does not change it.
func (h *House) Where() wire.Hash { return h.file.where() }

// Beacon returns the discovery key of a day by which members recognise this supernode on a network.
//
// spec: 10-communities#beacons
func (h *House) Beacon(day uint32) (identity.DiscoveryKey, error) { return h.card.Beacon.Reach(day) }

// Beacons is Beacon for the other supernodes whose cards are known, by their ids.
//
// spec: 10-communities#beacons
func (h *House) Beacons(day uint32) []Beacon {
	return slices.DeleteFunc(h.file.beacons(day), func(b Beacon) bool { return b.Supernode == h.device.ID() })
}

// Keys returns the secrets of the weeks for which links of members are answered.
//
// spec: 10-communities#keys-of-the-week
func (h *House) Keys() []WeekKey { return h.weeks.all() }

// Turn moves on to the week of now, if it is a later one, and says whether anything changed.
//
// spec: 10-communities#keys-of-the-week
func (h *House) Turn(now time.Time, rand io.Reader) (changed bool, err error) {
	if changed, err = h.weeks.turn(WeekOf(today(now)), rand); err != nil || !changed {
		return changed, err
	}
	return true, h.show(h.card.Addresses, h.card.Seat)
}

// Regain draws anew what was drawn under a clock that ran ahead, and says whether anything was: keys of weeks to come would
// never be turned, and nobody knows a beacon key before its day. now is believed.
//
// spec: 10-communities#at-the-supernode
func (h *House) Regain(now time.Time, rand io.Reader) (changed bool, err error) {
	if h.weeks.week <= WeekOf(today(now))+1 && h.card.Beacon.Day() <= today(now)+1 {
		return false, nil
	}
	h.weeks.week = min(h.weeks.week, WeekOf(today(now)))
	return true, h.renew(now, rand)
}

// Advertise says where members elsewhere reach this supernode, and whether that changed. Beyond some
// changes in a week each has the keys drawn anew: that many cards have no good reason.
//
// spec: 10-communities#editions
func (h *House) Advertise(addresses []string, now time.Time, rand io.Reader) (changed bool, err error) {
	if slices.Equal(addresses, h.card.Addresses) {
		return false, nil
	}
	if err := CheckAddresses(addresses); err != nil {
		return false, err
	}
	if h.card.Edition.Week == h.weeks.week && h.card.Edition.Move == movesMax {
		if err := h.redraw(now, rand); err != nil {
			return false, err
		}
	}
	return true, h.show(addresses, h.card.Seat)
}

// stands reports whether the root has made us a supernode of the community.
func (h *House) stands() bool { return h.file.isSupernode(h.device.Public().Sign) }

// Login lets a persona in, or another supernode, by what it has signed at a place.
//
// spec: 10-communities#log-in
func (h *House) Login(at Place, key [32]byte, sig [64]byte, now time.Time) (g Grant, supernode bool, err error) {
	switch {
	case !VerifyLogin(key, at, sig):
		return Grant{}, false, ErrSignature
	case !h.stands():
		return Grant{}, false, ErrNotYet
	case h.file.isSupernode(key):
		return h.grant(now), true, nil
	}
	switch one := h.file.view().members[key]; {
	case one == nil:
		return Grant{}, false, ErrNoMember
	case one.Revoked:
		return Grant{}, false, ErrRevoked
	}
	return h.grant(now), false, nil
}

// Admits reports whether a key is still that of a member, or of a supernode of the community.
//
// spec: 10-communities#revocation
func (h *House) Admits(key [32]byte) bool {
	one := h.file.view().members[key]
	return h.stands() && (h.file.isSupernode(key) || one != nil && !one.Revoked)
}

// Join makes a persona a member by the proof of a link, or gives a further supernode its seat by its
// card. To join again is no error and costs no use.
//
// spec: 10-communities#joining
func (h *House) Join(at Place, key [32]byte, sig [64]byte, proof []byte, now time.Time) (g Grant, supernode bool, err error) {
	g, supernode, err = h.Login(at, key, sig, now)
	if !errors.Is(err, ErrNoMember) {
		return g, supernode, err
	}
	if len(proof) != proofSize {
		err := h.seat(key, proof, now)
		return h.grantUnless(err, now), err == nil, err
	}
	invite, signed := verifyProof(proof, at, key)
	if !signed {
		return Grant{}, false, ErrSignature
	}
	switch link := h.file.view().invites[invite]; {
	case link == nil:
		return Grant{}, false, ErrLinkUnknown
	case link.Closed || seconds(now) > link.Until:
		return Grant{}, false, ErrLinkExpired
	case link.Used >= link.Uses:
		return Grant{}, false, ErrLinkUsed
	}
	err = h.write(Entry{Kind: EntryJoin, Subject: key, By: invite}, now)
	return h.grantUnless(err, now), false, err
}

// seat takes the card of a further supernode, which is to be that of who has logged in.
func (h *House) seat(key [32]byte, card []byte, now time.Time) error {
	c, err := parseCard(card, h.file.id)
	if err != nil || c.Supernode.Sign != key {
		return ErrSignature
	}
	m, err := h.file.merge(Papers{Cards: [][]byte{card}}, func(s Seat) bool { return seconds(now) <= s.Until })
	h.raise(m.alarms...)
	if err == nil && !m.changed {
		err = ErrLinkUsed
	}
	if errors.Is(err, identity.ErrSignature) {
		err = ErrLinkUsed
	}
	return err
}

func (h *House) grant(now time.Time) Grant {
	return Grant{
		Papers: h.file.papers().Bytes(), Week: h.weeks.week, Key: h.weeks.keys[1], Next: h.weeks.keys[2],
		Day: today(now), Tokens: h.file.descriptor.Policy.Tokens,
	}
}

func (h *House) grantUnless(err error, now time.Time) Grant {
	if err != nil {
		return Grant{}
	}
	return h.grant(now)
}

// write adds an entry of ours to the roster.
func (h *House) write(e Entry, now time.Time) error {
	o, found := h.file.operator(h.operator.pub)
	if !found || o.Closed {
		return ErrClosed
	}
	return h.file.write(e, h.operator.signer, now)
}

// write signs an entry and adds it.
func (f *file) write(e Entry, author signer, now time.Time) error {
	e.Prev, e.Day = f.roster.last(author.pub), today(now)
	signed, err := signEntry(e, f.id, author)
	if err != nil {
		return err
	}
	f.resolved = nil
	_, _, err = f.roster.add(signed)
	return err
}

// Unknown lists the places of the entries in papers that are not held here.
func (h *House) Unknown(theirs Papers) (places []int) {
	for i, raw := range theirs.Entries {
		if !h.file.roster.holds(raw) {
			places = append(places, i)
		}
	}
	return places
}

// Exchange takes papers of somebody who is logged in, and answers with what they lack by what they
// have shown: no papers, if that is nothing. bySupernode says that it is another supernode, which may vouch for a seat that was
// taken in time. changed says that there is something to keep.
//
// spec: 10-communities#exchange-of-papers
func (h *House) Exchange(theirs Papers, bySupernode bool, now time.Time, rand io.Reader) (answer Papers, changed bool, err error) {
	sequence, changed, wrong, err := h.take(theirs, bySupernode, now, rand)
	if err != nil {
		return Papers{}, changed, err
	}
	if h.file.descriptor == nil {
		return Papers{}, changed, errors.Join(ErrNotYet, wrong)
	}
	// What was wrong in their papers is left out, and the rest is answered: it may be theirs that are old.
	if h.file.level(theirs, sequence) {
		return Papers{}, changed, nil
	}
	return h.file.papersSince(theirs.Heads), changed, nil
}

// Merge takes papers that another supernode has answered with. The error says what was wrong in
// them; the rest was taken.
//
// spec: 10-communities#exchange-of-papers
func (h *House) Merge(theirs Papers, now time.Time, rand io.Reader) (changed bool, err error) {
	_, changed, wrong, err := h.take(theirs, true, now, rand)
	return changed, errors.Join(wrong, err)
}

// take merges papers. sequence is that of their descriptor; wrong is what was wrong in them; err, that
// there was no randomness.
func (h *House) take(theirs Papers, bySupernode bool, now time.Time, rand io.Reader) (sequence uint64, changed bool, wrong, err error) {
	seatOpen := func(s Seat) bool { return bySupernode || seconds(now) <= s.Until }
	m, wrong := h.file.merge(theirs, seatOpen)
	if m.newer && bySupernode {
		m.alarms = append(m.alarms, Alarm{Kind: AlarmNewer})
	}
	us := h.device.ID()
	ours := func(a Alarm) bool { return a.Kind == AlarmCard && a.Supernode == us }
	setBack := slices.ContainsFunc(m.alarms, ours) // we have signed another card, and forgotten that
	h.raise(slices.DeleteFunc(m.alarms, ours)...)
	changed = m.changed || len(m.alarms) > 0
	if h.file.descriptor == nil {
		return m.sequence, changed, wrong, nil
	}
	stale := false
	if shown := h.file.cards[us]; shown == nil {
		if _, err := h.file.merge(Papers{Cards: [][]byte{h.card.raw}}, func(Seat) bool { return true }); err != nil {
			wrong = errors.Join(wrong, err)
		}
	} else if stale = setBack || shown.id != h.card.id; stale {
		card := *h.card
		card.Edition.Draw = max(card.Edition.Draw, shown.Edition.Draw)
		h.card = &card
	}
	if m.revoked || stale { // of the keys of a card that we do not know we do not have all
		return m.sequence, true, wrong, h.renew(now, rand)
	}
	return m.sequence, changed, wrong, nil
}

// Offer returns the papers to begin an exchange with, where nothing is known of the other.
//
// spec: 10-communities#exchange-of-papers
func (h *House) Offer() Papers { return h.file.papers() }

// Mark changes with what is known, and is the same for two supernodes that know the same.
func (h *House) Mark() wire.Hash { return h.file.mark() }

// ClaimProof is the proof by which Enter's supernode joins: its card.
//
// spec: 10-communities#further-supernodes
func (h *House) ClaimProof() []byte { return slices.Clone(h.card.raw) }

// Revoke shuts a persona out, or takes a join link back, for ever. All keys of members are drawn
// anew: who was shut out recognises no supernode from then on, and gets no link of a member.
//
// spec: 10-communities#revocation
func (h *House) Revoke(subject [32]byte, now time.Time, rand io.Reader) error {
	view := h.file.view()
	_, member := view.members[subject]
	_, invite := view.invites[subject]
	switch {
	case !member && !invite:
		return ErrNoMember
	case view.revoked[subject]:
		return nil
	}
	if err := h.write(Entry{Kind: EntryRevoke, Subject: subject}, now); err != nil {
		return err
	}
	if !member {
		return nil
	}
	return h.renew(now, rand)
}

// renew draws anew what a revoked persona knows: the secrets of the weeks, and the beacon key.
//
// spec: 10-communities#revocation
func (h *House) renew(now time.Time, rand io.Reader) error {
	if err := h.redraw(now, rand); err != nil {
		return err
	}
	return h.show(h.card.Addresses, h.card.Seat)
}

// redraw draws them. The card that has them is to be shown next.
func (h *House) redraw(now time.Time, rand io.Reader) error {
	return errors.Join(h.weeks.renew(rand), h.drawBeacon(now, rand))
}

// isSupernode reports whether a key is that by which a supernode of the community signs.
func (f *file) isSupernode(sign [32]byte) bool {
	return slices.ContainsFunc(f.supernodes(), func(k Known) bool { return k.Sign == sign })
}
