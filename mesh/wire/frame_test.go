package wire

import (
	"bufio"
	"bytes"
	"reflect"
	"testing"
)

func TestFrameRoundTrip(t *testing.T) {
	for _, f := range []Frame{
		Receipt{Session: [8]byte{1}, Start: true, Ranges: []Range{{Chain: 0, First: 1, Last: 9}, {Chain: 1, First: 0, Last: 0}}},
		Refusal{Blob: [16]byte{7}, Reason: ReasonWrongDay},
		Ask{Name: "Anna", Nonce: [32]byte{3}},
		Offer{Card: []byte{1}, Share: [32]byte{3}},
		CardFrame{Card: []byte{1}, Share: [32]byte{3}},
		Done{},
		Declined{},
	} {
		b, err := AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadFrame(bufio.NewReader(bytes.NewReader(b)))
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%T %x: %v %v", f, b, got, err)
		}
	}
}
