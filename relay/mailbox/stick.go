package mailbox

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"sottovoce/mesh/wire"
)

// ErrStick says that a file is none that Export has written.
var ErrStick = errors.New("that file holds no blobs of a supernode")

// BlobFile is what blobs are carried in; *os.File is one.
type BlobFile interface {
	io.ReadWriteSeeker
	Truncate(size int64) error
	Sync() error
}

// Progress says how far an export or an import has come, in bytes.
type Progress struct{ Done, Total int64 }

// Exported says what an export has written.
type Exported struct {
	Blobs      int // written now
	Tombstones int // written now
	Had        int // of both, what stood in the file already
}

// Export writes what is kept for communities to a file, behind what stands there. It may be stopped at any time, by ctx, by a
// full stick or by pulling it out: what has been written is whole, and the next time goes on from there. progress, if it is
// not nil, is called after each batch.
//
// spec: 13-mailbox#a-file-of-blobs
func Export(ctx context.Context, s Store, communities []Community, f BlobFile, progress func(Progress)) (Exported, error) {
	had, last, err := resume(f)
	if err != nil {
		return Exported{}, err
	}
	e := &export{store: s, had: had, last: last, out: bufio.NewWriterSize(f, stickBuffer), tell: progress}
	stats := s.Stats()
	for _, c := range communities {
		for _, d := range stats.Logs[c] {
			e.progress.Total += d.Bytes
		}
	}
	for _, c := range communities {
		if err = e.log(ctx, c, stats.Logs[c]); err != nil {
			break
		}
	}
	return e.done, errors.Join(err, e.out.Flush(), f.Sync())
}

// resume reads what stands in a file, cuts off what is not whole, and leaves the file at its end. last is the community that
// it ends with.
func resume(f BlobFile) (had map[stickID]bool, last Community, err error) {
	size, err := sizeOf(f)
	if err != nil {
		return nil, last, err
	}
	if size < int64(len(stickMagic)) {
		head := make([]byte, size)
		if _, err := io.ReadFull(f, head); err != nil || string(head) != stickMagic[:size] {
			return nil, last, errors.Join(ErrStick, err)
		}
		if err := errors.Join(f.Truncate(0), seek(f, 0)); err != nil {
			return nil, last, err
		}
		_, err := f.Write([]byte(stickMagic))
		return nil, last, err
	}
	in, err := openStick(f)
	if err != nil {
		return nil, last, err
	}
	had = make(map[stickID]bool)
	for {
		kind, body, err := in.next()
		if err != nil && !errors.Is(err, errTorn) && !errors.Is(err, io.EOF) {
			return nil, last, err
		}
		if err != nil {
			break
		}
		had[stickIDOf(in.community, kind, body)] = true
	}
	return had, in.community, errors.Join(f.Truncate(in.read), seek(f, in.read))
}

// sizeOf is the size of a file in bytes, which is left at its beginning.
func sizeOf(f BlobFile) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err := errors.Join(err, seek(f, 0)); err != nil {
		return 0, fmt.Errorf("reading the file: %w", err)
	}
	return size, nil
}

func seek(f BlobFile, to int64) error {
	_, err := f.Seek(to, io.SeekStart)
	return err
}

// stickID tells records of a file apart.
type stickID [16]byte

func stickIDOf(c Community, k kind, body []byte) stickID {
	if k == kindBlob {
		id := wire.IDOf(body)
		body = id[:]
	}
	sum := wire.HashOf(string(rune('0'+k)), c[:], body)
	return stickID(sum[:])
}

// export is one under way.
type export struct {
	store     Store
	community Community // whose log is written
	last      Community // whose record was written last
	had       map[stickID]bool
	out       *bufio.Writer
	done      Exported
	progress  Progress
	tell      func(Progress)
}

// log writes what is kept for one community.
func (e *export) log(ctx context.Context, c Community, days []Day) error {
	e.community = c
	done := e.progress.Done
	for _, d := range days {
		if err := e.day(ctx, d.Day); err != nil {
			return err
		}
		done += d.Bytes // what stood there already, too
		e.progress.Done = done
		e.told()
	}
	return nil
}

func (e *export) told() {
	if e.tell != nil {
		e.tell(e.progress)
	}
}

// day writes what is kept of one expiry day: first what deletes, so that it is not brought in vain.
func (e *export) day(ctx context.Context, day uint16) error {
	tombstones, err := e.store.Tombstones(ctx, e.community, day)
	if err != nil {
		return err
	}
	for _, t := range tombstones {
		body := binary.BigEndian.AppendUint16(slices.Clone(t.D[:]), t.Day)
		if e.had[stickIDOf(e.community, kindTombstone, body)] {
			e.done.Had++
			continue
		}
		if err := e.write(kindTombstone, body); err != nil {
			return err
		}
		e.done.Tombstones++
	}
	ids, err := e.store.IDs(ctx, e.community, day)
	if err != nil {
		return err
	}
	lacking := make([]wire.ShortID, 0, len(ids))
	for _, id := range ids {
		sum := wire.HashOf(string(rune('0'+kindBlob)), e.community[:], id[:])
		if e.had[stickID(sum[:])] {
			e.done.Had++
			continue
		}
		lacking = append(lacking, wire.ShortID(id[:]))
	}
	return e.blobs(ctx, lacking)
}

func (e *export) blobs(ctx context.Context, ids []wire.ShortID) error {
	for len(ids) > 0 {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		batch := ids[:min(len(ids), pageBlobsMax)]
		records, err := e.store.Get(ctx, e.community, batch, stickBatch)
		if err != nil {
			return err
		}
		if len(records) == 0 { // all of them have gone since
			ids = ids[len(batch):]
			continue
		}
		for _, r := range records {
			if err := e.write(kindBlob, r.Blob); err != nil {
				return err
			}
			e.done.Blobs++
		}
		last := wire.IDOf(records[len(records)-1].Blob)
		ids = ids[slices.Index(batch, wire.ShortID(last[:]))+1:]
		e.told()
	}
	return nil
}

// write writes a record, behind one that says whose it is where that is somebody else's.
func (e *export) write(k kind, body []byte) error {
	if k != kindCommunity && e.last != e.community {
		e.last = e.community
		if err := e.write(kindCommunity, e.community[:]); err != nil {
			return err
		}
	}
	var head [stickRecord]byte
	binary.BigEndian.PutUint32(head[4:], uint32(k)<<24|uint32(len(body)))
	sum := crc32.Update(crc32.Checksum(head[4:], castagnoli), castagnoli, body)
	binary.BigEndian.PutUint32(head[:], sum)
	if _, err := e.out.Write(head[:]); err != nil {
		return fmt.Errorf("writing to the file: %w", err)
	}
	if _, err := e.out.Write(body); err != nil {
		return fmt.Errorf("writing to the file: %w", err)
	}
	e.progress.Done = min(e.progress.Done+int64(len(head)+len(body)), e.progress.Total)
	return nil
}

// stick is a file of blobs that is being read.
type stick struct {
	in        *bufio.Reader
	community Community // of what is read now
	read      int64     // bytes of whole records, and what stands before them
}

// openStick reads the beginning of a file that Export has written. It fails with ErrStick, or with wire.ErrNewer for one of a
// later version.
//
// spec: 13-mailbox#a-file-of-blobs
func openStick(r io.Reader) (*stick, error) {
	s := &stick{in: bufio.NewReaderSize(r, stickBuffer), read: int64(len(stickMagic))}
	var head [len(stickMagic)]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil, ErrStick
	}
	switch magic := string(head[:]); {
	case magic == stickMagic:
		return s, nil
	case magic[:stickVersion] == stickMagic[:stickVersion]:
		return nil, fmt.Errorf("file of blobs: %w", wire.ErrNewer)
	}
	return nil, ErrStick
}

// next returns the next record; errTorn where none stands that is whole, io.EOF at the end. The body is the caller's.
func (s *stick) next() (kind, []byte, error) {
	var head [stickRecord]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return 0, nil, torn(err)
	}
	k, size := kind(head[4]), int(binary.BigEndian.Uint32(head[4:])&0xffffff)
	if size > bodyMax {
		return 0, nil, errTorn
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(s.in, body); err != nil {
		return 0, nil, errors.Join(errTorn, torn(err))
	}
	if crc32.Update(crc32.Checksum(head[4:], castagnoli), castagnoli, body) != binary.BigEndian.Uint32(head[:]) {
		return 0, nil, errTorn
	}
	s.read += int64(len(head) + size)
	if k == kindCommunity && size == len(s.community) {
		s.community = Community(body)
	}
	return k, body, nil
}

// torn is an end in the middle of a record; another failure stays what it is.
func torn(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// Taker takes what a file brings for one community, by the same terms as what other supernodes bring.
type Taker interface {
	// Take takes blobs, and says of each why it is not held, 0: it is, on the disk; and whether it was not held before.
	Take(ctx context.Context, blobs [][]byte) (reasons []wire.Reason, fresh []bool, err error)
	// Bury takes tombstones of a day for good, unless the day is over or too far ahead.
	Bury(ctx context.Context, day uint16, secrets [][16]byte) error
}

// Imported says what has become of what a file holds.
type Imported struct {
	New        int // blobs that were not held
	Known      int // blobs that were
	Refused    int // blobs that are not held
	Why        map[wire.Reason]int
	Tombstones int
	Strange    int  // records that this version does not know, or that are no blobs
	Cut        bool // the file ends in the middle, or is damaged there: what came before was taken
}

// Import has what a file holds taken; whom is nil for a community that is not served. It may be stopped at any time, and done again:
// what is held already stays as it is. It ends with ErrFull when there is no more room. progress, if it is not nil, is called after
// each batch.
//
// spec: 13-mailbox#a-file-of-blobs
func Import(ctx context.Context, whom func(Community) Taker, f BlobFile, progress func(Progress)) (Imported, error) {
	i := &importing{done: Imported{Why: make(map[wire.Reason]int)}, secrets: make(map[uint16][][16]byte)}
	size, err := sizeOf(f)
	if err != nil {
		return i.done, err
	}
	in, err := openStick(f)
	if err != nil {
		return i.done, err
	}
	for {
		if err := context.Cause(ctx); err != nil {
			return i.done, err
		}
		of := in.community
		k, body, err := in.next()
		ends := err != nil
		if i.done.Cut = errors.Is(err, errTorn); ends && !i.done.Cut && !errors.Is(err, io.EOF) {
			return i.done, fmt.Errorf("reading the file: %w", err)
		}
		if !ends && k != kindCommunity {
			i.add(k, body)
		}
		if !ends && of == in.community && i.size < stickBatch && len(i.blobs) < pageBlobsMax {
			continue
		}
		if err := i.flush(ctx, whom(of)); err != nil {
			return i.done, err
		}
		if progress != nil {
			progress(Progress{Done: in.read, Total: size})
		}
		if ends {
			return i.done, nil
		}
	}
}

// importing is an import under way.
type importing struct {
	done    Imported
	blobs   [][]byte
	secrets map[uint16][][16]byte
	size    int // bytes of what waits
}

func (i *importing) add(k kind, body []byte) {
	switch {
	case k == kindTombstone && len(body) == stickTombstone:
		day := binary.BigEndian.Uint16(body[16:])
		i.secrets[day] = append(i.secrets[day], [16]byte(body))
	case k == kindBlob && isBlob(body):
		i.blobs = append(i.blobs, body)
	default:
		i.done.Strange++
		return
	}
	i.size += stickRecord + len(body)
}

func isBlob(b []byte) bool {
	_, err := wire.ParseBlob(b)
	return err == nil
}

// flush has taken what waits: first what deletes.
func (i *importing) flush(ctx context.Context, to Taker) error {
	defer func() {
		i.blobs, i.size = nil, 0
		clear(i.secrets)
	}()
	if to == nil {
		i.refused(wire.ReasonCommunity, len(i.blobs))
		return nil
	}
	for _, day := range slices.Sorted(maps.Keys(i.secrets)) {
		for some := range slices.Chunk(i.secrets[day], pageBlobsMax) {
			if err := to.Bury(ctx, day, some); err != nil {
				return err
			}
			i.done.Tombstones += len(some)
		}
	}
	if len(i.blobs) == 0 {
		return nil
	}
	reasons, fresh, err := to.Take(ctx, i.blobs)
	if err != nil {
		return err
	}
	for at, r := range reasons {
		switch {
		case r != 0:
			i.refused(r, 1)
		case fresh[at]:
			i.done.New++
		default:
			i.done.Known++
		}
	}
	if i.done.Why[wire.ReasonDiskFull] > 0 {
		return ErrFull
	}
	return nil
}

func (i *importing) refused(r wire.Reason, n int) {
	if n > 0 {
		i.done.Refused += n
		i.done.Why[r] += n
	}
}
