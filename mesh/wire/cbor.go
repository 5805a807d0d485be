package wire

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

var encMode = sync.OnceValue(func() cbor.EncMode {
	opts := cbor.CoreDetEncOptions()
	opts.NilContainers = cbor.NilContainerAsEmpty // null is not part of the encoding
	opts.TagsMd = cbor.TagsForbidden
	mode, err := opts.EncMode()
	if err != nil {
		panic(fmt.Sprintf("wire: encoding options: %v", err))
	}
	return mode
})

var decMode = sync.OnceValue(func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   depthMax,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	if err != nil {
		panic(fmt.Sprintf("wire: decoding options: %v", err))
	}
	return mode
})

// Marshal returns the canonical encoding of v, a struct whose fields are tagged
// `cbor:"1,keyasint,omitempty"`, or an array of such. It fails when Unmarshal
// would refuse the result: floats, nil pointers that are not omitted, keys that
// are no unsigned integers, more than eight levels, text that is not UTF-8.
//
// spec: 00-encoding#canonical-cbor
func Marshal(v any) ([]byte, error) {
	b, err := encMode().Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %v", v, err)
	}
	w := walker{in: b}
	if err := w.whole(reflect.TypeOf(v)); err != nil {
		return nil, fmt.Errorf("encoding %T: %v", v, err)
	}
	return b, nil
}

// Unmarshal decodes the canonical encoding b, at most 1 MiB, into v, a non-nil
// pointer. It refuses with ErrMalformed whatever Marshal would not have written:
// longer forms of an integer, unsorted or repeated keys, indefinite lengths,
// tags, floats, null, text that is not UTF-8, more than eight levels, bytes after
// the end, byte strings and arrays whose length is not that of the Go array they
// go to, and maps without a key that Marshal never omits. Unknown keys are ignored, but an unknown key of 0x8000 and above
// in any map that is not decoded into a Go map gives ErrNewer.
//
// spec: 00-encoding#canonical-cbor
func Unmarshal(b []byte, v any) error {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		panic(fmt.Sprintf("wire: unmarshal into %T", v))
	}
	if len(b) > objectSizeMax {
		return fmt.Errorf("%w: object of %d bytes", ErrMalformed, len(b))
	}
	w := walker{in: b}
	if err := w.whole(t.Elem()); err != nil {
		return err
	}
	if err := decMode().Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return nil
}
