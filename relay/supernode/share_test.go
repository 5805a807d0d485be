package supernode

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		name string
		used []int64
		i    int
		want int64
	}{
		{"alone: all of it", []int64{0}, 0, 1000},
		{"alone and full", []int64{1000}, 0, 0},
		{"alone and beyond, after the quota was lowered", []int64{1200}, 0, 0},
		{"two: all but the other's own share", []int64{0, 0}, 0, 750},
		{"the other has used its share", []int64{0, 250}, 0, 750},
		{"the other has used more", []int64{0, 750}, 0, 250},
		{"who took the common part gets no more", []int64{0, 750}, 1, 0},
	} {
		if got := roomFor(1000, c.used, unbounded(c.used), c.i); got != c.want {
			t.Errorf("%s: room %d, want %d", c.name, got, c.want)
		}
	}
}

func unbounded(used []int64) (most []int64) {
	for range used {
		most = append(most, math.MaxInt64)
	}
	return most
}

// TestRoomIsKept fills a disk in any order: it is never overfilled, and whoever stayed below
// their own share can have it.
func TestRoomIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 1 << 20
		used := make([]int64, rapid.IntRange(1, 6).Draw(t, "communities"))
		own, most := limit/2/int64(len(used)), make([]int64, len(used))
		for i := range most {
			most[i] = rapid.Int64Range(1, 2*limit).Draw(t, "most")
		}
		for range rapid.IntRange(0, 60).Draw(t, "deposits") {
			i := rapid.IntRange(0, len(used)-1).Draw(t, "community")
			size := rapid.Int64Range(1, limit/4).Draw(t, "size")
			if size <= roomFor(limit, used, most, i) {
				used[i] += size
			}
		}
		var total int64
		for i, u := range used {
			total += u
			if u > most[i] {
				t.Fatalf("community %d has %d and may have %d", i, u, most[i])
			}
			if own := min(own, most[i]); u < own && roomFor(limit, used, most, i) < own-u {
				t.Fatalf("community %d has %d and may have only %d more: %v", i, u, roomFor(limit, used, most, i), used)
			}
		}
		if total > limit {
			t.Fatalf("%d bytes on a disk of %d", total, limit)
		}
	})
}

func TestAllowanceFalls(t *testing.T) {
	last := 256
	for used := int64(0); used <= 1100; used += 10 {
		got := allowanceAt(256, used, 1000)
		if used <= 750 && got != 256 || got > last || got < 32 {
			t.Fatalf("with %d of 1000 used: %d after %d", used, got, last)
		}
		last = got
	}
	if last != 32 {
		t.Errorf("on a full disk: %d tokens, want an eighth", last)
	}
	if got := allowanceAt(1, 1000, 1000); got != 1 {
		t.Errorf("an allowance of one: %d", got)
	}
}
