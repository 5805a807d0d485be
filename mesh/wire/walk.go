package wire

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// Major types of CBOR (RFC 8949 §3.1).
const (
	majorUint   = 0
	majorNegInt = 1
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorTag    = 6
	majorSimple = 7

	simpleFalse = 20
	simpleTrue  = 21
)

// walker checks that bytes are one item in canonical encoding, and that they
// have the shape of a Go type where the decoder would be lenient.
//
// spec: 00-encoding#canonical-cbor
type walker struct {
	in    []byte
	pos   int
	newer uint64 // an unknown critical key, 0 if none
	shape error  // the first mismatch with the Go type
}

// whole walks over one item of type t that must fill the input. Malformed
// outweighs newer, and newer a wrong shape.
func (w *walker) whole(t reflect.Type) error {
	if err := w.item(shapeOf(t), 0); err != nil {
		return err
	}
	switch {
	case w.pos != len(w.in):
		return w.errorf("%d bytes after the end", len(w.in)-w.pos)
	case w.newer != 0:
		return fmt.Errorf("%w: unknown critical key %#x", ErrNewer, w.newer)
	}
	return w.shape
}

func (w *walker) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: byte %d: %s", ErrMalformed, w.pos, fmt.Sprintf(format, args...))
}

// mismatch notes that the bytes do not fit the Go type; the walk goes on.
func (w *walker) mismatch(format string, args ...any) {
	if w.shape == nil {
		w.shape = w.errorf(format, args...)
	}
}

// head reads the initial byte and the argument, which must have its shortest form.
func (w *walker) head() (major byte, arg uint64, err error) {
	if w.pos >= len(w.in) {
		return 0, 0, w.errorf("cut short")
	}
	first := w.in[w.pos]
	major, low := first>>5, first&31
	if low < 24 {
		w.pos++
		return major, uint64(low), nil
	}
	if low > 27 {
		return 0, 0, w.errorf("indefinite length or reserved form %#x", first)
	}
	size := 1 << (low - 24)
	if len(w.in)-w.pos-1 < size {
		return 0, 0, w.errorf("cut short")
	}
	var wide [8]byte
	copy(wide[8-size:], w.in[w.pos+1:][:size])
	arg = binary.BigEndian.Uint64(wide[:])
	if smallest := [4]uint64{24, 1 << 8, 1 << 16, 1 << 32}[low-24]; major != majorSimple && arg < smallest {
		return 0, 0, w.errorf("%d is not in its shortest form", arg)
	}
	w.pos += 1 + size
	return major, arg, nil
}

// item walks over one item that lies inside depth others.
func (w *walker) item(s shape, depth int) error {
	start := w.pos
	major, arg, err := w.head()
	if err != nil {
		return err
	}
	if !s.takes(major) {
		w.mismatch("item of major type %d where %v is expected", major, s.t)
		s = shape{}
	}
	switch major {
	case majorUint, majorNegInt:
		return nil
	case majorBytes, majorText:
		return w.str(s, major, arg)
	case majorArray, majorMap:
		if depth == depthMax {
			return w.errorf("more than %d levels", depthMax)
		}
		if arg > uint64(len(w.in)-w.pos) {
			return w.errorf("%d elements in %d bytes", arg, len(w.in)-w.pos)
		}
		if major == majorMap {
			return w.pairs(s, int(arg), depth+1)
		}
		return w.elements(s, int(arg), depth+1)
	case majorSimple:
		if w.pos-start == 1 && (arg == simpleFalse || arg == simpleTrue) {
			return nil
		}
		return w.errorf("float, null or other simple value")
	}
	return w.errorf("tag")
}

func (w *walker) str(s shape, major byte, size uint64) error {
	if size > uint64(len(w.in)-w.pos) {
		return w.errorf("string of %d bytes in %d", size, len(w.in)-w.pos)
	}
	if want, fixed := s.length(); fixed && size != uint64(want) {
		w.mismatch("%d bytes where %d are expected", size, want)
	}
	str := w.in[w.pos:][:size]
	if major == majorText && !utf8.Valid(str) {
		return w.errorf("text is not UTF-8")
	}
	w.pos += int(size)
	return nil
}

func (w *walker) elements(s shape, n, depth int) error {
	if want, fixed := s.length(); fixed && n != want {
		w.mismatch("%d elements where %d are expected", n, want)
	}
	for i := range n {
		if err := w.item(s.element(i), depth); err != nil {
			return err
		}
	}
	return nil
}

// pairs walks over a map: unsigned keys, ascending, none twice. In their shortest
// form keys sort by value as they do by encoding.
func (w *walker) pairs(s shape, n, depth int) error {
	keys := make([]uint64, 0, min(n, 16))
	for range n {
		major, key, err := w.head()
		if err != nil {
			return err
		}
		if major != majorUint {
			return w.errorf("map key is not an unsigned integer")
		}
		if len(keys) > 0 && key <= keys[len(keys)-1] {
			return w.errorf("map keys are unsorted or repeated")
		}
		keys = append(keys, key)
		value, known := s.value(key)
		if !known && key >= criticalKey && w.newer == 0 {
			w.newer = key
		}
		if err := w.item(value, depth); err != nil {
			return err
		}
	}
	if key, found := s.missing(keys); found {
		w.mismatch("key %d is missing", key)
	}
	return nil
}
