package mesh

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
)

// contactState is an account that we and they have accepted.
type contactState struct {
	row        store.Contact
	account    *identity.Account // pinned: trust.Account()
	trust      *contact.Trust
	discovery  identity.DiscoveryKey // as it is kept
	known      theirKey              // how it came, and which of ours they have
	stepped    identity.DiscoveryKey // of the day before today; see lately
	profile    contact.Profile       // they were met by
	introduced *contact.Introducer   // by whom; nil: by nobody
	transcript [32]byte              // of the exchange
	mailbox    theirMailbox          // where it collects, and what it knows of ours
	crowded    bool                  // as many logs as there may be hold something for it
	devices    []*device
	talk       *talk         // nil in who began anew and has not shown that it is the same
	again      *contactState // who says that it is the same and begins anew
	crossed    bool          // of such: nothing was heard of the contact when it came
}

// device is one device of a contact: the session with it, what is to be sent to it,
// and the way there. The way survives a turn that failed; the rest is read again.
type device struct {
	row     int64
	id      peer.ID
	contact *contactState
	keys    identity.DeviceKeys
	pair    *session.Pair
	queue   *outbox.Queue
	route   *route
	active  bool // its account lists it still

	seen      int64            // when it was last linked, Unix ms; 0: never
	secrets   []session.Secret // that links are accepted with, and
	accepts   []handshake.Pair // the keys made of them
	loaded    *outbox.Loaded   // what the store held, until the queue knows
	tick      time.Time        // when the queue wants one
	queued    int              // deliveries of this turn that the queue does not know yet
	known     []remembered     // where it was linked, the latest first
	receipts  []session.Ref    // what this turn opened
	tags      [][16]byte       // in the node's table
	overtaken []outbox.Event   // what a start of ours made of the queue, until it knows
	depots    []outbox.Depot   // supernodes that are reached and where it collects
	far       []farTag         // that blobs wait under
	away      bool             // this turn opened something that came by supernode
	quiet     time.Time        // before which nothing is left for it at a supernode by itself, see owed.go
	said      bool             // in this turn our person said something to it
	owes      int64            // since when we owe it receipts for that, Unix ms; 0: we do not
	stale     bool             // the table is behind the session
	moved     bool             // and the table of starts
}

// talk is a conversation and its head.
type talk struct {
	row store.Conversation
	log *conversation.Log
}

// newContact is whom an exchange made a contact, as it says.
func newContact(o *contact.Object) *contactState {
	c := &contactState{trust: contact.NewTrust(o)}
	c.account = c.trust.Account()
	c.meet(o)
	return c
}

// meet takes over what an exchange says of how to recognise a contact.
func (c *contactState) meet(o *contact.Object) {
	c.discovery, c.profile, c.transcript, c.introduced = o.Their.Discovery(), o.Their.Profile, o.Transcript, o.Introduced
}

// shownName is the contact's name, ours for it if there is one, safe to show.
func (c *contactState) shownName() string { return peer.ShowName(cmp.Or(c.row.Alias, c.row.Name)) }

// inOrder are the devices by their rows: what is done for one after the other is the same in every run then.
func (n *Node) inOrder() []*device {
	return slices.SortedFunc(maps.Values(n.devices), func(a, b *device) int { return cmp.Compare(a.row, b.row) })
}

// exchanges are the requests by the profiles of the others, likewise.
func (n *Node) exchanges() []*request {
	return slices.SortedFunc(maps.Values(n.requests), func(a, b *request) int {
		one, other := a.exchange.Their(), b.exchange.Their()
		return bytes.Compare(one[:], other[:])
	})
}

// load reads the state that the store holds; ways and links of this run are kept.
func (n *Node) load() error {
	routes := make(map[int64]*route, len(n.devices))
	for row, d := range n.devices {
		routes[row] = d.route
	}
	n.recent = recent{}
	n.watches.drop()
	n.contacts = make(map[identity.AccountID]*contactState)
	n.devices = make(map[int64]*device)
	n.removed = make(map[identity.AccountID]bool)
	n.requests = make(map[contact.Profile]*request)
	n.tags = make(map[[16]byte]tagged)
	n.starts = starts{}
	err := n.store.View(func(tx *store.Tx) error {
		var err error
		if n.me, err = loadSelf(tx, n.store.Secrets()); err != nil {
			return err
		}
		if n.notices, err = loadNotices(tx); err != nil {
			return err
		}
		if n.meetings, err = loadMeetings(tx); err != nil {
			return err
		}
		if err = loadSecret(tx, settingWithdrawn, &n.withdrawn); err != nil {
			return err
		}
		if err := n.loadLocal(tx); err != nil {
			return err
		}
		if n.networks, err = loadNetworks(tx); err != nil {
			return err
		}
		if n.footing = n.settled; len(n.footing) > 0 {
			n.me.open = n.networks.profile(n.footing)
		}
		if n.mark, err = loadMark(tx, n.now()); err != nil {
			return err
		}
		n.mark.Day = max(n.mark.Day, uint16(min(n.me.discovery.Day(), math.MaxUint16))) // the days before are gone
		if err := n.loadContacts(tx, routes); err != nil {
			return err
		}
		if err := n.loadCustody(tx); err != nil {
			return err
		}
		return n.loadRequests(tx)
	})
	if err != nil {
		return err
	}
	n.refreshKeyring()
	n.refreshView()
	n.wake = time.Time{}
	return nil
}
