package mesh

import (
	"errors"
	"fmt"

	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// loadSetting reads a setting; without one the value stays as it is.
func loadSetting(tx *store.Tx, key string, to any) error {
	kept, err := tx.Setting(key)
	return readSetting(key, kept, err, to)
}

func saveSetting(tx *store.Tx, key string, value any) error {
	kept, err := wire.Marshal(value)
	if err != nil {
		return err
	}
	return tx.SetSetting(key, kept)
}

// loadSecret is loadSetting for one that holds secrets, and is sealed.
func loadSecret(tx *store.Tx, key string, to any) error {
	kept, err := tx.Secret(key)
	return readSetting(key, kept, err, to)
}

func saveSecret(tx *store.Tx, key string, value any) error {
	kept, err := wire.Marshal(value)
	if err != nil {
		return err
	}
	return tx.SetSecret(key, kept)
}

func readSetting(key string, kept []byte, err error, to any) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err == nil:
		err = wire.Unmarshal(kept, to)
	}
	if err != nil {
		return fmt.Errorf("the setting %s: %w", key, err)
	}
	return nil
}
