package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// ErrStale says that another process has written a file since it was read here.
var ErrStale = errors.New("another process has changed this file meanwhile")

// IsStale tells whether an error of Save is ErrStale.
func (s *Store) IsStale(err error) bool { return errors.Is(err, ErrStale) }

// What the messages of a file look like: the first has the number of all in front, each a nonce that is that of all of them.
//
// spec: 13-mailbox#files-on-a-cluster
const (
	filePart       = 512 << 10 // bytes of a message
	filePartHeader = 1 + 16 + 2
	filePartsMax   = 64
)

// subject is where a part of a file stands. Names are those of paths, of letters, digits, - and / between folders.
func (s *Store) fileSubject(name string, part string) string {
	return s.server.name + "-store.file." + strings.ReplaceAll(name, "/", ".") + "." + part
}

// Load reads a file by its path. Version names what was read; 0: there is no such file, and the content is nil.
func (s *Store) Load(ctx context.Context, name string) (content []byte, version uint64, err error) {
	for {
		content, version, err = s.loadOnce(ctx, name)
		if !errors.Is(err, ErrStale) {
			return content, version, err
		}
		if !pause(ctx, movedPause) {
			return nil, 0, context.Cause(ctx)
		}
	}
}

// loadOnce is Load; ErrStale where the file was written while its parts were read.
func (s *Store) loadOnce(ctx context.Context, name string) (content []byte, version uint64, err error) {
	version, b, err := s.server.latest(ctx, s.server.name, s.fileSubject(name, "0"))
	if errors.Is(err, errNone) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	nonce, parts, content, err := parsePart(b)
	if err != nil {
		return nil, 0, err
	}
	sealed := b[0]
	for part := 1; part < parts && err == nil; part++ {
		var more []byte
		_, b, err = s.server.latest(ctx, s.server.name, s.fileSubject(name, strconv.Itoa(part)))
		if errors.Is(err, errNone) { // it was removed meanwhile
			err = ErrStale
		}
		if err == nil {
			var of [16]byte
			if of, _, more, err = parsePart(b); err == nil && of != nonce {
				err = ErrStale
			}
			content = append(content, more...)
		}
	}
	if err == nil {
		content, err = s.server.seal.unwrap(name, sealed, content)
	}
	if err != nil {
		return nil, 0, err
	}
	return content, version, nil
}

// parsePart parses a message of a file.
func parsePart(b []byte) (nonce [16]byte, parts int, content []byte, err error) {
	if len(b) < filePartHeader || b[0] != version && b[0] != versionSealed {
		return nonce, 0, nil, errMessage
	}
	parts = int(binary.BigEndian.Uint16(b[17:]))
	if parts == 0 || parts > filePartsMax {
		return nonce, 0, nil, errMessage
	}
	return [16]byte(b[1:]), parts, b[filePartHeader:len(b):len(b)], nil
}

// Save puts a file in the place of that with a version; ErrStale if there is another one. It returns the new version, once a majority of
// the servers has all of it. With any other error it may be there or not.
func (s *Store) Save(ctx context.Context, name string, content []byte, after uint64) (version uint64, err error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	content = s.server.seal.wrap(name, content)
	parts := max((len(content)+filePart-1)/filePart, 1)
	if parts > filePartsMax {
		return 0, fmt.Errorf("%s is larger than %d bytes", name, filePartsMax*filePart)
	}
	err = s.server.led(ctx, func() error {
		version, err = s.saveOnce(ctx, name, content, parts, nonce, after)
		return err
	})
	return version, err
}

// saveOnce is Save of a content that is sealed, if it is to be.
func (s *Store) saveOnce(ctx context.Context, name string, content []byte, parts int, nonce [16]byte, after uint64) (uint64, error) {
	batch := rand.Text()
	for part := range parts {
		n := min(len(content), filePart)
		b := binary.BigEndian.AppendUint16(append([]byte{s.server.seal.version()}, nonce[:]...), uint16(parts))
		m := &nats.Msg{Subject: s.fileSubject(name, strconv.Itoa(part)), Header: nats.Header{}, Data: append(b, content[:n]...)}
		content = content[n:]
		if part == 0 {
			m.Header[headerBehind] = []string{strconv.FormatUint(after, 10)}
		}
		if parts > 1 {
			m.Header[headerBatch], m.Header[headerPlace] = []string{batch}, []string{strconv.Itoa(part + 1)}
		}
		if part < parts-1 {
			if err := s.server.conn.PublishMsg(m); err != nil {
				return 0, fmt.Errorf("%w (%w)", errSilent, err)
			}
			continue
		}
		if parts > 1 {
			m.Header[headerCommit] = []string{"1"}
		}
		return s.saved(ctx, m, uint64(parts))
	}
	panic("unreachable: a file has a part")
}

// saved sends the last part of a file, and says what version it is.
func (s *Store) saved(ctx context.Context, last *nats.Msg, parts uint64) (uint64, error) {
	m, err := s.server.request(ctx, last)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Seq uint64 `json:"seq"`
	}
	switch err := answered(m, &ack); {
	case errors.As(err, new(errMoved)), errors.Is(err, errOvertaken):
		return 0, ErrStale
	case err != nil:
		return 0, err
	}
	_ = s.server.conn.Publish(wakeSubject(s.server.name, filesWake), nil) // they look by themselves, too
	return ack.Seq - parts + 1, nil
}

// filesWake is what wakes those who look at files.
const filesWake = "files"

// Remove removes a file; none is no error.
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.server.purge(ctx, s.server.name, s.fileSubject(name, "*"), 0)
}

// List are the names in a folder, of files and folders, ascending.
func (s *Store) List(ctx context.Context, folder string) ([]string, error) {
	var info struct {
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	root := strings.TrimSuffix(s.fileSubject(folder, ""), ".") + "."
	if err := s.server.ask(ctx, "STREAM.INFO."+s.server.name, map[string]any{"subjects_filter": root + ">"}, &info); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for subject := range info.State.Subjects {
		name, _, _ := strings.Cut(strings.TrimPrefix(subject, root), ".")
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// Changed tells when another process has written a file, by a value on the channel; several changes may be one.
func (s *Store) Changed() <-chan struct{} { return s.files }
