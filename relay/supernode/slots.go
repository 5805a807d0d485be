package supernode

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// slotFile is a slot as the disk has it: what its owner left for whoever comes with its id, and their answers.
//
// spec: 08-custody#slots
type slotFile struct {
	Owner   [16]byte `cbor:"1,keyasint"` // commitment
	Day     uint16   `cbor:"2,keyasint"` // the last on which it is answered
	Bundle  []byte   `cbor:"3,keyasint"`
	Answers []byte   `cbor:"4,keyasint,omitempty"` // wire.SlotSize bytes each, as they came
}

// until is the last day on which the slot is kept: its owner may be away for long after somebody has answered.
func (f *slotFile) until() uint16 {
	if len(f.Answers) == 0 {
		return f.Day
	}
	return f.Day + slotHeld
}

// parseSlot reads the file of a slot.
func parseSlot(b []byte) (*slotFile, error) {
	f := &slotFile{}
	if err := wire.Unmarshal(b, f); err != nil {
		return nil, err
	}
	if len(f.Bundle) != wire.SlotSize || len(f.Answers)%wire.SlotSize != 0 || len(f.Answers) > wire.SlotAnswersMax*wire.SlotSize {
		return nil, fmt.Errorf("%w: slot with %d and %d bytes", wire.ErrMalformed, len(f.Bundle), len(f.Answers))
	}
	return f, nil
}

// Errors of slots.
var (
	errNoSlot    = errors.New("no such slot")
	errSlotTaken = errors.New("a slot of that name is somebody else's")
	errSlotFull  = errors.New("the slot holds as many answers as it takes")
)

// shelf are the slots of one community: a file each, which is replaced whole. What is not in the folder is no slot.
type shelf struct {
	on   files
	path string

	files sync.Mutex // held while a file is read or written; taken before mu

	mu   sync.Mutex             // guards the following; nobody waits for a disk meanwhile
	held map[wire.SlotID]uint16 // the last day on which each is kept
}

// openShelf reads which slots there are. A file that is none of ours is left alone.
func openShelf(on files, path string) (*shelf, error) {
	s := &shelf{on: on, path: path, held: make(map[wire.SlotID]uint16)}
	return s, s.look()
}

// look reads which slots there are that are not known yet. The lock of files is held, or nobody else has the shelf.
func (s *shelf) look() error {
	names, err := s.on.list(s.path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if half, cut := strings.CutSuffix(name, freshSuffix); cut && len(half) == 2*len(wire.SlotID{}) {
			_ = s.on.remove(filepath.Join(s.path, name)) // a write that a crash has cut short
			continue
		}
		b, err := hex.DecodeString(name)
		if err != nil || len(b) != len(wire.SlotID{}) || s.knows(wire.SlotID(b)) {
			continue
		}
		if f, err := s.read(wire.SlotID(b)); err == nil { // else it is damaged: nobody can be given anything of it, and all else is served
			s.know(wire.SlotID(b), f)
		}
	}
	return nil
}

// knows reports whether a slot was here when it was last looked for.
func (s *shelf) knows(id wire.SlotID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.held[id]
	return found
}

// know takes note of a slot; nil: there is none.
func (s *shelf) know(id wire.SlotID, f *slotFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		delete(s.held, id)
		return
	}
	s.held[id] = f.until()
}

func (s *shelf) file(id wire.SlotID) string { return filepath.Join(s.path, hex.EncodeToString(id[:])) }

func (s *shelf) read(id wire.SlotID) (*slotFile, error) {
	b, err := s.on.read(s.file(id), slotFileMax)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, errNoSlot
	}
	return parseSlot(b)
}

// write has a slot on the disk. The lock of files is held.
func (s *shelf) write(id wire.SlotID, f *slotFile) error {
	b, err := wire.Marshal(f)
	if err != nil {
		return err
	}
	if err := s.on.replace(s.file(id), b); err != nil {
		return err
	}
	s.know(id, f)
	return nil
}

// has reports whether there is such a slot, whose answers may have been read for the last time.
func (s *shelf) has(id wire.SlotID) bool {
	if s.knows(id) || !s.on.shared() {
		return s.knows(id)
	}
	_, err := s.get(id)
	return err == nil
}

// full reports whether there are as many slots as there may be.
func (s *shelf) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) >= slotsMax
}

// get reads a slot; errNoSlot.
func (s *shelf) get(id wire.SlotID) (*slotFile, error) {
	s.files.Lock()
	defer s.files.Unlock()
	return s.lookUp(id)
}

// lookUp reads a slot. The lock of files is held.
func (s *shelf) lookUp(id wire.SlotID) (*slotFile, error) {
	if !s.on.shared() && !s.knows(id) {
		return nil, errNoSlot
	}
	f, err := s.read(id)
	if err == nil || errors.Is(err, errNoSlot) {
		s.know(id, f)
	}
	return f, err
}

// put opens a slot. The same again changes nothing; another one in its place is errSlotTaken, one beyond slotsMax errSlotFull.
func (s *shelf) put(id wire.SlotID, f *slotFile) error {
	return again(func() error { return s.putOnce(id, f) })
}

func (s *shelf) putOnce(id wire.SlotID, f *slotFile) error {
	s.files.Lock()
	defer s.files.Unlock()
	old, err := s.lookUp(id)
	switch {
	case err == nil && old.Owner == f.Owner && old.Day == f.Day && bytes.Equal(old.Bundle, f.Bundle):
		return nil
	case err == nil:
		return errSlotTaken
	case !errors.Is(err, errNoSlot):
		return err
	case s.full():
		return errSlotFull
	}
	if err := s.on.makeDir(s.path); err != nil {
		return err
	}
	return s.write(id, f)
}

// answer leaves an answer in a slot that is answered today, and returns its place among the answers, from 1 on: the same for
// the same answer.
func (s *shelf) answer(id wire.SlotID, today uint16, answer []byte) (place uint64, err error) {
	err = again(func() error {
		place, err = s.answerOnce(id, today, answer)
		return err
	})
	return place, err
}

func (s *shelf) answerOnce(id wire.SlotID, today uint16, answer []byte) (place uint64, err error) {
	s.files.Lock()
	defer s.files.Unlock()
	f, err := s.lookUp(id)
	if err != nil {
		return 0, err
	}
	for old := range slices.Chunk(f.Answers, wire.SlotSize) {
		if place++; bytes.Equal(old, answer) {
			return place, nil
		}
	}
	switch {
	case today > f.Day:
		return 0, errNoSlot
	case place == wire.SlotAnswersMax:
		return 0, errSlotFull
	}
	f.Answers = append(f.Answers, answer...)
	return place + 1, s.write(id, f)
}

// withdraw gives a slot up; one that is gone already is no error.
func (s *shelf) withdraw(id wire.SlotID) error {
	s.files.Lock()
	defer s.files.Unlock()
	return s.drop(id)
}

// drop gives slots up. The lock of files is held.
func (s *shelf) drop(ids ...wire.SlotID) error {
	var errs []error
	for _, id := range ids {
		if err := s.on.remove(s.file(id)); err != nil {
			errs = append(errs, err)
			continue
		}
		s.know(id, nil)
	}
	return errors.Join(append(errs, s.on.sync(s.path))...)
}

// expire gives up the slots that were to be kept until a day that is over.
func (s *shelf) expire(last uint16) error {
	s.files.Lock()
	defer s.files.Unlock()
	if s.on.shared() {
		if err := s.look(); err != nil {
			return err
		}
	}
	var over []wire.SlotID
	s.mu.Lock()
	for id, until := range s.held {
		if until <= last {
			over = append(over, id)
		}
	}
	s.mu.Unlock()
	if s.on.shared() { // another process may have an answer, for which a slot is kept longer
		over = slices.DeleteFunc(over, func(id wire.SlotID) bool {
			f, err := s.lookUp(id)
			return err != nil || f.until() > last
		})
	}
	if len(over) == 0 {
		return nil
	}
	return s.drop(over...)
}

// account adds what slots take to what a community has of the disk: each as much as it may grow to.
func (s *shelf) account(stats *mailbox.Stats, c mailbox.Community) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byDay := make(map[uint16]int64)
	for _, until := range s.held {
		byDay[until] += slotRoom
	}
	for day, taken := range byDay {
		stats.Bytes += taken
		stats.Logs[c] = append(stats.Logs[c], mailbox.Day{Day: day, Bytes: taken})
	}
}
