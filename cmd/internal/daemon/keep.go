package daemon

import (
	"errors"

	"sottovoce/mesh/store"
	"sottovoce/relay"
)

// keep is where the relay client keeps what it has to remember: sealed settings of the home.
//
// spec: 09-storage#settings
type keep struct{ store *store.Store }

var _ relay.Keep = keep{}

// Keep is where a relay client keeps in a home what it has to remember.
func Keep(home *store.Store) relay.Keep { return keep{home} }

// Load implements relay.Keep.
func (k keep) Load(key string) (value []byte, err error) {
	err = k.store.View(func(tx *store.Tx) error {
		value, err = tx.Secret(key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// Save implements relay.Keep.
func (k keep) Save(key string, value []byte) error {
	return k.store.Update(func(tx *store.Tx) error {
		if len(value) == 0 {
			return tx.DeleteSetting(key)
		}
		return tx.SetSecret(key, value)
	})
}
