package observer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// sight is what the supernode's operator finds: its files, the memory of its process, the datagrams at its interface, and in which
// requests blobs came.
type sight struct {
	disk    map[string][]byte
	memory  []byte
	packets []datagram
	asked   []request
}

// observation is a sight with the truth beside it.
type observation struct {
	sight
	arrivals []*arrival // in the order of the log
	places   map[wire.ShortID][]int
	by       map[string]*traffics // datagrams of each person
}

// arrival is one blob, and whose it was: the truth.
type arrival struct {
	id       wire.BlobID
	from, to string
	round    int
	blob     []byte
	at       time.Time
	request  int   // among those asked
	place    int   // in it
	offers   []int // requests in which it was offered again
	commit   uint64
	around   map[string][]byte // what stands on the disk and in memory beside it
	sizes    []int             // of the datagrams that brought it,
	gaps     []time.Duration   // and between them
}

// look is a kind of features.
type look int

const (
	content look = 1 << iota
	traffic
	disk
	memory
	everything = content | traffic | disk | memory
)

// frameHead is what stands before a blob in the supernode's files, in bytes, and where in it the commit is named.
const (
	frameHead     = 96
	frameCommitAt = 16
)

// observe joins what was seen with the truth.
func (s *fellowship) observe(t *testing.T, saw sight) *observation {
	t.Helper()
	o := &observation{sight: saw, by: make(map[string]*traffics)}
	of := make(map[wire.BlobID]*arrival)
	for i, r := range saw.asked {
		for k, id := range r.IDs {
			l := s.blobs[id]
			switch {
			case l.bytes == nil || l.to == "":
				t.Fatalf("blob %x is nobody's", id)
			case r.Held[k] && of[id] != nil:
				of[id].offers = append(of[id].offers, i)
			case !r.Held[k] && !r.At.Before(s.began):
				a := &arrival{id: id, from: l.from, to: l.to, blob: l.bytes, at: r.At, request: i, place: k, around: make(map[string][]byte)}
				a.round = min(int(r.At.Sub(s.began)/shelfRound), shelfRounds-1)
				o.arrivals, of[id] = append(o.arrivals, a), a
			}
		}
	}
	o.locate(t)
	for _, p := range saw.packets {
		name := s.behind[p.Peer.Addr().Unmap()]
		if o.by[name] == nil {
			o.by[name] = &traffics{}
		}
		o.by[name].add(p)
	}
	for _, f := range o.by {
		f.sorted()
	}
	for _, a := range o.arrivals {
		a.sizes, a.gaps = o.by[a.from].burst(a.at)
	}
	return o
}

// locate finds the blobs on the disk and in memory.
func (o *observation) locate(t *testing.T) {
	t.Helper()
	tags := make(map[[8]byte]*arrival)
	o.places = make(map[wire.ShortID][]int)
	for _, a := range o.arrivals {
		tags[[8]byte(a.blob[4:])] = a
		o.places[a.id.Short()] = nil
	}
	for name, content := range o.disk {
		for i := 0; i+8 <= len(content); i++ {
			a := tags[[8]byte(content[i:])]
			if a == nil {
				continue
			}
			at := i - 4
			if at < frameHead || !bytes.HasPrefix(content[at:], a.blob[:wire.HeaderSize]) { // an index
				a.around["index.before"] = content[max(0, i-64):i]
				a.around["index.behind"] = content[i+len(wire.Header{}.Tag) : min(len(content), i+64)]
				continue
			}
			a.around["disk.before"] = content[at-frameHead : at]
			a.around["disk.behind"] = content[at+len(a.blob) : min(len(content), at+len(a.blob)+frameHead)]
			a.around["disk.file"] = []byte(name)
			a.commit = binary.BigEndian.Uint64(content[at-frameHead+frameCommitAt:])
		}
	}
	for _, a := range o.arrivals {
		if a.commit == 0 {
			t.Fatal("a blob is not on the disk")
		}
	}
	for i := 0; i+8 <= len(o.memory); i += 4 {
		if _, wanted := o.places[wire.ShortID(o.memory[i:])]; wanted {
			id := wire.ShortID(o.memory[i:])
			o.places[id] = append(o.places[id], i)
		}
	}
}

// number is somebody's place among names, and role whether it is one who writes.
func (o *observation) number(name string) int { return slices.Index(names, name) }

func (o *observation) role(name string) int {
	if o.number(name) < writers {
		return 1
	}
	return 0
}

// copied is a copy in which something can be planted.
func (o *observation) copied() *observation {
	c := *o
	c.arrivals = nil
	of := make(map[*arrival]*arrival)
	for _, a := range o.arrivals {
		b := *a
		b.blob = slices.Clone(a.blob)
		of[a] = &b
		c.arrivals = append(c.arrivals, &b)
	}
	c.asked = slices.Clone(o.asked)
	c.by = make(map[string]*traffics)
	for name, f := range o.by {
		c.by[name] = &traffics{all: slices.Clone(f.all)}
		c.by[name].sorted()
	}
	return &c
}

// visits are what the supernode has of the blobs, put together as of says: for whom, in which round and at which place.
func (o *observation) visits(kinds look, of func(a *arrival) (node string, round, place int)) (order []*Visit) {
	all := make(map[string]*Visit)
	for _, a := range o.arrivals {
		node, round, place := of(a)
		key := fmt.Sprint(node, round, place)
		v := all[key]
		if v == nil {
			v = NewVisit(node, round)
			v.Place = place
			all[key], order = v, append(order, v)
		}
		if kinds&content != 0 {
			a.content(v)
		}
		if kinds&traffic != 0 {
			o.traffic(v, a)
		}
		if kinds&disk != 0 {
			for _, name := range sortedKeys(a.around) {
				piecesOf(v, name, a.around[name])
			}
		}
		if kinds&memory != 0 && len(a.offers) == 0 { // each offer leaves traces in memory: they say what it said
			at := o.places[a.id.Short()]
			v.Note("memory.times", strconv.Itoa(len(at)))
			for _, i := range at {
				piecesOf(v, "memory.before", o.memory[max(0, i-64):i])
				piecesOf(v, "memory.behind", o.memory[i+8:min(len(o.memory), i+8+64)])
			}
		}
	}
	for _, v := range order {
		v.Finish()
	}
	return order
}

func piecesOf(v *Visit, name string, in []byte) {
	for i := 0; i+pieceSize <= len(in); i += 4 {
		v.Note(name, string(in[i:i+pieceSize]))
	}
}

// content notes what a blob shows.
func (a *arrival) content(v *Visit) {
	h, err := wire.ParseBlob(a.blob)
	if err != nil {
		v.Note("header.malformed", err.Error())
		return
	}
	v.Note("header.class", strconv.Itoa(int(h.Class)))
	v.Note("header.expiry", strconv.Itoa(int(h.ExpiryDay)))
	for i := range h.Tag {
		v.Note(fmt.Sprint("tag.byte.", i), strconv.Itoa(int(h.Tag[i])))
		v.Note(fmt.Sprint("commitment.byte.", i), strconv.Itoa(int(h.DelCommit[i])))
	}
	for _, from := range []int{4, len(a.blob) - 100} {
		for i := from; i < from+100-pieceSize; i++ {
			v.Note("pieces", string(a.blob[i:i+pieceSize]))
		}
	}
}

// traffic notes how a blob came.
func (o *observation) traffic(v *Visit, a *arrival) {
	v.instant("arrival", a.at)
	v.Note("cursor.modulo", strconv.Itoa(a.request%8))
	v.Note("request.place", strconv.Itoa(a.place))
	v.Note("request.blobs", strconv.Itoa(len(o.asked[a.request].IDs)))
	v.Note("offers", strconv.Itoa(len(a.offers)))
	for _, size := range a.sizes {
		v.Note("datagram.size", strconv.Itoa(size))
	}
	for _, gap := range a.gaps {
		v.Note("datagram.gap", strconv.Itoa(octave(gap)))
	}
	v.Note("datagrams", strconv.Itoa(len(a.sizes)))
}

// traffics are one person's datagrams, in order.
type traffics struct {
	all  []datagram
	sums [2][]int // bytes before each of all: received from, and sent to
}

func (f *traffics) add(p datagram) { f.all = append(f.all, p) }

func (f *traffics) sorted() {
	slices.SortStableFunc(f.all, func(a, b datagram) int { return a.At.Compare(b.At) })
	f.sums = [2][]int{make([]int, len(f.all)+1), make([]int, len(f.all)+1)}
	for i, p := range f.all {
		size := [2]int{}
		if p.Sent {
			size[1] = len(p.Payload)
		} else {
			size[0] = len(p.Payload)
		}
		for d := range size {
			f.sums[d][i+1] = f.sums[d][i] + size[d]
		}
	}
}

// bytes are how many went one way between two instants: 0 from the person, 1 to it.
func (f *traffics) bytes(way int, from, until time.Time) int {
	if f == nil {
		return 0
	}
	i := sort.Search(len(f.all), func(i int) bool { return f.all[i].At.After(from) })
	j := sort.Search(len(f.all), func(i int) bool { return f.all[i].At.After(until) })
	return f.sums[way][j] - f.sums[way][i]
}

// burst are the datagrams by which something came that was kept at an instant.
func (f *traffics) burst(at time.Time) (sizes []int, gaps []time.Duration) {
	const before = 100 * time.Millisecond
	i := sort.Search(len(f.all), func(i int) bool { return f.all[i].At.After(at.Add(-before)) })
	var last time.Time
	for ; i < len(f.all) && !f.all[i].At.After(at); i++ {
		if f.all[i].Sent {
			continue
		}
		sizes = append(sizes, len(f.all[i].Payload))
		if !last.IsZero() {
			gaps = append(gaps, f.all[i].At.Sub(last))
		}
		last = f.all[i].At
	}
	return sizes, gaps
}
