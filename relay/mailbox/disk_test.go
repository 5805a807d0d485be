package mailbox_test

import (
	"testing"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

func TestDisk(t *testing.T) {
	mailboxtest.Run(t, func(t testing.TB) mailboxtest.Opening {
		dir := t.TempDir()
		return func(t testing.TB, limit int64) mailbox.Store {
			d, err := mailbox.Open(dir, limit)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	})
}

// TestModel needs no real disk, which would only wait for its syncs.
func TestModel(t *testing.T) {
	mailboxtest.Model(t, func(testing.TB) mailboxtest.Opening {
		disk := newFaulty()
		return func(t testing.TB, limit int64) mailbox.Store {
			d, err := mailbox.OpenOn(disk, limit)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	})
}
