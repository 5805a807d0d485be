package wire

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// shape is what the walker wants to know of the Go type an item is decoded
// into. The decoder pads short byte strings with zeros, takes a list of numbers
// for a byte string and ignores surplus elements; here nothing may have two
// encodings. The zero shape takes everything.
type shape struct{ t reflect.Type }

var unmarshalerType = reflect.TypeFor[cbor.Unmarshaler]()

// shapeOf looks through pointers; types that decode themselves are left alone. It is
// slow: plans keep what it says.
func shapeOf(t reflect.Type) shape {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface || t.Implements(unmarshalerType) || reflect.PointerTo(t).Implements(unmarshalerType) {
		return shape{}
	}
	return shape{t}
}

func isByteString(t reflect.Type) bool {
	return (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8
}

// takes reports whether an item of this major type can be meant.
func (s shape) takes(major byte) bool {
	if s.t == nil {
		return true
	}
	switch s.t.Kind() {
	case reflect.Struct:
		return major == majorMap && !planOf(s.t).asArray || major == majorArray && planOf(s.t).asArray
	case reflect.Slice, reflect.Array:
		return major == majorBytes && isByteString(s.t) || major == majorArray && !isByteString(s.t)
	case reflect.Map:
		return major == majorMap
	case reflect.String:
		return major == majorText
	case reflect.Bool:
		return major == majorSimple
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return major == majorUint
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return major == majorUint || major == majorNegInt
	}
	return false
}

// length returns the number of bytes or elements of a fixed-size type.
func (s shape) length() (n int, fixed bool) {
	switch {
	case s.t == nil:
		return 0, false
	case s.t.Kind() == reflect.Array:
		return s.t.Len(), true
	case s.t.Kind() == reflect.Struct:
		return len(planOf(s.t).fields), true
	}
	return 0, false
}

// element returns the shape of the i-th element.
func (s shape) element(i int) shape {
	switch {
	case s.t == nil:
		return shape{}
	case s.t.Kind() != reflect.Struct:
		return shapeOf(s.t.Elem())
	}
	if fields := planOf(s.t).fields; i < len(fields) {
		return fields[i]
	}
	return shape{}
}

// value returns the shape of what a map holds under key, and whether the key is
// known. In a Go map every key is.
func (s shape) value(key uint64) (shape, bool) {
	switch {
	case s.t == nil:
		return shape{}, false
	case s.t.Kind() == reflect.Map:
		return shapeOf(s.t.Elem()), true
	}
	value, known := planOf(s.t).byKey[key]
	return value, known
}

// missing returns a key that must stand in the map and is not among keys, which
// ascend.
func (s shape) missing(keys []uint64) (key uint64, found bool) {
	if s.t == nil || s.t.Kind() != reflect.Struct {
		return 0, false
	}
	for _, key := range planOf(s.t).required {
		if _, there := slices.BinarySearch(keys, key); !there {
			return key, true
		}
	}
	return 0, false
}

// plan is what the tags of a struct say.
type plan struct {
	asArray  bool
	fields   []shape // in order
	byKey    map[uint64]shape
	required []uint64 // keys that are not omitted when empty
}

// plans holds the plan of every struct type seen: as many as there are in the
// program.
var plans sync.Map // reflect.Type → *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{byKey: make(map[uint64]shape)}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		switch {
		case f.Name == "_":
			p.asArray = p.asArray || strings.Contains(options, "toarray")
		case f.IsExported() && name != "-":
			p.fields = append(p.fields, shapeOf(f.Type))
			if key, err := strconv.ParseUint(name, 10, 64); err == nil {
				p.byKey[key] = shapeOf(f.Type)
				if !strings.Contains(options, "omit") {
					p.required = append(p.required, key)
				}
			}
		}
	}
	plans.Store(t, p)
	return p
}
