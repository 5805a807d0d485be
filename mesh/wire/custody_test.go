package wire

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
)

// custodySpecimens holds custody frames of every type, least and most.
func custodySpecimens() map[string]Frame {
	community, persona := [32]byte(counted(0x20, 32)), [32]byte(counted(0x40, 32))
	signature := [64]byte(counted(0x80, 64))
	mostPage := Page{From: 1 << 40, Base: community, Until: 1<<40 + 2000, Chain: persona}
	for i := range uint64(BatchBlobsMax) {
		mostPage.Cursors = mostPage.Cursors.Add(1<<40 + 1 + i)
	}
	for i := range uint64(AbsentMax) {
		mostPage.Absent = mostPage.Absent.Add(1<<40+257+i, BlobID(community))
	}
	entry := Entry{Tag: [16]byte(counted(1, 16)), Class: Class2, ID: ShortID(counted(0x60, 8)), ExpiryDay: 20_000}
	all := map[string]Frame{
		"deposit":                 Deposit{Blobs: 2, Tokens: counted(1, 9)},
		"deposit of what is held": Deposit{Blobs: 1},
		"deposit by a guest":      Deposit{Blobs: 1, Tokens: counted(1, 9), Community: &community},
		"deposit, most":           Deposit{Blobs: BatchBlobsMax, Tokens: make([]byte, TokensSizeMax), Community: &community},
		"kept":                    Kept{Results: Results{}.Add(0, 300).Add(ReasonDiskFull, 0).Add(0, 1<<40), Day: 20000, Signature: &signature},
		"kept nothing":            Kept{Results: Results{}.Add(ReasonWrongDay, 0), Day: 20000},
		"kept, most":              Kept{Results: bytes.Repeat(Results{}.Add(0, 1<<63), BatchBlobsMax), Day: 1<<32 - 1, Signature: &signature},
		"range":                   RangeFrame{Since: 128},
		"range, follow":           RangeFrame{Follow: true},
		"range, farthest":         RangeFrame{Since: 1<<64 - 64, Follow: true},
		"page": Page{
			From: 64, Base: community, Until: 70, Chain: persona,
			Cursors: Cursors{}.Add(65).Add(70), Absent: Absent{}.Add(66, BlobID(persona)), End: true, Finished: 20000,
		},
		"page of nothing":        Page{End: true},
		"page of what was asked": Page{Cursors: Cursors{}.Add(900).Add(7)},
		"page, most":             mostPage,
		"scan":                   Scan{Since: 64},
		"entries":                Entries{Until: 70, List: EntryList{}.Add(entry).Add(entry), End: true},
		"entries, none":          Entries{End: true},
		"entries, most":          Entries{Until: 1 << 63, List: bytes.Repeat(EntryList{}.Add(entry), EntriesMax)},
		"get":                    Get{IDs: ShortIDs{}.Add(ShortID(counted(1, 8))).Add(ShortID(counted(9, 8)))},
		"get, most":              Get{IDs: make(ShortIDs, 8*BatchBlobsMax)},
		"delete":                 Delete{Tombstones: Tombstones{}.Add([16]byte(counted(1, 16)), 20001), Tokens: counted(1, 9)},
		"delete, most":           Delete{Tombstones: bytes.Repeat(Tombstones{}.Add([16]byte{1}, 65535), BatchBlobsMax), Tokens: make([]byte, TokensSizeMax), Community: &community},
		"login":                  Login{Community: community, Persona: persona, Signature: signature, Day: 20000},
		"grant":                  Grant{Papers: []byte("papers"), Week: 2857, PSK: community, Next: persona, Day: 20000, Allowance: 500},
		"grant, most":            Grant{Papers: make([]byte, GrantPapersMax), Week: 1<<32 - 1, Day: 1<<32 - 1, Allowance: 1<<16 - 1},
		"join":                   Join{Community: community, Persona: persona, Signature: signature, Day: 20000, Proof: counted(1, 16)},
		"join, most":             Join{Signature: signature, Day: 1<<32 - 1, Proof: make([]byte, JoinProofMax)},
		"draw":                   Draw{Day: 20000, Blinded: counted(1, 64)},
		"draw, most":             Draw{Day: 1<<32 - 1, Blinded: make([]byte, DrawMax*ElementSize)},
		"drawn":                  Drawn{Evaluated: counted(1, 64), Proof: counted(0x80, 64)},
		"drawn, most":            Drawn{Evaluated: make([]byte, DrawMax*ElementSize), Proof: make([]byte, DrawProofMax)},
		"attest":                 Attest{},
		"checkpoint":             Checkpoint{Cursor: 70, Chain: community, Day: 20000, Signature: signature},
		"refused":                Refused{Reason: ReasonNotNow},
		"refused, with a word":   Refused{Reason: ReasonWrongDay, Word: "il disco è pieno", Day: 20000},
		"ally":                   Ally{Community: community, Key: persona, Day: 20000, Signature: signature},
		"stock":                  Stock{Finished: 20000, Days: StockDays{}.Add(StockDay{20001, 70000, 0}).Add(StockDay{20058, 1, 300}), Papers: [8]byte(counted(1, 8))},
		"stock of nothing":       Stock{},
		"stock, most":            mostStock(),
		"reconcile":              Reconcile{Day: 20001, Shelf: ShelfBlobs, Nonce: [16]byte(counted(1, 16)), Message: counted(0x20, 9)},
		"reconcile, end":         Reconcile{Day: 20001, Shelf: ShelfTombstones, Nonce: [16]byte(counted(1, 16))},
		"reconcile, most":        Reconcile{Day: 1<<16 - 1, Shelf: 255, Message: make([]byte, ReconcileMax)},
		"papers":                 Papers{Papers: counted(1, 9)},
		"papers, none":           Papers{},
		"papers of a visitor":    Papers{Papers: counted(1, 9), Community: &community},
		"papers, most":           Papers{Papers: make([]byte, PapersSizeMax)},
		"refused, most":          Refused{Reason: 255, Word: strings.Repeat("è", WordMax/2), Day: 1<<32 - 1},
	}
	maps.Copy(all, slotSpecimens())
	return all
}

func TestCustodyFrameVectors(t *testing.T) {
	all := custodySpecimens()
	names := []string{
		"deposit", "deposit by a guest", "kept", "kept nothing", "range", "range, follow", "page", "page of nothing", "page of what was asked",
		"scan", "entries", "get", "delete", "login", "grant", "join", "draw", "drawn", "attest", "checkpoint", "refused", "refused, with a word",
		"ally", "stock", "stock of nothing", "reconcile", "reconcile, end", "papers", "papers, none", "papers of a visitor",
		"fetch", "answers, asked", "answers, withdrawn", "answers, none",
	}
	var vectors []vector
	for _, name := range names {
		vectors = append(vectors, vector{name, encode(t, all[name])})
	}
	checkVectors(t, "custody.txt", vectors)
	frozen := goldentest.Hex(t, "custody.txt")
	for _, v := range vectors {
		if f, err := read(frozen[v.name]); err != nil || !reflect.DeepEqual(f, all[v.name]) {
			t.Errorf("%s is read as %v, %v", v.name, f, err)
		}
	}
}

func TestCustodyFramesRefused(t *testing.T) {
	community := [32]byte{1}
	one := Cursors{}.Add(65)
	for name, f := range map[string]Frame{
		"deposit of nothing":            Deposit{},
		"deposit of too much":           Deposit{Blobs: BatchBlobsMax + 1},
		"deposit of too many tokens":    Deposit{Blobs: 1, Tokens: make([]byte, TokensSizeMax+1)},
		"kept without a result":         Kept{Day: 1},
		"kept with half a result":       Kept{Results: make(Results, 10)},
		"kept with 257 results":         Kept{Results: make(Results, 9*(BatchBlobsMax+1))},
		"a refused blob with a cursor":  Kept{Results: Results{}.Add(ReasonDiskFull, 1)},
		"range from a cursor as it is":  RangeFrame{Since: 65},
		"scan from a cursor as it is":   Scan{Since: 63},
		"page backwards":                Page{From: 128, Until: 64},
		"page with half a cursor":       Page{Until: 70, Cursors: make(Cursors, 9)},
		"page with 257 cursors":         Page{Until: 1, Cursors: make(Cursors, 8*(BatchBlobsMax+1))},
		"page with 1025 absent":         Page{Until: 1, Absent: make(Absent, 40*(AbsentMax+1))},
		"page with a cursor below it":   Page{From: 128, Until: 192, Cursors: one},
		"page with a cursor of From":    Page{From: 65, Until: 192, Cursors: one},
		"page with a cursor behind it":  Page{Until: 64, Cursors: one},
		"page with a cursor twice":      Page{Until: 70, Cursors: one.Add(65)},
		"page with absent out of order": Page{Until: 70, Absent: Absent{}.Add(66, BlobID{}).Add(65, BlobID{})},
		"page with absent behind it":    Page{Until: 64, Absent: Absent{}.Add(66, BlobID{})},
		"2049 entries":                  Entries{List: make(EntryList, 27*(EntriesMax+1))},
		"half an entry":                 Entries{List: make(EntryList, 28)},
		"get of nothing":                Get{},
		"get of 257":                    Get{IDs: make(ShortIDs, 8*(BatchBlobsMax+1))},
		"delete of nothing":             Delete{Tokens: []byte{1}},
		"delete with half a secret":     Delete{Tombstones: make(Tombstones, 17)},
		"delete of too many tokens":     Delete{Tombstones: make(Tombstones, 18), Tokens: make([]byte, TokensSizeMax+1)},
		"grant without papers":          Grant{},
		"grant of too much":             Grant{Papers: make([]byte, GrantPapersMax+1)},
		"join without a proof":          Join{Community: community},
		"join with too long a proof":    Join{Proof: make([]byte, JoinProofMax+1)},
		"draw of nothing":               Draw{},
		"draw of half an element":       Draw{Blinded: make([]byte, 33)},
		"draw of 257":                   Draw{Blinded: make([]byte, 32*(DrawMax+1))},
		"drawn nothing":                 Drawn{Proof: []byte{1}},
		"drawn without a proof":         Drawn{Evaluated: make([]byte, 32)},
		"drawn with a long proof":       Drawn{Evaluated: make([]byte, 32), Proof: make([]byte, DrawProofMax+1)},
		"refused for no reason":         Refused{Word: "no"},
		"refused at length":             Refused{Reason: 1, Word: strings.Repeat("x", WordMax+1)},
	} {
		before := []byte{1, 2, 3}
		if b, err := AppendFrame(before, f); err == nil || !bytes.Equal(b, before) {
			t.Errorf("%s is encoded as %x, %v", name, b, err)
		}
		body, err := Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(framed(f.FrameType(), body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s is read as %v, %v", name, got, err)
		}
	}
	for frame, most := range map[FrameType]int{FrameRange: smallFrameMax, FrameKept: listFrameMax, FrameDraw: drawFrameMax, FramePage: FrameSizeMax, 0x4e: FrameSizeMax} {
		if _, err := read(framed(frame, make([]byte, most+1))); !errors.Is(err, ErrMalformed) {
			t.Errorf("frame %#x of more than %d bytes: %v", frame, most, err)
		}
	}
	if f, err := read(framed(0x4f, nil)); err != nil || f != (Unknown{0x4f}) {
		t.Errorf("a custody frame of later is read as %v, %v", f, err)
	}
}

// What is packed comes out as it was put in.
func TestPackedLists(t *testing.T) {
	var results Results
	var absent Absent
	var cursors Cursors
	var list EntryList
	var ids ShortIDs
	var tombstones Tombstones
	const n = 5
	for i := range uint64(n) {
		results, cursors = results.Add(Reason(i), i<<40), cursors.Add(i<<50)
		absent = absent.Add(i<<33, BlobID{byte(i), 31: 7})
		list = list.Add(Entry{Tag: [16]byte{byte(i), 15: 9}, Class: Class(i % 4), ID: ShortID{byte(i), 7: 1}, ExpiryDay: uint16(i) << 7})
		ids = ids.Add(BlobID{byte(i), 7: 3, 8: 200}.Short())
		tombstones = tombstones.Add([16]byte{byte(i), 15: 5}, uint16(i)<<8)
	}
	for what, got := range map[string]int{
		"results": results.Len(), "cursors": cursors.Len(), "absent": absent.Len(), "entries": list.Len(), "ids": ids.Len(), "tombstones": tombstones.Len(),
	} {
		if got != n {
			t.Errorf("%d %s of %d", got, what, n)
		}
	}
	i := uint64(0)
	for reason, cursor := range results.All() {
		if reason != Reason(i) || cursor != i<<40 || cursors.At(int(i)) != i<<50 {
			t.Errorf("result %d: %d, %d", i, reason, cursor)
		}
		i++
	}
	i = 0
	for cursor, id := range absent.All() {
		if cursor != i<<33 || id != (BlobID{byte(i), 31: 7}) {
			t.Errorf("absent %d: %d, %x", i, cursor, id)
		}
		i++
	}
	entries, short := slices.Collect(list.All()), slices.Collect(ids.All())
	for i := range byte(n) {
		if want := (Entry{Tag: [16]byte{i, 15: 9}, Class: Class(i % 4), ID: ShortID{i, 7: 1}, ExpiryDay: uint16(i) << 7}); entries[i] != want {
			t.Errorf("entry %d: %v", i, entries[i])
		}
		if short[i] != (ShortID{i, 7: 3}) {
			t.Errorf("id %d: %x", i, short[i])
		}
	}
	i = 0
	for d, day := range tombstones.All() {
		if d != [16]byte{byte(i), 15: 5} || day != uint16(i)<<8 {
			t.Errorf("tombstone %d: %x, %d", i, d, day)
		}
		if i++; i == 2 {
			break // a reader may stop anywhere
		}
	}
}
