package mdns

import (
	"net"
	"time"
)

// The protocol's.
//
// spec: 02-discovery#names
const (
	serviceName = "_sottovoce._udp.local."        // what our PTR records hang on
	typesName   = "_services._dns-sd._udp.local." // the list of all kinds, RFC 6763 section 9
	domain      = "local."
	mdnsPort    = 5353
	discardPort = 9  // RFC 863: what arrives there is thrown away
	labelSize   = 16 // hexadecimal digits of an instance label and of a host label
)

var (
	group4 = net.IPv4(224, 0, 0, 251)
	group6 = net.ParseIP("ff02::fb")
)

// The TXT record's.
//
// spec: 02-discovery#txt-record
const (
	version    = 1
	txtMax     = 400 // bytes of the whole record, length bytes counted
	txtString  = 255 // bytes of one "key=value"
	txtStrings = 16  // entries a receiver looks at
	nameMax    = 183 // bytes of a nickname: what 255 leave after "o=", base64 and the handle
)

// Times on the air.
//
// spec: 02-discovery#announcing
const (
	// ttl of all our records: who crashes is forgotten within four minutes.
	ttl = 240 * time.Second
	// announceEvery, with a jitter of ±20 %, stays under half the TTL, so that
	// one lost packet costs nothing.
	announceEvery = 100 * time.Second
	// newcomerDelayMin to -Max spread the answers of several nodes to one
	// newcomer; every known peer widens the span, so a crowd does not shout.
	newcomerDelayMin = 20 * time.Millisecond
	newcomerDelayMax = 120 * time.Millisecond
	newcomerDelayPer = 5 * time.Millisecond
	// newcomerEvery is the least time between an announcement and one that a
	// newcomer or a question called for.
	newcomerEvery = time.Second
	// settleMax is how long after a change an announcement that did not leave is
	// tried again each second: IPv6 takes a moment to come up.
	settleMax = 10 * time.Second
	// askEvery is the time between questions once the first are over. A
	// question is left out while every known peer was heard within staleAfter;
	// askAtLeast ends that.
	askEvery   = 60 * time.Second
	staleAfter = ttl / 2
	askAtLeast = 10 * time.Minute
	// announcePer and askPer lengthen the pauses for each node in sight beyond
	// crowdFree, up to crowdMax: 200 nodes cost each other below 2 kB/s. A life
	// that grows with them stays within discovery.TTLMax.
	announcePer = time.Second
	askPer      = 6 * time.Second
	crowdFree   = 8
	crowdMax    = 250
	askTwiceMax = 64
	// answerDelayPer, for each node in sight up to answerDelayMax, spreads the
	// answers to one question; of two or three nodes nobody waits. The responder
	// waits verdictWait for each.
	answerDelayPer = 200 * time.Microsecond
	answerDelayMax = 40 * time.Millisecond
	// partingGap lies between the two rounds of goodbyes.
	partingGap = 50 * time.Millisecond
)

// burst and firstAsks are the times since the start, or since the last change
// of what is announced or where, of the first announcements and questions.
var (
	burst     = []time.Duration{0, 100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 20 * time.Second, 60 * time.Second}
	firstAsks = []time.Duration{
		50 * time.Millisecond, 250 * time.Millisecond, time.Second, 2 * time.Second,
		4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second,
	}
)

// Ours.
const (
	scanEvery     = 5 * time.Second        // interfaces and expiry
	scanAlone     = time.Second            // interfaces, while there is none but loopback
	scanResolving = 200 * time.Millisecond // interfaces, while a router's hardware address is asked for
	shownMax      = 8                      // instances that goodbye is said to on an interface
	scanWatched   = time.Minute            // interfaces, where the system tells of changes
	scanSettle    = 100 * time.Millisecond // interfaces, after the system told of a change: more follow
	expireEvery   = 5 * time.Second        // the least between two looks for what was not heard again
	sleptLeast    = 5 * time.Second        // a clock that leads by so much more: the machine slept
	packetMax     = 9000                   // bytes of a packet, RFC 6762 section 17; longer ones are cut and fail
	recordsMax    = 256                    // records of one packet we look at
	instancesMax  = 64                     // instances of one packet we look at
	hostAddrsMax  = 16                     // addresses of one host we look at
	ownAddrsMax   = 12                     // addresses we announce: the packet stays under 1,232 bytes
	questionsMax  = 16                     // questions of one packet we look at
	answersRate   = 50                     // answers a second, and so many more at once:
	answersBurst  = 256
	verdictWait   = 50 * time.Millisecond  // for our loop to hear a question that the responder heard
	verdictLife   = time.Second            // of a verdict that the responder did not ask for
	verdictsMax   = 256                    // that wait for the responder
	scanMax       = 1024                   // addresses that a scan asks
	scanBits      = 10                     // of an address in a subnet that can be scanned
	scanPace      = 10 * time.Millisecond  // between two of its questions
	scanTell      = 25                     // questions between two words of progress
	scanWait      = time.Second            // for the answers to the last ones
	interfacesMax = 16                     // interfaces in use
	inboxSize     = 64                     // parsed packets that wait; then the kernel's buffer fills
	complainEvery = time.Minute            // between two log lines about malformed packets
	readRetry     = 100 * time.Millisecond // after a socket error that is not its end
)
