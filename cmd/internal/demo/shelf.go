package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sottovoce/mesh/simlan"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/supernode"
)

// shelf is the supernode, and what can be seen of it by whoever holds it in their hands.
type shelf struct {
	dir  string
	host *simlan.Host
	of   community.ID
	mail mailbox.Store // its own, on disk
	node *supernode.Supernode
	end  func() error // nil: it does not run
}

// founded makes a supernode and its community.
func (s *stage) founded(name string) error {
	b := &shelf{dir: filepath.Join(s.dir, "supernode"), host: s.lab.Host()}
	b.host.Join(s.street)
	made, err := supernode.Found(b.dir, supernode.Charter{
		Name: name, Policy: community.Policy{Days: daysKept, Disk: diskMax, Tokens: tokensADay},
		Addresses: []string{netip.AddrPortFrom(b.host.Address(), shelfPort).String()},
	}, supernode.Config{Rand: rand.Reader})
	if err != nil {
		return err
	}
	b.of = made.Community
	b.node, err = supernode.Open(b.dir, supernode.Config{
		Conn: s.air.over(b.host.ListenOn(shelfPort)), Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true },
		Store: func(own mailbox.Store) mailbox.Store { b.mail = own; return own },
	})
	if err == nil {
		s.shelf = b
	}
	return err
}

// up has the supernode serve.
func (b *shelf) up() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.node.Run(ctx) }()
	b.end = func() error { cancel(); return <-ended }
}

// close stops it.
func (b *shelf) close() error {
	var err error
	if b.end != nil {
		err = b.end()
	}
	return errors.Join(err, b.node.Close())
}

// invite is a link by which one person joins.
func (b *shelf) invite() (string, error) {
	l, err := b.node.Invite(b.of, 1, time.Hour)
	if err != nil {
		return "", err
	}
	defer l.Secret.Erase()
	return l.Text(), nil
}

// kept is a blob as the mailbox has it.
type kept struct {
	ID     wire.BlobID
	Header wire.Header
	Bytes  []byte
}

// reads gives all that the mailbox holds, in the order in which it came.
func (b *shelf) reads(ctx context.Context) (all []kept, err error) {
	for from := uint64(0); ; {
		page, err := b.mail.Since(ctx, mailbox.Community(b.of), from, pageMax)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Blobs {
			h, err := wire.ParseBlob(r.Blob)
			if err != nil {
				return nil, err
			}
			all = append(all, kept{wire.IDOf(r.Blob), h, r.Blob})
		}
		if from = page.Until; page.End {
			return all, nil
		}
	}
}

// search looks for any of several things in every file below a folder, and says how many files there are, their size, and how
// many hold one.
func search(dir string, things ...[]byte) (files int, octets int64, found int, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a store has tidied up meanwhile
			return nil
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files++
		octets += int64(len(b))
		if slices.ContainsFunc(things, func(thing []byte) bool { return bytes.Contains(b, thing) }) {
			found++
		}
		return err
	})
	return files, octets, found, err
}
