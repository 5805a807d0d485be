package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// slotSpecimens holds frames of slots, least and most.
func slotSpecimens() map[string]Frame {
	return map[string]Frame{
		"slot":                  Slot{ID: SlotID(counted(1, 16)), Day: 20007, Bundle: make([]byte, SlotSize), Owner: (*[16]byte)(counted(0x20, 16)), Tokens: counted(1, 9)},
		"slot that was fetched": Slot{ID: SlotID(counted(1, 16)), Day: 20007, Bundle: make([]byte, SlotSize)},
		"slot, most":            Slot{Day: 1<<16 - 1, Bundle: make([]byte, SlotSize), Owner: &[16]byte{}, Tokens: make([]byte, TokensSizeMax)},
		"fetch":                 Fetch{ID: SlotID(counted(1, 16))},
		"answer":                Answer{ID: SlotID(counted(1, 16)), Sealed: make([]byte, SlotSize)},
		"answers, asked":        Answers{ID: SlotID(counted(1, 16)), Secret: (*[16]byte)(counted(0x20, 16))},
		"answers, withdrawn":    Answers{ID: SlotID(counted(1, 16)), Secret: (*[16]byte)(counted(0x20, 16)), Withdraw: true},
		"answers, none":         Answers{ID: SlotID(counted(1, 16))},
		"answers, most":         Answers{Sealed: make([]byte, SlotAnswersMax*SlotSize)},
	}
}

func TestSlotFramesRefused(t *testing.T) {
	for name, f := range map[string]Frame{
		"slot with a short bundle":   Slot{Bundle: make([]byte, SlotSize-1)},
		"slot with a long bundle":    Slot{Bundle: make([]byte, SlotSize+1)},
		"slot of too many tokens":    Slot{Bundle: make([]byte, SlotSize), Tokens: make([]byte, TokensSizeMax+1)},
		"empty answer":               Answer{},
		"long answer":                Answer{Sealed: make([]byte, SlotSize+1)},
		"part of an answer":          Answers{Sealed: make([]byte, SlotSize-1)},
		"too many answers":           Answers{Sealed: make([]byte, (SlotAnswersMax+1)*SlotSize)},
		"answers asked for and told": Answers{Secret: &[16]byte{}, Sealed: make([]byte, SlotSize)},
		"withdrawal by nobody":       Answers{Withdraw: true},
	} {
		if b, err := AppendFrame(nil, f); err == nil {
			t.Errorf("%s is encoded as %x", name, b)
		}
		body, err := Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(framed(f.FrameType(), body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s is read as %v, %v", name, got, err)
		}
	}
}

// Whoever has the id of a slot can look into it: nothing of one is printed.
func TestSlotsAreNotPrinted(t *testing.T) {
	for name, f := range slotSpecimens() {
		for _, shown := range []string{fmt.Sprintf("%v", f), fmt.Sprintf("%+v", f), fmt.Sprintf("%#v", f)} {
			if len(shown) > 120 || strings.Contains(shown, "2 3 4") || strings.Contains(shown, "0x2, 0x3") {
				t.Errorf("%s is printed as %.200s", name, shown)
			}
		}
	}
}
