package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"sottovoce/mesh/goldentest"
)

// specimens holds frames of every type, least and most.
func specimens() map[string]Frame {
	most := make([]Range, RangesMax)
	for i := range most {
		most[i] = Range{Chain: 1<<32 - 1, First: 1<<31 + uint32(2*i), Last: 1<<31 + uint32(2*i)}
	}
	hash := [32]byte(counted(0x20, 32))
	all := map[string]Frame{
		"receipt of a start":    Receipt{Session: [8]byte(counted(1, 8)), Start: true},
		"receipt of ranges":     Receipt{Session: [8]byte(counted(1, 8)), Ranges: []Range{{Chain: 0, First: 0, Last: 23}, {Chain: 0, First: 25, Last: 300}, {Chain: 1, First: 0, Last: 70000}}},
		"receipt, largest":      Receipt{Session: [8]byte(counted(1, 8)), Start: true, Ranges: most},
		"refusal, disk full":    Refusal{Blob: [16]byte(counted(1, 16)), Reason: ReasonDiskFull},
		"refusal, wrong day":    Refusal{Blob: [16]byte(counted(1, 16)), Reason: ReasonWrongDay},
		"refusal, too large":    Refusal{Blob: [16]byte(counted(1, 16)), Reason: ReasonTooLarge},
		"refusal, later reason": Refusal{Blob: [16]byte(counted(1, 16)), Reason: 200},
		"typing":                Typing{Conversation: hash, Seconds: TypingMax},
		"typing no more":        Typing{Conversation: hash},
		"peers":                 onePeer(),
		"peers, most":           mostPeers(),
		"look":                  Look{Nonce: [8]byte(counted(1, 8)), Knock: true},
		"same":                  Same{Tags: [][16]byte{[16]byte(counted(1, 16)), [16]byte(counted(0x20, 16))}},
		"same, most":            Same{Tags: make([][16]byte, SameTagsMax)},
		"look, padded":          Look{Nonce: [8]byte(counted(1, 8)), Padding: make([]byte, PaddingMax)},
		"view":                  View{Nonce: [8]byte(counted(1, 8)), Heard4: 1400, Heard6: HeardMax, Address: []byte{192, 0, 2, 7}, Port: 4242, Knocked: true},
		"view of nothing":       View{Nonce: [8]byte(counted(1, 8))},
		"view by IPv6":          View{Nonce: [8]byte(counted(1, 8)), Heard6: 1, Address: counted(0x20, 16), Port: 65535},
		"sas commit":            SASCommit{Commitment: hash, Context: [32]byte(counted(0x60, 32))},
		"sas nonce":             SASNonce{Commitment: hash, Nonce: [32]byte(counted(0x60, 32))},
		"sas reveal":            SASReveal{Commitment: hash, Nonce: [32]byte(counted(0x60, 32))},
		"sas stop":              SASStop{Commitment: hash, Reason: SASDiffers},
		"sas stop, later":       SASStop{Commitment: hash, Reason: 200},
		"ask":                   Ask{Name: "Zoë", Nonce: hash},
		"ask, longest name":     Ask{Name: strings.Repeat("😀", 64), Nonce: hash},
		"offer":                 Offer{Card: []byte("card"), Share: hash, Nonce: [32]byte(counted(0x60, 32))},
		"card":                  CardFrame{Card: []byte("card"), Share: hash},
		"done":                  Done{Transcript: hash},
		"declined":              Declined{},
		"declined, link used":   Declined{Reason: DeclineUsed},
	}
	maps.Copy(all, custodySpecimens())
	return all
}

func encode(t testing.TB, f Frame) []byte {
	t.Helper()
	b, err := AppendFrame(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(b []byte) (Frame, error) { return ReadFrame(bufio.NewReader(bytes.NewReader(b))) }

func TestFrameVectors(t *testing.T) {
	all := specimens()
	var vectors []vector
	for _, name := range []string{
		"receipt of a start", "receipt of ranges", "refusal, disk full", "refusal, wrong day", "refusal, too large", "peers", "look", "view", "view of nothing", "view by IPv6", "same", "ask", "offer", "card", "done", "declined", "declined, link used",
		"sas commit", "sas nonce", "sas reveal", "sas stop",
	} {
		vectors = append(vectors, vector{name, encode(t, all[name])})
	}
	checkVectors(t, "frames.txt", vectors)
	frozen := goldentest.Hex(t, "frames.txt")
	for _, v := range vectors {
		if f, err := read(frozen[v.name]); err != nil || !reflect.DeepEqual(f, all[v.name]) {
			t.Errorf("%s is read as %v, %v", v.name, f, err)
		}
	}
}

func TestFrameRoundTrip(t *testing.T) {
	for name, f := range specimens() {
		b := encode(t, f)
		got, err := read(b)
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%s: %x is read as %v, %v", name, b, got, err)
			continue
		}
		if FrameType(b[0]) != f.FrameType() {
			t.Errorf("%s begins with %#x", name, b[0])
		}
		for i := range b {
			if i > smallFrameMax && i%1021 != 0 && i < len(b)-100 {
				continue // inside a long list: some of its places will do
			}
			want := io.ErrUnexpectedEOF
			if i == 0 {
				want = io.EOF
			}
			if _, err := read(b[:i]); err != want {
				t.Errorf("%s cut at %d: %v", name, i, err)
			}
		}
		var stream []byte
		for range 3 {
			stream, _ = AppendFrame(stream, f)
		}
		r := bufio.NewReader(iotest.OneByteReader(bytes.NewReader(stream)))
		for range 3 {
			if got, err := ReadFrame(r); err != nil || !reflect.DeepEqual(got, f) {
				t.Errorf("%s in a stream: %v, %v", name, got, err)
			}
		}
		if _, err := ReadFrame(r); err != io.EOF {
			t.Errorf("%s: at the end of the stream: %v", name, err)
		}
	}
}

func TestLargestFrames(t *testing.T) {
	card := bytes.Repeat([]byte{7}, CardSizeMax)
	for _, f := range []Frame{Offer{Card: card}, CardFrame{Card: card}} {
		if got, err := read(encode(t, f)); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%T with the largest card: %v", f, err)
		}
	}
}

func TestAppendFrameRefuses(t *testing.T) {
	session := [8]byte{1}
	for name, f := range map[string]Frame{
		"receipt of nothing":   Receipt{Session: session},
		"range backwards":      Receipt{Session: session, Ranges: []Range{{First: 2, Last: 1}}},
		"ranges out of order":  Receipt{Session: session, Ranges: []Range{{First: 5, Last: 6}, {First: 1, Last: 2}}},
		"ranges overlap":       Receipt{Session: session, Ranges: []Range{{First: 1, Last: 5}, {First: 5, Last: 6}}},
		"range twice":          Receipt{Session: session, Ranges: []Range{{First: 1, Last: 1}, {First: 1, Last: 1}}},
		"chains out of order":  Receipt{Session: session, Ranges: []Range{{Chain: 1}, {Chain: 0}}},
		"65 ranges":            Receipt{Session: session, Ranges: manyRanges(RangesMax + 1)},
		"refusal of no reason": Refusal{},
		"typing for too long":  Typing{Seconds: TypingMax + 1},
		"same of nothing":      Same{},
		"same of too much":     Same{Tags: make([][16]byte, SameTagsMax+1)},
		"look overstuffed":     Look{Padding: make([]byte, PaddingMax+1)},
		"view of long ago":     View{Heard4: HeardMax + 1},
		"view of long ago, 6":  View{Heard6: HeardMax + 1},
		"view from nowhere":    View{Port: 1},
		"view from no port":    View{Address: make([]byte, 4)},
		"view of no family":    View{Address: make([]byte, 5), Port: 1},
		"stop of no reason":    SASStop{},
		"ask without a name":   Ask{},
		"ask of 257 bytes":     Ask{Name: strings.Repeat("x", 257)},
		"ask not UTF-8":        Ask{Name: "\xff"},
		"offer of no card":     Offer{},
		"offer too large":      Offer{Card: make([]byte, CardSizeMax+1)},
		"card of no card":      CardFrame{},
		"card too large":       CardFrame{Card: make([]byte, CardSizeMax+1)},
		"unknown":              Unknown{Type: 0x7f},
	} {
		before := []byte{1, 2, 3}
		if b, err := AppendFrame(before, f); err == nil || !bytes.Equal(b, before) {
			t.Errorf("%s is encoded as %x, %v", name, b, err)
		}
	}
}

func manyRanges(n int) []Range {
	ranges := make([]Range, n)
	for i := range ranges {
		ranges[i] = Range{Chain: uint32(i)}
	}
	return ranges
}

// framed puts a type and the length before a body.
func framed(t FrameType, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{byte(t)}, uint64(len(body))), body...)
}

func TestReadFrameRefuses(t *testing.T) {
	long := make([]byte, FrameSizeMax+1)
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"type 0":                     {framed(0, []byte{0xa0}), ErrMalformed},
		"critical type":              {framed(0x80, []byte{0xa0}), ErrNewer},
		"last type":                  {framed(0xff, nil), ErrNewer},
		"receipt too long":           {framed(FrameReceipt, long[:4097]), ErrMalformed},
		"refusal too long":           {framed(FrameRefusal, long[:1025]), ErrMalformed},
		"typing too long":            {framed(FrameTyping, long[:1025]), ErrMalformed},
		"typing nowhere":             {framed(FrameTyping, unhex(t, "a1 02 05")), ErrMalformed},
		"typing for 31 seconds":      {framed(FrameTyping, append(append(unhex(t, "a2 01 5820"), make([]byte, 32)...), 2, 0x18, 31)), ErrMalformed},
		"typing for 256 seconds":     {framed(FrameTyping, append(append(unhex(t, "a2 01 5820"), make([]byte, 32)...), 2, 0x19, 1, 0)), ErrMalformed},
		"look too long":              {framed(FrameLook, long[:2049]), ErrMalformed},
		"look without a nonce":       {framed(FrameLook, unhex(t, "a1 03 f5")), ErrMalformed},
		"view too long":              {framed(FrameView, long[:1025]), ErrMalformed},
		"view of 600.001 s ago":      {framed(FrameView, unhex(t, "a2 01 48 0102030405060708 02 1a 000927c1")), ErrMalformed},
		"view of three bytes":        {framed(FrameView, unhex(t, "a3 01 48 0102030405060708 04 43 010203 05 01")), ErrMalformed},
		"commit too long":            {framed(FrameSASCommit, long[:1025]), ErrMalformed},
		"commit to nothing":          {framed(FrameSASCommit, append(unhex(t, "a1 02 5820"), make([]byte, 32)...)), ErrMalformed},
		"nonce of nothing":           {framed(FrameSASNonce, append(unhex(t, "a1 01 5820"), make([]byte, 32)...)), ErrMalformed},
		"nonce of 31 bytes":          {framed(FrameSASReveal, append(append(unhex(t, "a2 01 5820"), make([]byte, 32)...), append(unhex(t, "02 581f"), make([]byte, 31)...)...)), ErrMalformed},
		"stop for reason 0":          {framed(FrameSASStop, append(append(unhex(t, "a2 01 5820"), make([]byte, 32)...), 2, 0)), ErrMalformed},
		"ask too long":               {framed(FrameAsk, long[:1025]), ErrMalformed},
		"offer too long":             {framed(FrameOffer, long), ErrMalformed},
		"card too long":              {framed(FrameCard, long), ErrMalformed},
		"done too long":              {framed(FrameDone, long[:1025]), ErrMalformed},
		"declined too long":          {framed(FrameDeclined, long[:1025]), ErrMalformed},
		"unknown too long":           {framed(0x7f, long), ErrMalformed},
		"length refused before read": {[]byte{byte(FrameReceipt), 0x81, 0x20}, ErrMalformed},
		"length in a longer form":    {[]byte{byte(FrameDeclined), 0x81, 0x00, 0xa0}, ErrMalformed},
		"length of 65 bits":          {append([]byte{1}, bytes.Repeat([]byte{0xff}, 10)...), ErrMalformed},
		"empty body":                 {framed(FrameDeclined, nil), ErrMalformed},
		"body not a map":             {framed(FrameDeclined, []byte{0x80}), ErrMalformed},
		"two maps":                   {framed(FrameDeclined, []byte{0xa0, 0xa0}), ErrMalformed},
		"critical key":               {framed(FrameDeclined, unhex(t, "a1 198000 01")), ErrNewer},
		"no session":                 {framed(FrameReceipt, unhex(t, "a1 02 f5")), ErrMalformed},
		"no nonce":                   {framed(FrameAsk, unhex(t, "a1 01 61 61")), ErrMalformed},
		"no transcript":              {framed(FrameDone, unhex(t, "a0")), ErrMalformed},
		"session too short":          {framed(FrameReceipt, unhex(t, "a2 01 47 01020304050607 02 f5")), ErrMalformed},
		"receipt of nothing":         {framed(FrameReceipt, unhex(t, "a1 01 48 0102030405060708")), ErrMalformed},
		"range of two numbers":       {framed(FrameReceipt, unhex(t, "a2 01 48 0102030405060708 03 81 82 01 01")), ErrMalformed},
		"range backwards":            {framed(FrameReceipt, unhex(t, "a2 01 48 0102030405060708 03 81 83 01 02 01")), ErrMalformed},
		"number of 33 bits":          {framed(FrameReceipt, unhex(t, "a2 01 48 0102030405060708 03 81 83 01 02 1b0000000100000000")), ErrMalformed},
		"refusal without a reason":   {framed(FrameRefusal, unhex(t, "a1 01 50 00000000000000000000000000000000")), ErrMalformed},
		"refusal for reason 0":       {framed(FrameRefusal, unhex(t, "a2 01 50 00000000000000000000000000000000 02 00")), ErrMalformed},
		"empty name":                 {framed(FrameAsk, append(unhex(t, "a2 01 60 02 5820"), make([]byte, 32)...)), ErrMalformed},
		"name not UTF-8":             {framed(FrameAsk, append(unhex(t, "a2 01 61 ff 02 5820"), make([]byte, 32)...)), ErrMalformed},
		"empty card":                 {framed(FrameCard, append(unhex(t, "a2 01 40 02 5820"), make([]byte, 32)...)), ErrMalformed},
	} {
		if f, err := read(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

func TestReadFrameSkipsLaterTypesAndKeys(t *testing.T) {
	r := bufio.NewReader(bytes.NewReader(append(
		append(framed(0x7f, bytes.Repeat([]byte{0xff}, FrameSizeMax)), framed(0x1f, nil)...),
		framed(FrameDeclined, unhex(t, "a1 1820 01"))...)))
	for _, want := range []Frame{Unknown{0x7f}, Unknown{0x1f}, Declined{}} {
		if got, err := ReadFrame(r); err != nil || got != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
}

func TestFramesWithSecretsDoNotPrint(t *testing.T) {
	secret := bytes.Repeat([]byte("S"), 32)
	for _, f := range []Frame{
		Offer{Card: secret, Share: [32]byte(secret)},
		CardFrame{Card: secret, Share: [32]byte(secret)},
		Deposit{Blobs: 1, Tokens: secret},
		Delete{Tombstones: Tombstones{}.Add([16]byte(secret), 3), Tokens: secret},
		Grant{Papers: secret, PSK: [32]byte(secret), Next: [32]byte(secret)},
		Join{Proof: secret},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			checkNoSecret(t, fmt.Sprintf(verb, f))
			checkNoSecret(t, fmt.Sprintf(verb, []Frame{f}))
		}
		b, err := json.Marshal(f)
		if err != nil {
			t.Error(err)
		}
		checkNoSecret(t, string(b))
	}
}

func checkNoSecret(t *testing.T, printed string) {
	t.Helper()
	for _, trace := range []string{"SSS", "535353", "83 83", "83,83", "U1NT", "0x53"} {
		if strings.Contains(printed, trace) {
			t.Errorf("prints %s", printed)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	for _, s := range specimens() {
		f.Add(encode(f, s))
	}
	f.Add(framed(0x7f, []byte{1}))
	f.Add(framed(0x80, []byte{1}))
	f.Add(framed(FrameReceipt, unhex(f, "a2 01 48 0102030405060708 03 81 83 01 02 01")))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := read(b)
		if err != nil {
			return
		}
		if _, skipped := got.(Unknown); skipped {
			return
		}
		again, err := AppendFrame(nil, got)
		if err != nil {
			t.Fatalf("%x is read and cannot be written: %v", b, err)
		}
		twice, err := read(again)
		if err != nil || !bytes.Equal(encode(t, twice), again) {
			t.Errorf("%x becomes %x", b, again)
		}
	})
}
