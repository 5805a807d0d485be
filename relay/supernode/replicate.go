package supernode

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"slices"

	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/replica"
)

// stock is what one community has here, as other supernodes of it see it.
type stock struct{ c *served }

// Shelves says how much is held of which day.
func (s stock) Shelves() replica.Shelves {
	shelves := replica.Shelves{Finished: s.c.store.Finished(), Today: s.c.at.believedDay()}
	for _, d := range s.c.store.Stats().Logs[s.c.id] {
		if d.Day > shelves.Finished && d.Blobs+d.Tombstones > 0 {
			shelves.Days = append(shelves.Days, wire.StockDay{Day: d.Day, Blobs: uint32(d.Blobs), Tombstones: uint32(d.Tombstones)})
		}
	}
	return shelves
}

// Moved returns channels that are closed when Shelves, and Mark, may say something else.
func (s stock) Moved() (shelves, papers <-chan struct{}) {
	s.c.mu.Lock()
	papers = s.c.changed
	s.c.mu.Unlock()
	return s.c.store.Moved(s.c.id, s.c.store.Head(s.c.id).Cursor), papers
}

// IDs returns the ids of the blobs of a day.
func (s stock) IDs(ctx context.Context, day uint16) ([]wire.BlobID, error) {
	return s.c.store.IDs(ctx, s.c.id, day)
}

// Secrets returns the D of the tombstones of a day.
func (s stock) Secrets(ctx context.Context, day uint16) (all [][16]byte, err error) {
	tombstones, err := s.c.store.Tombstones(ctx, s.c.id, day)
	for _, t := range tombstones {
		all = append(all, t.D)
	}
	return all, err
}

// Get returns blobs whose ids begin so.
func (s stock) Get(ctx context.Context, ids []wire.ShortID, limit int) (blobs [][]byte, err error) {
	records, err := s.c.store.Get(ctx, s.c.id, ids, limit)
	for _, r := range records {
		blobs = append(blobs, r.Blob)
	}
	if err != nil {
		return nil, err
	}
	return blobs, s.c.out.wait(ctx, block{}, sizeOf(blobs))
}

// Keep takes blobs that another supernode brought, by the same terms as those of members but for tokens.
//
// spec: 12-replication#sets
func (s stock) Keep(ctx context.Context, blobs [][]byte) ([]wire.Reason, error) {
	if err := s.c.in.wait(ctx, block{}, sizeOf(blobs)); err != nil {
		return nil, err
	}
	reasons, _, err := s.Take(ctx, blobs)
	for _, reason := range reasons {
		s.c.at.refused(reason, 1)
	}
	return reasons, err
}

// sizeOf is how many bytes blobs have.
func sizeOf(blobs [][]byte) (n int) {
	for _, b := range blobs {
		n += len(b)
	}
	return n
}

// Take is Keep, and says which blobs were not held before. What is held already stays kept, whatever else holds.
func (s stock) Take(ctx context.Context, blobs [][]byte) (reasons []wire.Reason, fresh []bool, err error) {
	items, err := newItems(blobs, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := s.c.hold(ctx, items); err != nil {
		return nil, nil, err
	}
	terms := s.c.terms()
	for _, t := range unjudged(items) {
		if reason := terms.judge(t.header.ExpiryDay, int64(len(t.blob))); reason != 0 {
			t.refuse(reason)
		}
	}
	if err := s.c.keep(ctx, unjudged(items), func(*item) mailbox.Deposit { return mailbox.Deposit{} }); err != nil {
		return nil, nil, err
	}
	for _, t := range items {
		reasons, fresh = append(reasons, t.reason), append(fresh, t.fresh)
	}
	return reasons, fresh, nil
}

// Bury takes tombstones of a day, unless the day is over or too far ahead.
//
// spec: 12-replication#sets
func (s stock) Bury(ctx context.Context, day uint16, secrets [][16]byte) error {
	if !s.c.terms().days.takes(day) {
		return nil
	}
	removals := make([]mailbox.Removal, len(secrets))
	for i, d := range secrets {
		removals[i].Tombstone = mailbox.Tombstone{D: d, Day: day}
	}
	defer s.c.pages.forget()
	_, err := s.c.store.Delete(ctx, s.c.id, removals)
	return err
}

// Mark is a hash of all that the community's papers lead to.
func (s stock) Mark() [8]byte {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	sum := sha256.Sum256(s.c.offerLocked())
	return [8]byte(sum[:])
}

// Offer returns the community's papers.
func (s stock) Offer() []byte { return s.c.offer() }

// Merge takes papers of another supernode, and answers with what it lacks.
//
// spec: 10-communities#exchange-of-papers
func (s stock) Merge(_ context.Context, theirs []byte) (ours []byte, err error) {
	if len(theirs) == 0 {
		return nil, nil
	}
	lacking, err := s.c.exchange(theirs, true, nil)
	if err != nil || lacking.Descriptor == nil && len(lacking.Entries) == 0 {
		return nil, err
	}
	return lacking.Bytes(), nil
}

// ally lets another supernode in, and tells it what is held here until its link ends, or it is named no more.
//
// spec: 12-replication#log-in
func (v *visit) ally(ctx context.Context, s *link.CustodyStream, f wire.Ally) error {
	if err := v.at.patience.spend(ctx, v.block, priceLogin); err != nil {
		return err
	}
	place := community.Place{Exporter: v.link.Proof().Exporter, Supernode: v.at.ID(), Community: f.Community, Day: f.Day}
	c := v.at.serving(f.Community)
	if c == nil {
		community.VerifyLogin(f.Key, place, [64]byte{}) // the time that it takes tells nothing
		return refusal{wire.ReasonCommunity, "this supernode does not serve that community"}
	}
	id, err := c.knows(place, f)
	if err != nil {
		return refusalOf(err)
	}
	guest := replica.NewGuest(stock{c}, c.id, place.Exporter, func() uint32 { return uint32(v.at.today()) })
	if err := v.allied(c, id, guest); err != nil {
		return err
	}
	defer v.part(c)
	c.replicator.Arrived(id)
	defer c.replicator.Left(id)
	return guest.Watch(ctx, s)
}

// part ends the link of another supernode with the stream of its log-in: nothing would be left that it holds by.
//
// spec: 12-replication#log-in
func (v *visit) part(c *served) {
	v.mu.Lock()
	v.guest = nil
	v.mu.Unlock()
	v.link.Close(link.ReasonBye)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.allies, v)
}

// allied serves another supernode on this link from now on, unless it is named no more since it has logged in.
func (v *visit) allied(c *served, id peer.ID, guest *replica.Guest) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case v.guest != nil:
		return errJunk
	case !slices.ContainsFunc(c.house.Supernodes(), func(k community.Known) bool { return k.ID() == id }):
		return refusalOf(community.ErrNoMember)
	}
	v.guest, c.allies[v] = guest, id
	return nil
}

// serve carries out a request of another supernode. What it brings takes of the memory that there is for deposits.
func (v *visit) serve(ctx context.Context, s *link.CustodyStream, f wire.Frame, guest *replica.Guest) error {
	if _, brings := f.(wire.Deposit); brings {
		waiting, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		memory, err := v.at.in.take(waiting, v.block, wire.BatchSizeMax, s.Reset)
		if err != nil {
			return refusal{wire.ReasonNotNow, "too much is being deposited at once"}
		}
		defer memory.give()
		memory.move(wire.BatchSizeMax) // how much has arrived only the guest knows
	}
	err := guest.Answer(ctx, s, f)
	if errors.Is(err, wire.ErrMalformed) {
		return errJunk
	}
	return err
}

// knows verifies the log-in of another supernode of the community.
func (c *served) knows(place community.Place, f wire.Ally) (peer.ID, error) {
	now := c.at.date()
	c.mu.Lock()
	defer c.mu.Unlock()
	_, supernode, err := c.house.Login(place, f.Key, f.Signature, now)
	if err != nil {
		return peer.ID{}, err
	}
	for _, k := range c.house.Supernodes() {
		if supernode && k.Sign == f.Key && k.ID() != c.at.ID() {
			return k.ID(), nil
		}
	}
	return peer.ID{}, community.ErrNoMember
}

// ours is the guest that another supernode's requests on this link are for; nil: no supernode has logged in.
func (v *visit) ours() *replica.Guest {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.guest
}

// replicate makes what keeps this community level with its other supernodes.
func (c *served) replicate() {
	c.replicator = replica.New(replica.Config{
		Us: c.at.ID(), Community: c.id, Stock: stock{c}, Dialer: dialer{c}, Rand: c.at.cfg.Rand, Log: c.at.log,
	})
}

// renamed tells who the supernodes of the community are now, ends the links of those that are not any more, and wakes those who
// watch its papers. The lock is held.
//
// spec: 12-replication#log-in
func (c *served) renamed() {
	var ids []peer.ID
	for _, k := range c.house.Supernodes() {
		ids = append(ids, k.ID())
	}
	c.replicator.Allies(ids)
	for v, id := range c.allies {
		if !slices.Contains(ids, id) {
			v.link.Close(link.ReasonBye)
		}
	}
	c.offered = nil
	if where := c.house.Where(); where != c.where {
		c.where = where
		clear(c.beacons)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// dialer makes links to the other supernodes of a community.
type dialer struct{ c *served }

// errNowhere says that a supernode has told no address and is not heard on a network of ours.
var errNowhere = errors.New("nothing is known of where the other supernode is")

// Dial dials from a socket of its own.
//
// spec: 12-replication#replication
func (d dialer) Dial(ctx context.Context, ally peer.ID) (replica.Conn, error) {
	var known community.Known
	d.c.mu.Lock()
	for _, k := range d.c.house.Supernodes() {
		if k.ID() == ally {
			known = k
		}
	}
	d.c.mu.Unlock()
	to, found := d.target(ctx, known)
	if !found {
		return nil, errNowhere
	}
	pc, err := net.ListenPacket("udp", ":0")
	if err != nil {
		return nil, err
	}
	transport, err := link.Open(pc, link.Config{Rand: d.c.at.cfg.Rand, Log: d.c.at.log, Keyring: nobody{}})
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	l, err := transport.Dial(ctx, to)
	if err != nil {
		return nil, errors.Join(err, transport.Close())
	}
	return conn{l, transport}, nil
}

// Ally signs for a log-in at another supernode.
//
// spec: 12-replication#log-in
func (d dialer) Ally(at peer.ID, exporter [32]byte) wire.Ally {
	device := d.c.at.device
	place := community.Place{Exporter: exporter, Supernode: at, Community: community.ID(d.c.id), Day: uint32(d.c.at.today())}
	return wire.Ally{
		Community: d.c.id, Key: device.Public().Sign, Day: place.Day, Signature: community.LoginAs(device.SignKey(), place),
	}
}

// conn is a link to another supernode, with its socket.
type conn struct {
	link      *link.Link
	transport *link.Transport
}

// Open begins a request.
func (c conn) Open(ctx context.Context) (replica.Stream, error) { return c.link.Request(ctx) }

// Exporter is that of the link.
func (c conn) Exporter() [32]byte { return c.link.Proof().Exporter }

// Done is closed when the link has ended.
func (c conn) Done() <-chan struct{} { return c.link.Done() }

// Close ends the link, and its socket.
func (c conn) Close() {
	c.link.Close(link.ReasonBye)
	_ = c.transport.Close()
}
