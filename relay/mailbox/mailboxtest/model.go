package mailboxtest

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// model is what a store must hold, in the simplest words.
type model struct {
	store    mailbox.Store
	finished uint16
	last     uint64 // cursor
	records  []modelBlob
	tombs    map[mailbox.Tombstone]bool
	spent    map[mailbox.Token]bool
}

type modelBlob struct {
	cursor uint64
	blob   []byte
	tomb   mailbox.Tombstone // that would delete it
}

// Model makes random calls in many places, and compares what the stores answer and hold with what they must.
func Model(t *testing.T, place func(t testing.TB) Opening) {
	rapid.Check(t, func(r *rapid.T) {
		open := place(t)
		m := &model{store: open(t, 0), finished: day - 1, tombs: map[mailbox.Tombstone]bool{}, spent: map[mailbox.Token]bool{}}
		defer func() { m.store.Close() }()
		if err := m.store.Expire(ctx, m.finished); err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			switch rapid.SampledFrom([]string{"deposit", "deposit", "deposit", "delete", "expire", "reopen"}).Draw(r, "do") {
			case "deposit":
				m.deposit(r)
			case "delete":
				m.remove(r)
			case "expire":
				m.finished = rapid.Uint16Range(m.finished, m.finished+1).Draw(r, "day")
				if err := m.store.Expire(ctx, m.finished); err != nil {
					r.Fatal(err)
				}
			case "reopen":
				if err := m.store.Close(); err != nil {
					r.Fatal(err)
				}
				m.store = open(t, 0)
			}
			m.check(r)
		}
	})
}

func (m *model) deposit(r *rapid.T) {
	var deposits []mailbox.Deposit
	for range rapid.IntRange(1, 5).Draw(r, "blobs") {
		n := rapid.Uint64Range(1, 12).Draw(r, "blob")
		d := mailbox.Deposit{
			Blob:     BlobUnder(n, wire.Class3*wire.Class(n%6/5), day+uint16(n%4), D(n%5)),
			HeldOnly: rapid.IntRange(0, 9).Draw(r, "held only") == 0,
		}
		if rapid.Bool().Draw(r, "pays") {
			d.Paid = []mailbox.Token{Token(rapid.Uint64Range(1, 20).Draw(r, "token"), day+uint16(n%4))}
		}
		deposits = append(deposits, d)
	}
	results, err := m.store.Append(ctx, ours, deposits)
	if err != nil {
		r.Fatal(err)
	}
	for i, d := range deposits {
		if cursor, want := m.judge(d); results[i].Err != want || want == nil && results[i].New != (cursor == 0) || cursor != 0 && results[i].Cursor != cursor {
			r.Fatalf("deposit %d: %+v, want cursor %d, %v", i, results[i], cursor, want)
		}
		if results[i].New {
			m.advance(r, results[i].Cursor)
			h, _ := wire.ParseHeader(d.Blob)
			m.records = append(m.records, modelBlob{results[i].Cursor, d.Blob, tombOf(h)})
			for _, t := range d.Paid {
				m.spent[t] = true
			}
		}
	}
}

// tombOf finds which of the few D of the model a header is committed to.
func tombOf(h wire.Header) mailbox.Tombstone {
	n := uint64(0)
	for wire.CommitTo(D(n)) != h.DelCommit {
		n++
	}
	return mailbox.Tombstone{D: D(n), Day: h.ExpiryDay}
}

// judge says what must become of a deposit: its cursor if it is held, and the error.
func (m *model) judge(d mailbox.Deposit) (uint64, error) {
	h, _ := wire.ParseHeader(d.Blob)
	if h.ExpiryDay <= m.finished {
		return 0, mailbox.ErrDay
	}
	if m.tombs[tombOf(h)] {
		return 0, mailbox.ErrDeleted
	}
	for _, b := range m.records {
		if bytes.Equal(b.blob, d.Blob) {
			return b.cursor, nil
		}
	}
	if d.HeldOnly {
		return 0, mailbox.ErrUnpaid
	}
	for _, t := range d.Paid {
		if t.Day <= m.finished {
			return 0, mailbox.ErrDay
		}
		if m.spent[t] {
			return 0, mailbox.ErrSpent
		}
	}
	return 0, nil
}

func (m *model) advance(r *rapid.T, cursor uint64) {
	if cursor <= m.last {
		r.Fatalf("cursor %d behind %d", cursor, m.last)
	}
	m.last = cursor
}

func (m *model) remove(r *rapid.T) {
	t := mailbox.Tombstone{D: D(rapid.Uint64Range(0, 5).Draw(r, "D")), Day: day + rapid.Uint16Range(0, 4).Draw(r, "of")}
	results, err := m.store.Delete(ctx, ours, []mailbox.Removal{{Tombstone: t}})
	if err != nil {
		r.Fatal(err)
	}
	switch result := results[0]; {
	case t.Day <= m.finished:
		if result.Err != mailbox.ErrDay {
			r.Fatalf("%+v", result)
		}
	case result.Err != nil || result.New == m.tombs[t]:
		r.Fatalf("%+v, shown before: %v", result, m.tombs[t])
	case result.New:
		m.advance(r, result.Cursor)
		m.last = m.store.Head(ours).Cursor // a record for each blob deleted
		m.tombs[t] = true
	}
}

func (m *model) check(r *rapid.T) {
	var want []modelBlob
	for _, b := range m.records {
		if b.tomb.Day > m.finished && !m.tombs[b.tomb] {
			want = append(want, b)
		}
	}
	m.records = want
	for t := range m.tombs {
		if t.Day <= m.finished {
			delete(m.tombs, t)
		}
	}
	var got []mailbox.Record
	since := uint64(0)
	for {
		p, err := m.store.Since(ctx, ours, since, rapid.SampledFrom([]int{0, 9000, 1 << 20}).Draw(r, "page"))
		if err != nil {
			r.Fatal(err)
		}
		checkPage(r, p, since)
		if got, since = append(got, p.Blobs...), p.Until; p.End {
			break
		}
	}
	if since != m.last || m.store.Head(ours).Cursor != m.last {
		r.Fatalf("the log stands at %d, want %d", since, m.last)
	}
	for _, b := range want {
		id := wire.IDOf(b.blob)
		found, err := m.store.Get(ctx, ours, []wire.ShortID{wire.ShortID(id[:8])}, 0)
		if err != nil || len(found) != 1 || found[0].Cursor != b.cursor || !bytes.Equal(found[0].Blob, b.blob) {
			r.Fatalf("blob at %d cannot be got: %v, %v", b.cursor, len(found), err)
		}
		if h, _ := wire.ParseHeader(b.blob); h.Class == wire.Class3 {
			continue
		}
		if len(got) == 0 || got[0].Cursor != b.cursor || !bytes.Equal(got[0].Blob, b.blob) {
			r.Fatalf("no blob at %d", b.cursor)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		r.Fatalf("a blob at %d that must not be there", got[0].Cursor)
	}
	for n := range uint64(21) {
		t := Token(n, day+uint16(n%4))
		if got := m.store.Spent(ours, t); got != (m.spent[t] || t.Day <= m.finished) {
			r.Fatalf("token %d spent: %v", n, got)
		}
	}
}
