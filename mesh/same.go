package mesh

import (
	"cmp"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"slices"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// A contact may also be somebody whom we asked nearby, or who asked us, before either knew
// that it is the same person: by a link, or when a third introduced us. The tags of this file
// let the two find that out, and nobody else learn anything.
//
// spec: 05-contacts#one-person-asked-twice

// labelSame begins the derivation of what two open profiles share.
const labelSame = "sv1 same person"

// openRequests are those between two open profiles that wait for an answer, the newest first.
func (n *Node) openRequests() []*request {
	var open []*request
	for _, q := range n.requests {
		if n.waiting(q) && q.exchange.Our() == n.profile() {
			open = append(open, q)
		}
	}
	slices.SortFunc(open, func(a, b *request) int { return cmp.Compare(b.row.Time, a.row.Time) })
	return open[:min(len(open), wire.SameTagsMax)]
}

// share finds what only we and the profile that a request is with can compute; nil for one that
// is no proper key.
func (n *Node) share(q *request) []byte {
	if q.shared != nil {
		return q.shared
	}
	our := n.me.open.AgreeSecret()
	defer our.Erase()
	private, err := ecdh.X25519().NewPrivateKey(our[:])
	if err != nil {
		return nil
	}
	their := q.exchange.Their()
	public, err := ecdh.X25519().NewPublicKey(their[:])
	if err != nil {
		return nil
	}
	secret, err := private.ECDH(public)
	if err != nil {
		return nil
	}
	defer clear(secret)
	if q.shared, err = hkdf.Key(sha256.New, secret, nil, labelSame, sha256.Size); err != nil {
		return nil
	}
	return q.shared
}

// sameTag is what somebody with this account, and nobody else, says on a link of a request.
func sameTag(shared []byte, v *live, by identity.AccountID) (tag [16]byte) {
	binding := v.link.Proof().Binding
	mac := hmac.New(sha256.New, shared)
	mac.Write(binding[:])
	mac.Write(by[:])
	copy(tag[:], mac.Sum(nil))
	return tag
}

// tellSame says to a contact which requests wait, and which did not until they turned out to
// be with that contact, in a way that only who knows them understands.
func (t *turn) tellSame(d *device, v *live) error {
	n := t.n
	shared := slices.Clone(n.sames[d.contact.account.ID()])
	for _, q := range n.openRequests() {
		if s := n.share(q); s != nil {
			shared = append(shared, s)
		}
	}
	if len(shared) == 0 {
		return nil
	}
	f := wire.Same{Tags: make([][16]byte, wire.SameTagsMax)}
	for i := range f.Tags { // how many they are is nobody's business
		if i < len(shared) {
			f.Tags[i] = sameTag(shared[i], v, n.me.account.ID())
		} else if _, err := io.ReadFull(n.rand, f.Tags[i][:]); err != nil {
			return err
		}
	}
	t.then(func() { v.post.put(parcel{frames: []wire.Frame{f}}) })
	return nil
}

// tellAllSame does so on every link, when a request has begun.
func (t *turn) tellAllSame() error {
	for _, d := range t.n.inOrder() {
		if d.route.live != nil {
			if err := t.tellSame(d, d.route.live); err != nil {
				return err
			}
		}
	}
	return nil
}

// theySame forgets the requests that turn out to be between a contact and us. Ours is said
// once more, for the other end to do the same: its request may have come later.
func (t *turn) theySame(d *device, v *live, f wire.Same) error {
	n, account := t.n, d.contact.account.ID()
	said := func(shared []byte) bool { return slices.Contains(f.Tags, sameTag(shared, v, account)) }
	known := slices.ContainsFunc(n.sames[account], said)
	var same []*request
	for _, q := range n.openRequests() {
		if s := n.share(q); s != nil && said(s) {
			same = append(same, q)
		}
	}
	for _, q := range same {
		if err := t.forgetSame(d.contact, q); err != nil {
			return err
		}
		n.sames[account] = append(n.sames[account], q.shared)
		n.sames[account] = n.sames[account][max(0, len(n.sames[account])-samesMax):]
	}
	if len(same) == 0 && (!known || t.now.Before(v.same)) {
		return nil
	}
	v.same = t.now.Add(samePause)
	return t.tellSame(d, v)
}

// forgetSame forgets a request that would make somebody a contact who is one.
func (t *turn) forgetSame(c *contactState, q *request) error {
	p := t.n.requester(q)
	p.Direction = ""
	if err := t.forgetRequest(q); err != nil {
		return err
	}
	if again := c.again; again != nil && again.profile == contact.Profile(q.exchange.Their()) {
		c.again = nil
		if err := t.letGo(again); err != nil {
			return err
		}
	}
	return t.recordPerson(storedPerson, p)
}
