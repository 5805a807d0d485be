package store

import (
	"bytes"
	"errors"
	"testing"
)

// A setting that holds secrets is sealed, opens under its own key only, and is read back.
func TestSecretSettings(t *testing.T) {
	s := openHome(t, newHome(t))
	secret := []byte("a secret that stands in no page in clear")
	doUpdate(t, s, func(tx *Tx) {
		if _, err := tx.Secret("links"); !errors.Is(err, ErrNotFound) {
			t.Errorf("before it was set: %v", err)
		}
		must(t, tx.SetSecret("links", secret))
	})
	must(t, s.View(func(tx *Tx) error {
		got, err := tx.Secret("links")
		if err != nil || !bytes.Equal(got, secret) {
			t.Errorf("read back %q, %v", got, err)
		}
		raw, err := tx.Setting("links")
		if err != nil || bytes.Contains(raw, secret) || len(raw) != len(secret)+sealOverhead {
			t.Errorf("kept as %q, %v", raw, err)
		}
		return nil
	}))
	doUpdate(t, s, func(tx *Tx) {
		raw, err := tx.Setting("links")
		must(t, err)
		must(t, tx.SetSetting("other", raw))
	})
	err := s.View(func(tx *Tx) error {
		_, err := tx.Secret("other")
		return err
	})
	if err == nil {
		t.Error("a sealed setting opens under another key")
	}
}
