package mesh

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// A backup in clear is a line with its version, then records, each with its length in 4
// bytes before it: one head, the contacts, the ops, one end.
//
// spec: 09-storage#backup
const (
	backupMagic   = "sottovoce backup "
	backupVersion = 1
	backupPage    = 256 // ops read at a time
	backupMax     = 1 << 20
)

// backupSettings are the settings that a backup holds. What else a home notes is about
// that home only.
var backupSettings = []string{settingName, settingAccount, settingClock, settingRetention, settingShare}

// MembershipSettings begin the keys of the sealed settings that say of which communities the
// person is a member, and as whom. The daemon keeps them; a backup holds them.
//
// spec: 09-storage#settings
const MembershipSettings = "membership"

// backupRecord has one of its fields.
type backupRecord struct {
	Head    *backupHead    `cbor:"1,keyasint,omitempty"`
	Contact *backupContact `cbor:"2,keyasint,omitempty"`
	Op      *backupOp      `cbor:"3,keyasint,omitempty"`
	End     *backupEnd     `cbor:"4,keyasint,omitempty"`
}

type backupHead struct {
	Made      int64           `cbor:"1,keyasint"` // Unix ms
	Root      [32]byte        `cbor:"2,keyasint"`
	Device    [64]byte        `cbor:"3,keyasint"`
	Discovery []byte          `cbor:"4,keyasint"`
	Settings  []backupSetting `cbor:"5,keyasint"`
}

type backupSetting struct {
	Key   string `cbor:"1,keyasint"`
	Value []byte `cbor:"2,keyasint"`
}

// settings adds those of the keys that are set.
func (h *backupHead) settings(keys []string, read func(key string) ([]byte, error)) error {
	for _, key := range keys {
		value, err := read(key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		h.Settings = append(h.Settings, backupSetting{key, value})
	}
	return nil
}

// visibility adds what was chosen for where nothing was chosen: who hides shall not be shown
// after a restore. Of networks there is nothing in it.
func (h *backupHead) visibility(tx *store.Tx) error {
	kept, err := loadNetworks(tx)
	if err != nil {
		return err
	}
	b, err := wire.Marshal(networks{Default: kept.Default})
	h.Settings = append(h.Settings, backupSetting{settingNetworks, b})
	return err
}

// backupContact is a contact with its devices and the conversation with it, if there is
// one still.
type backupContact struct {
	Account identity.AccountID `cbor:"1,keyasint"`
	Name    string             `cbor:"2,keyasint"`
	Alias   string             `cbor:"3,keyasint,omitempty"`
	Added   int64              `cbor:"4,keyasint"`
	Removed bool               `cbor:"5,keyasint,omitempty"`
	Object  []byte             `cbor:"6,keyasint"`
	Pairs   []backupPair       `cbor:"7,keyasint,omitempty"`
	Talk    *backupTalk        `cbor:"8,keyasint,omitempty"`
	Blocked bool               `cbor:"9,keyasint,omitempty"`
	Named   uint64             `cbor:"10,keyasint,omitempty"`
	Trust   []byte             `cbor:"11,keyasint,omitempty"`

	Discovery []byte `cbor:"12,keyasint,omitempty"` // its discovery key, saved form
	Told      uint64 `cbor:"13,keyasint,omitempty"` // lamport of the op that told it
}

// backupPair is what stays of a pair when all of its sessions and prekeys are lost.
type backupPair struct {
	Peer  peer.ID `cbor:"1,keyasint"`
	Fixed []byte  `cbor:"2,keyasint"`
	State []byte  `cbor:"3,keyasint"`
	Seen  int64   `cbor:"4,keyasint,omitempty"`
	Read  uint64  `cbor:"5,keyasint,omitempty"` // how far we have read of what it wrote
}

type backupTalk struct {
	Key  conversation.ID `cbor:"1,keyasint"`
	Kind uint8           `cbor:"2,keyasint"`
	Log  []byte          `cbor:"3,keyasint"`
}

// backupOp says of an op what its own bytes do not.
type backupOp struct {
	Body       []byte           `cbor:"1,keyasint"`
	Lamport    uint64           `cbor:"2,keyasint"` // that counts
	Received   int64            `cbor:"3,keyasint"`
	State      uint8            `cbor:"4,keyasint,omitempty"`
	Deliveries []backupDelivery `cbor:"5,keyasint,omitempty"`
}

type backupDelivery struct {
	Peer   peer.ID `cbor:"1,keyasint"`
	State  uint8   `cbor:"2,keyasint"`
	Reason string  `cbor:"3,keyasint,omitempty"`
	Time   int64   `cbor:"4,keyasint"`

	Settled int64 `cbor:"5,keyasint,omitempty"`
	ReadAt  int64 `cbor:"6,keyasint,omitempty"`
}

type backupEnd struct {
	Ops int64 `cbor:"1,keyasint"`
}

// Backup writes what the home holds, in clear, but for keys of sessions, prekeys and
// what waits in the outbox: whoever goes on from it starts new sessions. It holds the
// state of one moment, and blocks nobody; told hears how many ops are written.
//
// spec: 09-storage#backup
func Backup(ctx context.Context, db *store.Store, w io.Writer, told func(ops int64)) error {
	out := bufio.NewWriterSize(w, backupMax)
	fmt.Fprintf(out, "%s%d\n", backupMagic, backupVersion) // the Flush says if that failed
	b := backup{out: out, peers: make(map[int64]peer.ID)}
	if err := db.View(func(tx *store.Tx) error { return b.people(tx, db.Secrets()) }); err != nil {
		return err
	}
	ops, err := b.ops(ctx, db, told)
	if err != nil {
		return err
	}
	if err := b.put(backupRecord{End: &backupEnd{Ops: ops}}); err != nil {
		return err
	}
	return out.Flush()
}

// backup writes one.
type backup struct {
	out   *bufio.Writer
	peers map[int64]peer.ID // by row of the pair
	last  int64             // seq of the last op that belongs to it
}

func (b *backup) put(r backupRecord) error {
	body, err := wire.Marshal(r)
	if err != nil {
		return err
	}
	defer clear(body)
	if err := binary.Write(b.out, binary.BigEndian, uint32(len(body))); err != nil {
		return err
	}
	_, err = b.out.Write(body)
	return err
}

// people writes everything but the ops, and notes which ops belong to that.
func (b *backup) people(tx *store.Tx, s *store.Secrets) error {
	discovery, _, err := loadOurKey(tx, s)
	if err != nil {
		return err
	}
	defer discovery.Erase()
	head := backupHead{Made: time.Now().UnixMilli(), Root: s.Root, Device: s.Device, Discovery: discovery.Bytes()}
	memberships, err := tx.SettingKeys(MembershipSettings)
	if err != nil {
		return err
	}
	err = cmp.Or(head.settings(backupSettings, tx.Setting), head.settings(memberships, tx.Secret), head.visibility(tx))
	if err != nil {
		return err
	}
	if err := b.put(backupRecord{Head: &head}); err != nil {
		return err
	}
	contacts, err := tx.Contacts()
	if err != nil {
		return err
	}
	talks, err := b.talks(tx)
	if err != nil {
		return err
	}
	pairs, err := b.pairs(tx, identity.DeviceFromSeed(s.Device), talks)
	if err != nil {
		return err
	}
	for _, c := range contacts {
		if talks[c.ID] == nil && !c.Removed {
			continue // it has not shown that it is who it says
		}
		trust, err := tx.Setting(trustOf(c.ID))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		var known theirKey
		if err := loadSecret(tx, settingOf(c.ID), &known); err != nil {
			return err
		}
		err = b.put(backupRecord{Contact: &backupContact{
			Account: c.Account, Name: c.Name, Alias: c.Alias, Added: c.Added, Removed: c.Removed, Blocked: c.Blocked, Named: c.Named, Object: c.Object,
			Pairs: pairs[c.ID], Talk: talks[c.ID], Trust: trust, Discovery: known.Key, Told: known.Lamport,
		}})
		if err != nil {
			return err
		}
	}
	b.last, err = tx.LastOp()
	return err
}

// pairs are the pairs by contact, without what is to be lost.
//
// spec: 04-sessions#lost-keys
func (b *backup) pairs(tx *store.Tx, our *identity.Device, talks map[int64]*backupTalk) (map[int64][]backupPair, error) {
	rows, err := tx.Pairs()
	if err != nil {
		return nil, err
	}
	all := make(map[int64][]backupPair)
	for _, row := range rows {
		pair, err := session.LoadPair(our, row.Fixed, row.State, nil)
		if err != nil {
			return nil, fmt.Errorf("a session: %w", err)
		}
		pair.Lose()
		kept := backupPair{Peer: row.Peer, Fixed: pair.SaveFixed(), State: pair.Save(), Seen: row.Seen}
		pair.Erase()
		if talk := talks[row.Contact]; talk != nil {
			if kept.Read, err = tx.ReadMark(talk.Key, row.Peer); err != nil {
				return nil, err
			}
		}
		b.peers[row.ID] = row.Peer
		all[row.Contact] = append(all[row.Contact], kept)
	}
	return all, nil
}

// talks are the conversations by contact.
func (b *backup) talks(tx *store.Tx) (map[int64]*backupTalk, error) {
	rows, err := tx.Conversations()
	if err != nil {
		return nil, err
	}
	all := make(map[int64]*backupTalk)
	for _, row := range rows {
		all[row.Contact] = &backupTalk{Key: row.Key, Kind: row.Kind, Log: row.Log}
	}
	return all, nil
}

// ops writes the ops page by page, so that no snapshot is held for long.
func (b *backup) ops(ctx context.Context, db *store.Store, told func(int64)) (count int64, err error) {
	for after := int64(0); after < b.last; told(count) {
		if ctx.Err() != nil {
			return count, context.Cause(ctx)
		}
		err := db.View(func(tx *store.Tx) error {
			rows, last, err := tx.OpsAfter(after, backupPage)
			if err != nil {
				return err
			}
			if after = last; last == 0 { // the rest was erased meanwhile
				after = b.last
			}
			for i := range rows {
				if rows[i].Seq > b.last {
					return nil
				}
				if kind := conversation.Kind(rows[i].Kind); kind == conversation.KindDiscovery || kind == conversation.KindMailbox {
					continue // over, or of a key that a restored home does not go on with
				}
				if len(rows[i].Body) == 0 {
					continue // deleted
				}
				if err := b.op(tx, &rows[i]); err != nil {
					return err
				}
				count++
			}
			return nil
		})
		if err != nil {
			return count, err
		}
	}
	return count, nil
}

func (b *backup) op(tx *store.Tx, row *store.Op) error {
	o := backupOp{Body: row.Body, Lamport: row.Lamport, Received: row.Received, State: row.State}
	deliveries, err := tx.DeliveriesOf(row.Seq)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		o.Deliveries = append(o.Deliveries, backupDelivery{
			Peer: b.peers[d.Pair], State: d.State, Reason: d.Reason, Time: d.Time, Settled: d.Settled, ReadAt: d.ReadAt,
		})
	}
	return b.put(backupRecord{Op: &o})
}

// backupReader reads what Backup wrote.
type backupReader struct{ in *bufio.Reader }

// openBackup reads the line of the version. A later one is wire.ErrNewer.
func openBackup(r io.Reader) (*backupReader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	line, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	number, ours := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), backupMagic)
	version, err := strconv.ParseUint(number, 10, 32)
	switch {
	case !ours || err != nil || version == 0:
		return nil, fmt.Errorf("%w: not a backup", wire.ErrMalformed)
	case version > backupVersion:
		return nil, fmt.Errorf("%w: backup of version %d, this program knows %d", wire.ErrNewer, version, backupVersion)
	}
	return &backupReader{in}, nil
}

// next reads a record. A backup that ends before its end is malformed.
func (r *backupReader) next() (rec backupRecord, err error) {
	var size uint32
	if err := binary.Read(r.in, binary.BigEndian, &size); err != nil {
		return rec, cutOff(err)
	}
	if size > backupMax {
		return rec, fmt.Errorf("%w: record of %d bytes in a backup", wire.ErrMalformed, size)
	}
	body := make([]byte, size)
	defer clear(body)
	if _, err := io.ReadFull(r.in, body); err != nil {
		return rec, cutOff(err)
	}
	if err := wire.Unmarshal(body, &rec); err != nil {
		return rec, err
	}
	fields := 0
	for _, there := range []bool{rec.Head != nil, rec.Contact != nil, rec.Op != nil, rec.End != nil} {
		if there {
			fields++
		}
	}
	if fields != 1 {
		return rec, fmt.Errorf("%w: record with %d fields in a backup", wire.ErrMalformed, fields)
	}
	if rec.Op != nil && rec.Op.Lamport > math.MaxInt64 {
		return rec, fmt.Errorf("%w: lamport in a backup", wire.ErrMalformed)
	}
	return rec, nil
}

// cutOff says that a backup has ended too early, or what kept it from being read.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the backup is cut off", wire.ErrMalformed)
	}
	return err
}
