package daemon

import (
	"context"

	"sottovoce/mesh"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// custodian is the relay client as the node wants it: neither package knows the other.
type custodian struct{ client *relay.Client }

var _ mesh.Custodian = custodian{}

// Custodian is a relay client as a node wants it.
func Custodian(client *relay.Client) mesh.Custodian { return custodian{client} }

// Run implements mesh.Custodian.
func (c custodian) Run(ctx context.Context, to mesh.Collector) error {
	return c.client.Run(ctx, collector{to})
}

// Deposit implements mesh.Custodian.
func (c custodian) Deposit(ctx context.Context, at peer.ID, parcels []mesh.Parcel) ([]mesh.Custody, error) {
	left := make([]relay.Parcel, len(parcels))
	for i, p := range parcels {
		left[i] = relay.Parcel(p)
	}
	answers, err := c.client.Deposit(ctx, at, left)
	if err != nil {
		return nil, err
	}
	held := make([]mesh.Custody, len(answers))
	for i, a := range answers {
		if a.Reason == wire.ReasonWrongDay {
			a.Day = dayToSeal(parcels[i].Blob, a.Day)
		}
		held[i] = mesh.Custody{Reason: a.Reason, Day: a.Day, Log: mesh.Log(a.Log), Cursor: a.Cursor, Evidence: a.Evidence}
	}
	return held, nil
}

// lives are how many days a blob may live, the most first. An operator may keep blobs for fewer days than the protocol allows,
// and a refusal says only which day it is there: who seals for too long tries the next of these.
var lives = [...]uint16{wire.ExpiryDaysMax, 30, 14, 7, 1}

// dayToSeal is the day by which a blob refused for its days is to be sealed again, to live wire.ExpiryDaysMax from then: that
// of the supernode, or one before it where it keeps blobs for fewer.
func dayToSeal(blob []byte, theirs uint16) uint16 {
	h, err := wire.ParseBlob(blob)
	if err != nil {
		return theirs
	}
	for _, life := range lives {
		if short := wire.ExpiryDaysMax - life; h.ExpiryDay > theirs+life && theirs > short {
			return theirs - short
		}
	}
	return theirs
}

// Reread implements mesh.Custodian.
func (c custodian) Reread(ctx context.Context, from mesh.Log, wanted []mesh.Unmatched) ([][]byte, error) {
	ids := make([]relay.Unmatched, len(wanted))
	for i, w := range wanted {
		ids[i] = relay.Unmatched{Since: w.Since, ID: w.ID}
	}
	return c.client.Reread(ctx, relay.Log(from), ids)
}

// Mailbox implements mesh.Custodian.
func (c custodian) Mailbox(to identity.AccountID, theirs []byte) []byte {
	return c.client.Mailbox(to, theirs)
}

// Where implements mesh.Custodian.
func (c custodian) Where(card []byte) (in []mesh.Log) {
	for _, l := range c.client.Where(card) {
		in = append(in, mesh.Log(l))
	}
	return in
}

// Known implements mesh.Custodian.
func (c custodian) Known(contacts map[identity.AccountID][]byte) { c.client.Known(contacts) }

// Supernodes implements mesh.Custodian.
func (c custodian) Supernodes() (all []mesh.Supernode) {
	for _, of := range c.client.Communities() {
		for _, s := range of.Supernodes {
			all = append(all, mesh.Supernode{ID: s.ID, Name: supernodeName(of, s), Community: of.Name, In: of.ID, Reached: s.Reached, Level: levelOf(s)})
		}
	}
	return all
}

// levelAll is what a supernode can tell from how we collect: each member fetches everything.
const levelAll = "it cannot tell whose messages are whose: we fetch all that it keeps"

// levelScan is the same where a day's messages are too many for that.
const levelScan = "of each message that we fetch it can guess with one chance in four that it is ours, and better of many from one place: they are too many to fetch all"

func levelOf(s relay.Supernode) string {
	if s.Scans {
		return levelScan
	}
	return levelAll
}

// supernodeName is what people know a supernode by: its community, and the beginning of its id.
func supernodeName(of relay.Community, s relay.Supernode) string {
	return peer.ShowName(of.Name) + " " + s.ID.String()[:idShown]
}

// idShown is how much of an id people are shown: "peer-" and ten digits.
const idShown = 15

// Beacons implements mesh.Custodian.
func (c custodian) Beacons(day uint32) (all []mesh.Beacon) {
	for _, b := range c.client.Beacons(day) {
		all = append(all, mesh.Beacon(b))
	}
	return all
}

// Sighted implements mesh.Custodian.
func (c custodian) Sighted(at peer.ID, p link.Place) { c.client.Sighted(at, p) }

// collector is the node as the relay client wants it.
type collector struct{ to mesh.Collector }

var _ relay.Collector = collector{}

// Cursor implements relay.Collector.
func (c collector) Cursor(ctx context.Context, from relay.Log) (uint64, error) {
	return c.to.Cursor(ctx, mesh.Log(from))
}

// Match implements relay.Collector.
func (c collector) Match(ctx context.Context, entries []wire.Entry) ([]bool, error) {
	return c.to.Match(ctx, entriesOf(entries))
}

// Collected implements relay.Collector.
func (c collector) Collected(ctx context.Context, p relay.Page) error {
	return c.to.Collected(ctx, mesh.Page{Log: mesh.Log(p.Log), Since: p.Since, Until: p.Until, Blobs: p.Blobs, Scanned: entriesOf(p.Scanned), End: p.End})
}

func entriesOf(entries []wire.Entry) []mesh.Entry {
	all := make([]mesh.Entry, len(entries))
	for i, e := range entries {
		all[i] = mesh.Entry{Tag: e.Tag, ID: e.ID, ExpiryDay: e.ExpiryDay}
	}
	return all
}

// Lost implements relay.Collector.
func (c collector) Lost(ctx context.Context, from relay.Log, at []uint64) error {
	return c.to.Lost(ctx, mesh.Log(from), at)
}

// Reached implements relay.Collector.
func (c collector) Reached(at []relay.Reached) {
	all := make([]mesh.Reached, len(at))
	for i, r := range at {
		all[i] = mesh.Reached(r)
	}
	c.to.Reached(all)
}

// Changed implements relay.Collector.
func (c collector) Changed() { c.to.Changed() }
