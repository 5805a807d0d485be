package wire

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// specimen has a field of every kind that our objects use.
type specimen struct {
	Number uint64    `cbor:"1,keyasint,omitempty"`
	Small  uint8     `cbor:"2,keyasint,omitempty"`
	Signed int64     `cbor:"3,keyasint,omitempty"`
	Flag   bool      `cbor:"4,keyasint,omitempty"`
	Text   string    `cbor:"5,keyasint,omitempty"`
	Bytes  []byte    `cbor:"6,keyasint,omitempty"`
	Hash   *Hash     `cbor:"7,keyasint,omitempty"`
	Hashes []Hash    `cbor:"8,keyasint,omitempty"`
	Inner  *specimen `cbor:"9,keyasint,omitempty"`
	Pair   *pairItem `cbor:"10,keyasint,omitempty"`
	Table  tableItem `cbor:"11,keyasint,omitempty"`
	Fixed  *[2]uint8 `cbor:"12,keyasint,omitempty"`
	Words  *[2]uint  `cbor:"13,keyasint,omitempty"`
}

type (
	tableItem map[uint64]uint64
	pairItem  struct {
		_ struct{} `cbor:",toarray"`
		A uint32
		B []byte
	}
)

func TestMarshalRoundTrip(t *testing.T) {
	for want, v := range map[string]specimen{
		"a0":                     {},
		"a10117":                 {Number: 23},
		"a1011818":               {Number: 24},
		"a101190100":             {Number: 256},
		"a1011a00010000":         {Number: 65536},
		"a1011bffffffffffffffff": {Number: math.MaxUint64},
		"a1033b7fffffffffffffff": {Signed: math.MinInt64},
		"a104f5":                 {Flag: true},
		"a105627ac3":             {Text: "z\xc3"},
		"a10562c3a9":             {Text: "é"},
		"a10643010203":           {Bytes: []byte{1, 2, 3}},
		"a109a0":                 {Inner: &specimen{}},
		"a10a820041ff":           {Pair: &pairItem{A: 0, B: []byte{255}}},
		"a10a820040":             {Pair: &pairItem{}},
		"a10ba2000119800002":     {Table: tableItem{0: 1, 0x8000: 2}},
		"a10c420102":             {Fixed: &[2]uint8{1, 2}},
		"a10d820102":             {Words: &[2]uint{1, 2}},
		"a2010104f5":             {Number: 1, Flag: true},
	} {
		b, err := Marshal(v)
		if want == "a105627ac3" {
			if err == nil {
				t.Error("text that is not UTF-8 is encoded")
			}
			continue
		}
		if err != nil || !bytes.Equal(b, unhex(t, want)) {
			t.Errorf("%+v is %x, want %s: %v", v, b, want, err)
			continue
		}
		var got specimen
		if err := Unmarshal(b, &got); err != nil {
			t.Errorf("%x: %v", b, err)
		}
		again, err := Marshal(got)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x becomes %x", b, again)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	deep := &specimen{}
	for range depthMax {
		deep = &specimen{Inner: deep}
	}
	for name, v := range map[string]any{
		"float":     1.5,
		"nil":       nil,
		"nil field": struct{ A *int }{},
		"text keys": struct{ A int }{1},
		"text map":  map[string]int{"a": 1},
		"depth":     deep,
		"channel":   make(chan int),
	} {
		if b, err := Marshal(v); err == nil {
			t.Errorf("%s: encoded as %x", name, b)
		}
	}
}

func TestMarshalNilSliceIsEmpty(t *testing.T) {
	b, err := Marshal(struct {
		A []byte `cbor:"1,keyasint"`
		B []Hash `cbor:"2,keyasint"`
	}{})
	if err != nil || !bytes.Equal(b, unhex(t, "a2 01 40 02 80")) {
		t.Errorf("%x %v", b, err)
	}
}

// malformed has one entry for each sentence of the rules.
var malformed = map[string]string{
	"empty":                       "",
	"long 23":                     "a1 01 1817",
	"long 255":                    "a1 01 1900ff",
	"long 65535":                  "a1 01 1a0000ffff",
	"long 2^32-1":                 "a1 01 1b00000000ffffffff",
	"long map length":             "b801 01 01",
	"long key":                    "a1 1801 01",
	"long string length":          "a1 06 580101",
	"long array length":           "a1 08 9800",
	"indefinite map":              "bf 01 01 ff",
	"indefinite array":            "a1 08 9f ff",
	"indefinite bytes":            "a1 06 5f 41 01 ff",
	"indefinite text":             "a1 05 7f 61 61 ff",
	"reserved form":               "a1 01 1c",
	"break":                       "ff",
	"unsorted keys":               "a2 02 01 01 01",
	"repeated key":                "a2 01 01 01 01",
	"repeated unknown key":        "a2 1820 01 1820 01",
	"negative key":                "a2 01 01 20 01",
	"negative key first":          "a2 20 01 01 01",
	"text key":                    "a1 61 61 01",
	"bytes key":                   "a1 41 61 01",
	"key of bool":                 "a1 f5 01",
	"tag":                         "a1 01 c1 01",
	"bignum":                      "a1 01 c2 41 01",
	"self-described":              "d9d9f7 a0",
	"half float":                  "a1 01 f93c00",
	"float":                       "a1 01 fa3f800000",
	"double":                      "a1 01 fb3ff0000000000000",
	"null":                        "a1 01 f6",
	"null whole":                  "f6",
	"undefined":                   "a1 01 f7",
	"simple 16":                   "a1 01 f0",
	"simple 255":                  "a1 01 f8ff",
	"false in two bytes":          "a1 04 f814",
	"unknown null":                "a1 1820 f6",
	"unknown float":               "a1 1820 f90000",
	"text not UTF-8":              "a1 05 61 ff",
	"text overlong":               "a1 05 62 c080",
	"text surrogate":              "a1 05 63 eda080",
	"unknown text not UTF-8":      "a1 1820 61 ff",
	"trailing byte":               "a0 00",
	"two items":                   "a0 a0",
	"nine levels":                 "a1 1820 81 81 81 81 81 81 81 80",
	"bytes too long":              "a1 06 5bffffffffffffffff",
	"array too long":              "a1 08 9bffffffffffffffff",
	"map too long":                "bbffffffffffffffff",
	"array longer than the bytes": "a1 08 83 00",
	"hash too short":              "a1 07 41 01",
	"hash too long":               "a1 07 5821" + strings.Repeat("00", 33),
	"hashes too short":            "a1 08 81 41 01",
	"list for bytes":              "a1 06 82 01 02",
	"list for a hash":             "a1 07 9820" + strings.Repeat("00", 32),
	"text for bytes":              "a1 06 61 61",
	"bytes for text":              "a1 05 41 61",
	"number for a flag":           "a1 04 01",
	"flag for a number":           "a1 01 f5",
	"negative for unsigned":       "a1 01 20",
	"number too large":            "a1 02 190100",
	"signed too small":            "a1 03 3bffffffffffffffff",
	"signed too large":            "a1 03 1bffffffffffffffff",
	"array for a map":             "80",
	"number for a map":            "01",
	"map for an array":            "a1 0a a0",
	"tuple too short":             "a1 0a 81 00",
	"tuple too long":              "a1 0a 83 00 40 00",
	"tuple item too large":        "a1 0a 82 1b0000000100000000 40",
	"fixed array too short":       "a1 0d 81 01",
	"fixed array too long":        "a1 0d 83 01 02 03",
	"fixed bytes too short":       "a1 0c 41 01",
}

func TestUnmarshalRefuses(t *testing.T) {
	for name, in := range malformed {
		var v specimen
		if err := Unmarshal(unhex(t, in), &v); !errors.Is(err, ErrMalformed) || errors.Is(err, ErrNewer) {
			t.Errorf("%s: %s gives %+v, %v", name, in, v, err)
		}
	}
	var v specimen
	if err := Unmarshal(make([]byte, objectSizeMax+1), &v); !errors.Is(err, ErrMalformed) {
		t.Errorf("more than a mebibyte: %v", err)
	}
}

func TestUnmarshalIgnoresUnknownKeys(t *testing.T) {
	for name, in := range map[string]string{
		"number":           "a2 01 07 1820 01",
		"bytes":            "a2 01 07 1820 42 0102",
		"nested":           "a2 01 07 1820 82 a1 01 02 81 61 61",
		"last below":       "a2 01 07 197fff f5",
		"eight levels":     "a2 01 07 1820 81 81 81 81 81 81 80",
		"in an inner map":  "a2 01 07 09 a1 1820 01",
		"tables are free":  "a2 01 07 0b a1 1bffffffffffffffff 01",
		"number above all": "a1 01 07",
	} {
		var v specimen
		if err := Unmarshal(unhex(t, in), &v); err != nil || v.Number != 7 {
			t.Errorf("%s: %d %v", name, v.Number, err)
		}
	}
}

func TestUnmarshalNeedsANewerVersion(t *testing.T) {
	for name, in := range map[string]string{
		"first critical key":       "a2 01 07 198000 01",
		"last critical key":        "a2 01 07 1bffffffffffffffff 01",
		"in an inner map":          "a1 09 a1 198000 01",
		"in a map inside unknown":  "a1 1820 81 a1 198000 01",
		"beside a field that errs": "a2 01 f5 198000 01",
	} {
		var v specimen
		if err := Unmarshal(unhex(t, in), &v); !errors.Is(err, ErrNewer) || errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var v specimen
	if err := Unmarshal(unhex(t, "a2 01 07 198000 f6"), &v); !errors.Is(err, ErrMalformed) {
		t.Errorf("malformed must outweigh newer: %v", err)
	}
	var known struct {
		A uint64 `cbor:"32768,keyasint"`
	}
	if err := Unmarshal(unhex(t, "a1 198000 05"), &known); err != nil || known.A != 5 {
		t.Errorf("a known critical key: %+v %v", known, err)
	}
}

func TestUnmarshalWantsWhatIsNeverOmitted(t *testing.T) {
	type strict struct {
		A uint64   `cbor:"1,keyasint"`
		B uint64   `cbor:"2,keyasint,omitempty"`
		C []uint64 `cbor:"3,keyasint"`
	}
	var v struct {
		List []strict `cbor:"1,keyasint"`
	}
	for in, ok := range map[string]bool{
		"a1 01 81 a2 01 00 03 80":       true,
		"a1 01 81 a3 01 00 02 00 03 80": true,
		"a1 01 80":                      true,
		"a0":                            false,
		"a1 01 81 a0":                   false,
		"a1 01 81 a1 01 00":             false,
		"a1 01 81 a1 03 80":             false,
		"a1 01 81 a2 01 00 02 00":       false,
		"a1 01 82 a2 01 00 03 80 a0":    false,
	} {
		if err := Unmarshal(unhex(t, in), &v); (err == nil) != ok || !ok && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestUnmarshalWantsAPointer(t *testing.T) {
	for _, v := range []any{nil, specimen{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("decoding into %T is our bug and must panic", v)
				}
			}()
			_ = Unmarshal([]byte{0xa0}, v)
		}()
	}
}

func fullSpecimen(t testing.TB) []byte {
	b, err := Marshal(specimen{
		Number: 1 << 40, Small: 255, Signed: -500, Flag: true, Text: "città", Bytes: counted(0, 30), Hash: &Hash{1},
		Hashes: []Hash{{2}, {3}}, Inner: &specimen{Number: 5, Inner: &specimen{Text: "x"}}, Pair: &pairItem{A: 9, B: []byte{1}},
		Table: tableItem{1: 2, 3: 4}, Fixed: &[2]uint8{1, 2}, Words: &[2]uint{300, 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUnmarshalCutAtEveryByte(t *testing.T) {
	b := fullSpecimen(t)
	for i := range b {
		var v specimen
		if err := Unmarshal(b[:i], &v); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut at %d of %d: %v", i, len(b), err)
		}
	}
}

// TestNoSecondEncoding changes every byte in every way: whatever is still
// accepted must say so by another value, or hide in nothing but unknown keys.
func TestNoSecondEncoding(t *testing.T) {
	b := fullSpecimen(t)
	var want specimen
	if err := Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for c := range 256 {
			if byte(c) == b[i] {
				continue
			}
			changed := bytes.Clone(b)
			changed[i] = byte(c)
			var got specimen
			if err := Unmarshal(changed, &got); err == nil && reflect.DeepEqual(got, want) {
				t.Fatalf("byte %d as %#x: the same value in another encoding", i, c)
			}
		}
	}
}

func TestUnmarshalAllocatesByWhatIsThere(t *testing.T) {
	claims := unhex(t, "a1 08 9a00ffffff")
	got := testing.AllocsPerRun(10, func() {
		var v specimen
		_ = Unmarshal(claims, &v)
	})
	if got > 20 {
		t.Errorf("%v allocations for an empty promise", got)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, in := range malformed {
		f.Add(unhex(f, in))
	}
	f.Add(fullSpecimen(f))
	f.Add(unhex(f, "a2 01 07 1820 82 a1 01 02 81 61 61"))
	f.Add(unhex(f, "a2 01 07 198000 01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v specimen
		err := Unmarshal(b, &v)
		if err != nil {
			if errors.Is(err, ErrMalformed) == errors.Is(err, ErrNewer) {
				t.Errorf("%x: error is neither or both: %v", b, err)
			}
			return
		}
		// What we write of what we read is canonical again, and the same value.
		again, err := Marshal(v)
		if err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		var w specimen
		if err := Unmarshal(again, &w); err != nil {
			t.Fatalf("%x: %v", again, err)
		}
		if len(again) > len(b) {
			t.Errorf("%x grows to %x", b, again)
		}
	})
}
