package mailbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
)

// slots is a small file with two places of which the one written last counts: a write that a crash tears leaves the other. Its blocks exist from
// the beginning, so that it can be written when the disk is full.
//
//	offset  size
//	     0     4  CRC-32C of the ten bytes that follow and of the value
//	     4     8  number of the write
//	    12     2  size of the value
//	    14     –  value
//
// spec: 13-mailbox#head
type slots struct {
	file   file
	number uint64 // of the last write
}

// openSlots opens the file and returns its value; nil if there is none, since it was never written or both places
// are damaged.
func openSlots(d disk, name string) (*slots, []byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, nil, err
	}
	s := &slots{file: f}
	content := make([]byte, 2*slotSize)
	n, err := fill(f, content, 0)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	content = content[:n]
	var value []byte
	for place := range 2 {
		if len(content) < (place+1)*slotSize {
			break
		}
		number, found, err := parseSlot(content[place*slotSize : (place+1)*slotSize])
		if err == nil && number >= s.number {
			s.number, value = number, found
		}
	}
	return s, value, nil
}

// set writes a value and returns when it is on the disk.
func (s *slots) set(value []byte) error {
	slot := appendSlot(nil, s.number+1, value)
	if s.number == 0 { // both places get their blocks
		if _, err := s.file.WriteAt(make([]byte, 2*slotSize), 0); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(slot, int64(s.number+1)%2*slotSize); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.number++
	return nil
}

func (s *slots) close() error { return s.file.Close() }

func appendSlot(b []byte, number uint64, value []byte) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return append(b, make([]byte, slotSize-len(b))...)
}

func parseSlot(b []byte) (number uint64, value []byte, err error) {
	if len(b) < slotHeader {
		return 0, nil, errTorn
	}
	size := int(binary.BigEndian.Uint16(b[12:]))
	if len(b) < slotHeader+size || crc32.Checksum(b[4:slotHeader+size], castagnoli) != binary.BigEndian.Uint32(b) {
		return 0, nil, errTorn
	}
	return binary.BigEndian.Uint64(b[4:]), b[slotHeader : slotHeader+size], nil
}

// headOf is the value of a log's head: where it stood when it was written, and the first cursor that is not reserved.
//
// spec: 13-mailbox#head
type headOf struct {
	head Head
	free uint64
}

func (h headOf) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, h.head.Cursor)
	b = binary.BigEndian.AppendUint64(b, h.free)
	return append(b, h.head.Chain[:]...)
}

func parseHead(b []byte) (headOf, error) {
	if len(b) != 48 {
		return headOf{}, errors.New("head of a mailbox log: wrong size")
	}
	return headOf{
		head: Head{Cursor: binary.BigEndian.Uint64(b), Chain: Chain(b[16:48])},
		free: binary.BigEndian.Uint64(b[8:]),
	}, nil
}

// isNone tells whether a file or a folder is not there.
func isNone(err error) bool { return errors.Is(err, os.ErrNotExist) }
