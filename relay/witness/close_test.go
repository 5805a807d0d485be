package witness

import "testing"

// TestCloseOfADay: one close of a day tells of one blob that somebody is not shown, wherever that and they stand.
func TestCloseOfADay(t *testing.T) {
	s := newSupernode().add(1, 2, 3)
	other := s.fork().add(50)
	s.add(4, 5)
	t.Run("what was told is far behind us", func(t *testing.T) {
		s := s.fork()
		for n := range 2 * recentMax {
			s.add(100 + n)
		}
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.all(), today))
		wantKinds(t, w.Told(other.attest(4, today)))
		if since, wanted := w.Ask(); wanted {
			t.Errorf("asks for %d at once, which shows who was told", since)
		}
		wantKinds(t, w.Page(s.page(0, 5), today), Split) // as it is read for another reason
	})
	t.Run("another place for the same day", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Given(s.attest(4, today)))
		for day := range uint32(3) {
			wantKinds(t, w.Given(s.attest(5, today+1+day)))
		}
		found := w.Told(s.attest(3, today)) // of a place that it has shown so, but it signs one for a day
		wantKinds(t, found, Split)
		if !found[0].Proven() {
			t.Error("two signatures prove nothing")
		}
	})
	t.Run("behind what has expired", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.page(0, 2), today))
		wantKinds(t, w.Page(s.page(4, 5), today)) // what lies between is not known
		wantKinds(t, w.Told(other.attest(3, today)))
		wantKinds(t, w.Told(other.attest(4, today+1)), Split)
	})
	t.Run("where the log was read and it was not kept", func(t *testing.T) {
		kept := NewWatch(s.log)
		kept.Resume(5)
		wantKinds(t, kept.Page(s.page(0, 2), today))
		wantKinds(t, kept.Told(s.attest(4, today)))
		wantKinds(t, kept.Page(s.page(2, 5), today))
		wantKinds(t, kept.Told(s.attest(3, today-1)))
	})
}
