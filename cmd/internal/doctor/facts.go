package doctor

import (
	"net/netip"
	"time"
)

// Node is what holds of the node of this home.
type Node struct {
	Running    bool
	Visibility string // everyone, contacts or nobody
}

// Interface is a network interface of this machine.
type Interface struct {
	Name     string
	Used     bool
	Why      string // it is not used: the word of discovery/mdns for that
	Kind     string // ethernet, wireless, loopback, tunnel, virtual or other
	MTU      int    // largest packet in bytes
	Prefixes []netip.Prefix
}

// Leg is how multicast fares in one family of one interface.
type Leg struct {
	Interface string
	IPv6      bool
	Left      bool   // something of ours left lately
	Failed    string // why the last did not; empty: it did
	Echo      bool   // it came back
	Foreign   bool   // something of another host came, of whatever program
}

// Contact is a contact that is connected, or heard and not connected.
type Contact struct {
	Name     string
	Linked   bool
	Failures int  // attempts in vain to connect, where there is no link
	Here     bool // in a subnet of ours
	Answered bool // it says what it sees of us
	WeHear   bool // its announcements, by multicast
	TheyHear bool // ours
	Full     bool // packets of full size come through
	Knocked  bool // it sent a packet outside of the link,
	Came     bool // which came
}

// Around is what is known of who else is there.
type Around struct {
	Others   int    // nodes that are heard
	Dates    []Date // what their announcements say
	Answers  bool   // there is a router, and it answers when it is asked for its hardware address
	Firewall string // the program that looks after the firewall here: ufw, firewalld or, when that is not known, empty
	Subnet   string // the first of ours, for remedies
}

// Date is how far the clock of another node is from ours: positive if it is ahead.
type Date time.Duration

// Clock is what is known of this machine's clock.
type Clock struct {
	Now     time.Time
	Battery bool // the machine has a clock that goes on without power
	Vouched bool // that one, or the network, keeps the clock right
}

// Disk is the file system of the home.
type Disk struct {
	Path     string
	Free     uint64 // bytes
	ReadOnly bool
	Memory   bool // it is gone with the power
}

// Ports are the UDP ports that are needed.
type Ports struct {
	Listen    string // address and port that were asked for; empty: any
	Taken     string // why that cannot be had; empty: it can
	MDNSTaken string // why port 5353 cannot be shared; empty: it can
}
