package mailbox

import (
	"errors"
	"fmt"
	"io"
)

// resume is where whole frames go on behind damage at an offset of a file of so many bytes: size, if nowhere that is certain. What stands
// inside a blob is never taken for a frame, since whoever brought it chose it. Where only frames of the last commit follow, a crash can have
// made that.
//
// spec: 13-mailbox#damage
func (t *tail) resume(at, size int64) int64 {
	if t.hashes {
		next, _ := t.search(at, size, func(f frame) bool { return f.commit > t.commit })
		return next
	}
	for cursor, commit := t.cursor, t.commit; ; {
		f, err := t.headAt(at)
		if err != nil || !f.fits(cursor, commit) {
			return size
		}
		cursor, commit = f.cursor, f.commit
		if at += f.length(); at >= size {
			return size
		}
		if next, err := t.frameAt(at); err == nil && next.cursor > cursor && next.commit >= commit {
			return at
		}
	}
}

// fits tells whether a frame can stand behind a cursor and a commit in a file of blobs: then it says where the next begins.
func (f frame) fits(cursor, commit uint64) bool {
	return (f.kind == kindBlob || f.kind == kindTombstone) && f.cursor > cursor && f.commit >= commit && f.cursor-f.commit < uint64(f.frames)
}

func (t *tail) headAt(at int64) (frame, error) {
	b := make([]byte, frameHeader)
	if n, err := fill(t.file, b, at); err != nil || n < frameHeader {
		return frame{}, errTorn
	}
	return parseFrameHeader(b)
}

// frameAt reads a frame and checks it.
func (t *tail) frameAt(at int64) (frame, error) {
	f, err := t.headAt(at)
	if err != nil {
		return frame{}, err
	}
	b := make([]byte, f.length())
	if n, err := fill(t.file, b, at); err != nil || n < len(b) {
		return frame{}, errTorn
	}
	f, _, err = parseFrame(b)
	return f, err
}

// search is where the first whole frame behind an offset begins that is wanted; size, if there is none. More that looks like frames than
// searchMost counts as one, somewhere: only somebody who wants a start to last has brought that.
func (t *tail) search(at, size int64, wanted func(f frame) bool) (next int64, found bool) {
	b, most := make([]byte, min(searchBuffer, size-at)), int64(searchMost)
	for at += unit; at+frameHeader <= size; at += searchBuffer - frameHeader {
		n, err := fill(t.file, b, at)
		if err != nil { // it is looked for behind that
			continue
		}
		for from := 0; from+frameHeader <= n; from += unit {
			f, err := parseFrameHeader(b[from:])
			if err != nil || t.hashes && f.kind != kindSpent || !t.hashes && !f.fits(t.cursor, t.commit) {
				continue
			}
			if most -= f.length(); most < 0 {
				return size, true
			}
			if f, err = t.frameAt(at + int64(from)); err == nil && wanted(f) {
				return at + int64(from), true
			}
		}
	}
	return size, false
}

// cutOff ends a file where its last whole frame does. What no crash has left there is set aside before.
func (ld *loading) cutOff(t *tail, at, size int64) error {
	if f, err := t.headAt(at); err == nil && f.fits(t.cursor, t.commit) {
		t.torn, t.end = f.commit, size-at
	}
	if !t.hashes && t.broken(at, size) {
		if err := ld.setAside(t, at, size); err != nil {
			return fmt.Errorf("is damaged, and what follows cannot be set aside: %w", full(err))
		}
		t.torn = 0
	} else {
		ld.cut += size - at
	}
	return cutTo(t.file, at, size)
}

// broken tells whether what stands behind an offset is more than one commit that was not finished: the first frame of a commit, before
// which the one with the damage was finished, or frames of two.
func (t *tail) broken(at, size int64) bool {
	var commit uint64
	_, found := t.search(at, size, func(f frame) bool {
		first := commit == 0
		if first {
			commit = f.commit
		}
		return f.cursor == f.commit || !first && f.commit != commit
	})
	return found
}

// setAside appends the end of a file to the one that keeps what cannot be read, for whoever can make something of it.
func (ld *loading) setAside(t *tail, at, size int64) error {
	aside, err := ld.log.disk.Open(t.aside)
	if err != nil {
		return err
	}
	defer aside.Close()
	end, err := aside.Size()
	if err != nil {
		return err
	}
	if end == 0 { // else it is among the files that are counted
		ld.damaged += size - at
	}
	b := make([]byte, min(searchBuffer, size-at))
	for in := io.NewSectionReader(t.file, at, size-at); ; {
		n, err := io.ReadFull(in, b)
		if n > 0 {
			if _, err := aside.WriteAt(b[:n], end); err != nil {
				return err
			}
			end += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return errors.Join(aside.Sync(), ld.log.disk.SyncDir(ld.log.name))
		case err != nil:
			return err
		}
	}
}

// countAside counts what a start before set aside.
func (ld *loading) countAside(name string) error {
	aside, err := ld.log.disk.Open(name)
	if err != nil {
		return err
	}
	defer aside.Close()
	n, err := aside.Size()
	ld.damaged += n
	return err
}
