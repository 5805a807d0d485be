package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"sottovoce/mesh/reconcile"
	"sottovoce/mesh/wire"
)

const labelSalt = "sv1 reconcile salt"

// saltOf is the salt of a session: by the link's exporter, that neither end could choose alone, and by the nonce of who began.
//
// spec: 12-replication#sets
func saltOf(exporter, community [32]byte, f wire.Reconcile) [32]byte {
	day := binary.BigEndian.AppendUint16(nil, f.Day)
	return wire.HashOf(labelSalt, exporter[:], community[:], day, []byte{byte(f.Shelf)}, f.Nonce[:])
}

// setOf is what stands on a shelf, as ids in order.
func setOf(ctx context.Context, s Stock, day uint16, shelf wire.Shelf) (reconcile.Sorted, error) {
	switch shelf {
	case wire.ShelfBlobs:
		ids, err := s.IDs(ctx, day)
		if err != nil {
			return nil, err
		}
		set := make([]reconcile.ID, len(ids))
		for i, id := range ids {
			set[i] = id
		}
		return reconcile.SortedOf(set), nil
	case wire.ShelfTombstones:
		secrets, err := s.Secrets(ctx, day)
		if err != nil {
			return nil, err
		}
		set := make([]reconcile.ID, len(secrets))
		for i, d := range secrets {
			copy(set[i][:], d[:])
		}
		return reconcile.SortedOf(set), nil
	}
	return nil, errShelf
}

// errShelf says that a later version keeps something that this one does not know.
var errShelf = errors.New("no such shelf")

// secretsOf reads tombstones out of ids.
//
// spec: 12-replication#sets
func secretsOf(ids []reconcile.ID) (secrets [][16]byte, err error) {
	for _, id := range ids {
		if [16]byte(id[16:]) != [16]byte{} {
			return nil, fmt.Errorf("%w: a tombstone that does not end in zeros", wire.ErrMalformed)
		}
		secrets = append(secrets, [16]byte(id[:]))
	}
	return secrets, nil
}

// bury takes tombstones that the far end has, as many as one day may still have of others.
func bury(ctx context.Context, s Stock, day uint16, ids []reconcile.ID) error {
	secrets, err := secretsOf(ids)
	if err != nil || len(secrets) == 0 {
		return err
	}
	for _, d := range s.Shelves().Days {
		if d.Day == day {
			secrets = secrets[:min(len(secrets), max(0, tombstonesMax-int(d.Tombstones)))]
		}
	}
	if len(secrets) == 0 {
		return nil
	}
	return s.Bury(ctx, day, secrets)
}
