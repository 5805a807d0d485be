package jetstream

import (
	"math/rand/v2"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// TestHostileMessages: whatever stands in a stream, nothing that is read of it makes a commit of ours one that does not follow, or ends the process.
func TestHostileMessages(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	any64 := func() uint64 {
		return []uint64{0, 1, 2, 63, 64, cursorMax - 1, cursorMax, cursorMax + 1, 1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1, random.Uint64() >> random.IntN(64)}[random.IntN(13)]
	}
	for range 3000 {
		x, seq := newIndex(), uint64(10)
		for range 8 {
			c := &commit{before: mailbox.Head{Cursor: any64(), Chain: x.head.Chain}, bodies: uint16(random.IntN(3)), closed: mailbox.DayClose{Day: uint16(any64()), Head: mailbox.Head{Cursor: any64()}}}
			if random.IntN(2) == 0 {
				c.before.Cursor = x.head.Cursor
			}
			for range random.IntN(4) {
				c.records = append(c.records, record{
					kind: kind(1 + random.IntN(2)), day: uint16(random.IntN(5)), id: wire.BlobID{byte(random.IntN(4))}, of: any64(), tag: [16]byte{byte(random.IntN(2))},
					offset: uint32(any64()), size: uint32(any64()), body: uint16(random.IntN(3)),
				})
			}
			read, err := parseCommit(c.append(nil))
			if err == nil {
				seq += any64() % 4
				_ = x.apply(read, seq, uint16(random.IntN(3))) // most do not follow
			}
			if random.IntN(4) == 0 {
				x.forget(uint16(random.IntN(5)))
			}
			x.lose(any64())
			_, _ = x.page(any64(), 1<<20)
			_, _ = x.chainAt(any64())
			p := newPlan(x, 2, -1, [16]byte{})
			p.closed = x.close(7)
			p.take(newRequest([]mailbox.Deposit{{Blob: make([]byte, 10)}}, []mailbox.Removal{{Tombstone: mailbox.Tombstone{D: [16]byte{byte(random.IntN(2))}, Day: 4}}}))
			p.seal()
			if err := x.apply(p.commit, x.seq+uint64(p.commit.bodies)+1, 2); err != nil {
				t.Fatalf("what is planned on %d does not follow: %v", x.head.Cursor, err)
			}
			seq = x.seq + 1
		}
	}
}

// TestForgottenCommits: what is known of messages of the log goes with the days that they tell of, in a process that does not purge them, too.
func TestForgottenCommits(t *testing.T) {
	x := newIndex()
	for n := range uint64(100) {
		c := &commit{before: x.head, records: []record{{kind: kindBlob, day: uint16(10 + n/10), id: wire.BlobID{byte(n)}}}, bodies: 1}
		c, err := parseCommit(c.append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := x.apply(c, 2*n+2, 0); err != nil {
			t.Fatal(err)
		}
	}
	for day := uint16(9); day < 30; day++ {
		x.forget(day)
		want := max(100-10*max(int(day)-9, 0), 1)
		if len(x.commits) != want || x.needed() != 2*uint64(101-want) {
			t.Fatalf("day %d: %d messages are known, from %d on; want %d", day, len(x.commits), x.needed(), want)
		}
	}
}
