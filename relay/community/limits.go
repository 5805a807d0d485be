package community

// The protocol's. spec: 10-communities#labels
const (
	labelID         = "sv1 community"
	labelRoot       = "sv1 community root"
	labelWords      = "sv1 root words"
	labelDescriptor = "sv1 community descriptor"
	labelCard       = "sv1 supernode card"
	labelSeat       = "sv1 supernode seat"
	labelEntry      = "sv1 roster entry"
	labelRoster     = "sv1 roster"
	labelPapers     = "sv1 papers"
	labelLink       = "sv1 join link"
	labelInvite     = "sv1 join invite"
	labelJoin       = "sv1 community join"
	labelLogin      = "sv1 persona login"
	labelMember     = "sv1 member link"
	labelWeek       = "sv1 week commit"
	labelBeacon     = "sv1 card beacon"
	labelAddresses  = "sv1 card addresses"
	labelGist       = "sv1 card gist"
)

// The protocol's. spec: 10-communities#limits
const (
	// SupernodesMax is the number of supernodes of one community.
	SupernodesMax = 8
	// SeatsMax is the number of seats in one descriptor that are kept for further supernodes.
	SeatsMax = 8
	// OperatorsMax is the number of operator keys in one descriptor, those that are closed included.
	OperatorsMax = 32
	// AddressesMax is the number of addresses of one supernode.
	AddressesMax = 4
	// AddressSizeMax bounds an address "host:port" in bytes: the longest host name has 253.
	AddressSizeMax = 260
	// UsesMax is how many can join by one link.
	UsesMax = 10_000
	// RosterMax is the number of entries in a roster, and bounds what a stolen operator key can
	// make everybody keep.
	RosterMax = 16_384
	// PapersSizeMax bounds papers in bytes: they ride in one frame.
	PapersSizeMax = 48 << 10
	// PleadMax is how many papers somebody who was refused may show on one link.
	PleadMax = 4
	// movesMax is how often in a week a supernode says other addresses without drawing its keys anew.
	movesMax = 3
	// drawsMax is how often a supernode draws its keys anew in all its time without a revocation.
	drawsMax = 16
	// headsMax is the number of heads in papers: one an operator key, and room for forks.
	headsMax = 64
	// lastMax is the number of heads that close an operator key.
	lastMax = 8

	descriptorSizeMax = 16 << 10 // bytes of the signed object: 8 supernodes, 32 operators with 8 heads each
	cardSizeMax       = 2 << 10  // bytes of the signed object: 4 addresses and the keys
	entrySizeMax      = 512      // bytes of the signed object
	dayMax            = (1<<32 - 1) / 24
	daysPerWeek       = 7
)

// The protocol's. spec: 10-communities#join-links
const (
	linkVersion = 2       // 1 is a contact link
	linkMax     = 1 << 10 // bytes of a link
	stopsMax    = 4       // supernodes that a link names
)

// Ours.
const (
	// descriptorDays is how long a descriptor is good for newcomers: who has lost the root words
	// has two years to found another community.
	descriptorDays = 731
	namesMax       = 2048 // personas that an operator has named
	nameSizeMax    = 256  // bytes of the name that an operator gives a persona
	// beaconDaysMax bounds the steps that somebody else's clock can make us take: 3,660 cost 2 ms.
	beaconDaysMax = 3660
	savedMax      = 1 << 20 // bytes of what is kept beside the roster
	alarmsMax     = 32      // of a membership; the later ones are not kept
	toldMax       = 64      // gists of one supernode's cards that contacts have told; the oldest give way
)
