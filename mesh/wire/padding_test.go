package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

// Padding fills to a multiple of the block, whatever is there, and is skipped.
func TestPadding(t *testing.T) {
	frame, err := AppendFrame(nil, Padding{})
	if err != nil {
		t.Fatal(err)
	}
	for size := range 600 {
		b := AppendPadding(make([]byte, size), 256)
		if len(b)%256 != 0 || len(b) < size || len(b)-size > 257 {
			t.Fatalf("%d bytes became %d", size, len(b))
		}
		in := bufio.NewReader(bytes.NewReader(append(b[size:], frame...)))
		for {
			f, err := ReadFrame(in)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("behind %d bytes: %v", size, err)
			}
			if u, ok := f.(Unknown); ok && u.Type != FramePadding {
				t.Fatalf("behind %d bytes: %v", size, f)
			}
		}
	}
}
