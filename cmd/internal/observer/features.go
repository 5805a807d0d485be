package observer

import (
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// Visit is what an observer attributes to one stay of somebody on a network: all that came
// from one address, or that one label spoke for.
type Visit struct {
	Node  string // who it was: the truth, for the judge
	Round int    // two visits of one round are of different nodes, and are not compared
	Place int    // visits to different places are not compared either: the places differ anyway
	// histograms holds how often each value of each feature was seen.
	histograms map[string]map[string]float64
	last       map[string]time.Time // of each kind of packet
	pieces     map[string]int       // packets of each kind that were cut into pieces
}

// NewVisit begins a visit that nothing has been seen of.
func NewVisit(node string, round int) *Visit {
	return &Visit{
		Node: node, Round: round,
		histograms: make(map[string]map[string]float64), last: make(map[string]time.Time), pieces: make(map[string]int),
	}
}

// Reader makes features of packets. It keeps what connections need to be read.
type Reader struct{ quic *quicReader }

// NewReader returns a reader that has seen nothing.
func NewReader() *Reader { return &Reader{newQUICReader()} }

const (
	// piecesMax is how many packets of each kind of a visit are cut into pieces, and
	// cutMax how far: what follows in larger ones is sealed.
	piecesMax = 6
	cutMax    = 512
	pieceSize = 8
)

// periods are what instants may be in phase with: what a program counts in.
var periods = []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, time.Minute, 100 * time.Second, time.Hour}

// phases is how many parts a period is cut into, and how many octave parts an interval.
const (
	phases      = 12
	octaveParts = 4
)

// Read takes a packet that a visit has sent.
func (r *Reader) Read(v *Visit, p Packet) {
	kind := "other"
	var fields []Field
	var m dns.Msg
	switch {
	case p.Payload == nil:
	case p.From.Port() == portDNS || p.To.Port() == portDNS:
		kind = "mdns.broken"
		if m.Unpack(p.Payload) == nil {
			kind = dnsKind(p, &m)
			fields = dnsFields(kind, &m)
		}
	default:
		kind, fields = r.quic.fields(p)
	}
	for _, f := range p.Fields {
		v.Note(kind+"."+f.Name, f.Value)
	}
	for _, f := range fields {
		v.Note(f.Name, f.Value)
	}
	v.Note("kinds", kind)
	if p.Payload != nil {
		v.Note(kind+".size", strconv.Itoa(len(p.Payload)))
		v.Note(kind+".port.own", strconv.Itoa(int(p.From.Port())))
		v.Note(kind+".port.far", strconv.Itoa(int(p.To.Port())))
		v.Note(kind+".address.own", p.From.Addr().String())
		v.Note(kind+".address.far", p.To.Addr().String())
		v.cut(kind, p.Payload)
	}
	v.instant(kind, p.Time)
}

// Note counts a value of a feature.
func (v *Visit) Note(feature, value string) {
	h := v.histograms[feature]
	if h == nil {
		h = make(map[string]float64)
		v.histograms[feature] = h
	}
	h[value]++
}

// instant counts when something happened: its distance from the last of its kind, and its
// phase in everything that programs count in.
func (v *Visit) instant(kind string, at time.Time) {
	last, again := v.last[kind]
	v.last[kind] = at
	if again {
		v.Note(kind+".interval", strconv.Itoa(octave(at.Sub(last))))
	}
	for _, period := range periods {
		phase := float64(at.Sub(at.Truncate(period))) / float64(period) * phases
		v.Note(fmt.Sprintf("%s.phase.%v", kind, period), strconv.Itoa(int(phase)))
		v.Note(fmt.Sprintf("%s.between.%v", kind, period), strconv.Itoa(int(phase+0.5)%phases))
	}
}

// octave is a number for a duration, the same for durations that are about the same.
func octave(d time.Duration) int {
	return int(math.Round(octaveParts * math.Log2(math.Max(d.Seconds(), 1e-6))))
}

var seed = maphash.MakeSeed()

// cut counts every piece of eight bytes of a packet, wherever it stands: whatever is not
// understood and is said again in another visit shows up as one of those.
func (v *Visit) cut(kind string, b []byte) {
	if v.pieces[kind]++; v.pieces[kind] > piecesMax {
		return
	}
	for i := range max(0, min(len(b), cutMax)-pieceSize+1) {
		v.Note(kind+".pieces", strconv.FormatUint(maphash.Bytes(seed, b[i:i+pieceSize]), 36))
	}
}

// Finish ends a visit: it counts how much of everything there was.
func (v *Visit) Finish() {
	counts := make(map[string]float64)
	for kind, n := range v.histograms["kinds"] {
		counts["count."+kind] = n
	}
	for name, h := range v.histograms {
		counts["distinct."+name] = float64(len(h))
	}
	for name, n := range counts {
		v.Note(name, strconv.Itoa(int(math.Round(octaveParts*math.Log2(n)))))
	}
}
