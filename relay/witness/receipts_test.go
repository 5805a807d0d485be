package witness

import (
	"testing"

	"sottovoce/mesh/wire"
)

func TestReceipts(t *testing.T) {
	kept := func(n int, cursor uint64) Kept { return Kept{ID: idOf(n), ExpiryDay: today + 20, Cursor: cursor} }
	s := newSupernode().add(1, 2)
	s.ids = append(s.ids, wire.BlobID{}) // a deletion
	s.add(4)
	s.absent[4] = true
	for name, c := range map[string]struct {
		kept  Kept
		today uint16
		want  []Kind
	}{
		"stands where it should":      {kept(2, 2), today, nil},
		"another stands there":        {kept(9, 2), today, []Kind{Lost}},
		"nothing stands there":        {kept(9, 3), today, []Kind{Lost}},
		"is named and not brought":    {kept(4, 4), today, []Kind{Dropped}},
		"has expired":                 {kept(4, 4), today + 20, nil},
		"is beyond what was read":     {kept(9, 5), today, nil},
		"is where it is not, expired": {kept(9, 9), today + 30, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWatch(s.log)
			r := s.receipt(c.kept)
			if !s.log.VerifyReceipt(r) {
				t.Fatal("not signed")
			}
			w.Receipt(r)
			w.Receipt(r)
			wantKinds(t, w.Page(s.all(), c.today), c.want...)
			wantKinds(t, w.Page(s.all(), c.today)) // told once
		})
	}
	t.Run("for a place that was passed", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.all(), today))
		w.Receipt(s.receipt(kept(2, 2), kept(9, 1)))
		since, wanted := w.Ask()
		if !wanted {
			t.Fatal("does not look")
		}
		wantKinds(t, w.Page(s.page(since, 4), today), Lost)
		w.Receipt(s.receipt(kept(2, 2)))
		if _, wanted := w.Ask(); wanted {
			t.Error("looks again for what was right")
		}
	})
	t.Run("behind the end", func(t *testing.T) {
		w := NewWatch(s.log)
		asked := w.Taken()
		w.Receipt(s.receipt(kept(9, 9)))
		p := s.all()
		p.Asked = asked // before the receipt was given
		wantKinds(t, w.Page(p, today))
		p.Asked = w.Taken()
		wantKinds(t, w.Page(p, today), Lost)
	})
}

// TestLeftOut: a page that begins behind the place of a receipt says that all before it has expired.
func TestLeftOut(t *testing.T) {
	s := newSupernode().add(1, 2, 3, 4)
	r := s.receipt(Kept{ID: idOf(2), ExpiryDay: today + 20, Cursor: 2})
	p := s.page(2, 4)
	p.Since = 0
	t.Run("for the first time", func(t *testing.T) {
		w := NewWatch(s.log)
		w.Receipt(r)
		wantKinds(t, w.Page(p, today), Lost)
	})
	t.Run("and was passed before", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.page(0, 1), today))
		w.Resume(4)
		w.Receipt(r)
		if since, wanted := w.Ask(); since != 0 || !wanted {
			t.Fatal("does not look")
		}
		wantKinds(t, w.Page(p, today), Lost)
		if _, wanted := w.Ask(); wanted {
			t.Error("looks again for what was found out")
		}
	})
}

// TestClocksThatDiffer: what has gone by the supernode's clock and not by ours is no breach, whoever is wrong; what it had to keep by its own
// word is one.
func TestClocksThatDiffer(t *testing.T) {
	for name, c := range map[string]struct {
		last, over, today uint16
		left              bool // out, not named as absent
		want              []Kind
	}{
		"our clock is behind":                      {today + 5, today + 5, today, false, []Kind{Early}},
		"our clock is behind, left out":            {today + 5, today + 9, today, true, []Kind{Early}},
		"our clock stands in 1970, left out":       {today + 5, today + 5, 0, true, []Kind{Early}},
		"both clocks say that it is over":          {today + 5, today + 5, today + 6, true, nil},
		"our clock is ahead":                       {today + 5, today, today + 6, false, nil},
		"by its own word it had to keep it":        {today + 5, today + 4, today, false, []Kind{Dropped}},
		"by its own word, left out":                {today + 5, today + 4, today, true, []Kind{Lost}},
		"by its own word, and our clock is behind": {today + 5, today + 4, today - 30, true, []Kind{Lost}},
		"it gives no word":                         {today + 5, 0, today, false, []Kind{Early}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSupernode().add(1, 2)
			s.over, s.absent[1] = c.over, true
			w := NewWatch(s.log)
			w.Receipt(s.receipt(Kept{ID: idOf(1), ExpiryDay: c.last, Cursor: 1}))
			p := s.all()
			if c.left {
				p = s.page(1, 2)
				p.Since = 0
			}
			wantKinds(t, w.Page(p, c.today), c.want...)
			wantKinds(t, w.Page(p, c.today)) // told once
		})
	}
}

// TestShownBefore: a page comes before the receipt of what is on it as often as not, and is not read again for that.
func TestShownBefore(t *testing.T) {
	kept := func(n int, cursor uint64) Kept { return Kept{ID: idOf(n), ExpiryDay: today + 20, Cursor: cursor} }
	s := newSupernode().add(1, 2, 3, 4)
	s.absent[4] = true
	w := NewWatch(s.log)
	wantKinds(t, w.Page(s.all(), today))
	w.Receipt(s.receipt(kept(1, 1), kept(2, 2)))
	if since, wanted := w.Ask(); wanted {
		t.Errorf("reads again from %d what it has seen", since)
	}
	w.Receipt(s.receipt(kept(4, 4))) // it was named, and not brought
	if _, wanted := w.Ask(); !wanted {
		t.Error("is sure of what it was not shown")
	}
	for n := range 2 * shownMax {
		s.add(100 + n)
	}
	wantKinds(t, w.Page(s.page(3, uint64(len(s.ids))), today), Dropped)
	if len(w.shown) > shownMax {
		t.Errorf("remembers %d entries", len(w.shown))
	}
	w.Restart()
	w.Receipt(s.receipt(kept(100, 5)))
	if w.shown != nil {
		t.Error("remembers what another log showed")
	}
}

// TestResume: what was read and not kept is no reason to accuse anybody, and no way to get away with a lie.
func TestResume(t *testing.T) {
	s := newSupernode().add(1, 2, 3, 4, 5)
	w := NewWatch(s.log)
	wantKinds(t, w.Page(s.page(0, 1), today))
	w.Receipt(s.receipt(Kept{ID: idOf(2), ExpiryDay: today + 9, Cursor: 2}, Kept{ID: idOf(9), ExpiryDay: today + 9, Cursor: 3}))
	w.Resume(4)
	wantKinds(t, w.Page(s.page(4, 5), today))
	since, wanted := w.Ask()
	if !wanted {
		t.Fatal("does not look")
	}
	wantKinds(t, w.Page(s.page(since, 5), today), Lost)
	w.Resume(2) // behind what is known
	if w.At() != 5 {
		t.Errorf("stands at %d", w.At())
	}
}
