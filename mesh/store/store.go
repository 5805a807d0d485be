package store

import (
	"crypto/cipher"
	"io"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"

	"sottovoce/mesh/peer"
)

// Store is an open home. Its methods may be called from several goroutines.
type Store struct {
	home string
	rand io.Reader // read under drawing
	rows cipher.AEAD
	lock *flock.Flock

	drawing  sync.Mutex
	indexing sync.Mutex                     // of one step of the index: what is read is written before another is read
	swept    atomic.Int64                   // rises when ops are deleted
	hidden   atomic.Pointer[map[int64]bool] // erased conversations; nil: none

	// The writer: one transaction at a time.
	writing sync.Mutex
	writer  *conn // nil once closed
	ids     sequence
	authors map[peer.ID]int64 // some of the authors' rows; emptied by a rollback

	// readers holds readersMax connections, nil where none was opened yet.
	// Close takes them all and closes it.
	readers chan *conn

	// The key file.
	saving    sync.Mutex
	keys      *keyFile // nil once closed
	slot      slotKey
	protected bool // by a passphrase
	secrets   atomic.Pointer[Secrets]
}

// Secrets returns the content of the key file as it stands. It must not be
// changed; SaveSecrets puts a new one in its place.
func (s *Store) Secrets() *Secrets { return s.secrets.Load() }
