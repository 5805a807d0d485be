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
