package store

import "testing"

// Whether a contact is shut out is kept like the rest of it.
func TestBlockedContact(t *testing.T) {
	s, w := filled(t)
	for _, blocked := range []bool{true, false} {
		w.Contacts[0].Blocked = blocked
		doUpdate(t, s, func(tx *Tx) { must(t, tx.PutContact(&w.Contacts[0])) })
		checkWorld(t, s, w)
	}
}
