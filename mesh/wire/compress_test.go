package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"sottovoce/mesh/goldentest"
)

const chat = "Ciao, ci vediamo alle nove in biblioteca? I'll be there in ten minutes, see you tomorrow. Wir treffen uns am Bahnhof."

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func TestCompressRoundTrip(t *testing.T) {
	for name, src := range map[string][]byte{
		"nothing":        {},
		"a byte":         {7},
		"ok":             []byte("ok"),
		"chat":           []byte(chat),
		"op":             skeleton(rand.NewChaCha8([32]byte{9}), chat),
		"noise":          noise(5000),
		"longest text":   []byte(strings.Repeat(chat, 600)[:60_000]),
		"zeros":          make([]byte, objectSizeMax),
		"longest noise":  noise(objectSizeMax),
		"just beyond it": noise(windowSize + 1),
	} {
		packed := Compress([]byte{0xaa}, src)
		if packed[0] != 0xaa {
			t.Fatalf("%s: overwrites what was there", name)
		}
		packed = packed[1:]
		if len(packed) > len(src)+4 {
			t.Errorf("%s: %d bytes become %d", name, len(src), len(packed))
		}
		got, err := Decompress(packed, len(src))
		if err != nil || !bytes.Equal(got, src) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if len(src) == 0 {
			continue
		}
		if _, err := Decompress(packed, len(src)-1); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: one byte beyond the limit: %v", name, err)
		}
	}
}

func TestCompressChoosesTheSmaller(t *testing.T) {
	if got := Compress(nil, []byte(chat)); got[0] != codecZstd1 || len(got) >= len(chat)*3/4 {
		t.Errorf("chat of %d bytes becomes %d with codec %d", len(chat), len(got), got[0])
	}
	if got := Compress(nil, noise(300)); got[0] != codecRaw || len(got) != 303 {
		t.Errorf("noise of 300 bytes becomes %d with codec %d", len(got), got[0])
	}
}

// TestCompressVectors freezes what must be readable for ever; another version of
// the library may write other bytes.
func TestCompressVectors(t *testing.T) {
	if goldentest.Update() {
		checkVectors(t, "compressed.txt", []vector{
			{"raw", Compress(nil, []byte("ok"))},
			{"chat", Compress(nil, []byte(chat))},
			{"chat 500 times", Compress(nil, []byte(strings.Repeat(chat, 500)))},
		})
	}
	frozen := goldentest.Hex(t, "compressed.txt")
	for name, want := range map[string]string{"raw": "ok", "chat": chat, "chat 500 times": strings.Repeat(chat, 500)} {
		if got, err := Decompress(frozen[name], objectSizeMax); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// frame compresses src by an encoder with other options than ours.
func zstdFrame(t testing.TB, src []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(src, nil)
}

func packedAs(codec byte, size int, b []byte) []byte {
	return append(binary.AppendUvarint([]byte{codec}, uint64(size)), b...)
}

func TestDecompressRefuses(t *testing.T) {
	src := []byte(strings.Repeat(chat, 3))
	ours := Compress(nil, src)
	frame := ours[3:]
	good := []zstd.EOption{zstd.WithEncoderDict(dictionary), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false)}
	if _, err := Decompress(packedAs(codecZstd1, len(src), zstdFrame(t, src, good...)), 1<<20); err != nil {
		t.Fatalf("another encoder's frame: %v", err)
	}
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0}, "junk"...)
	otherDict := bytes.Clone(frame)
	otherDict[5]++
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"nothing":                {nil, ErrMalformed},
		"codec only":             {[]byte{codecRaw}, ErrMalformed},
		"codec 2":                {packedAs(2, 1, []byte{1}), ErrNewer},
		"codec 255":              {[]byte{255}, ErrNewer},
		"raw too short":          {packedAs(codecRaw, 3, []byte("ab")), ErrMalformed},
		"raw too long":           {packedAs(codecRaw, 1, []byte("ab")), ErrMalformed},
		"raw beyond the limit":   {packedAs(codecRaw, 1<<20+1, make([]byte, 1<<20+1)), ErrMalformed},
		"long form of the size":  {[]byte{codecRaw, 0x82, 0x00, 'o', 'k'}, ErrMalformed},
		"size without an end":    {append([]byte{codecRaw}, bytes.Repeat([]byte{0x80}, 12)...), ErrMalformed},
		"no frame":               {packedAs(codecZstd1, 5, nil), ErrMalformed},
		"size too small":         {packedAs(codecZstd1, len(src)-1, frame), ErrMalformed},
		"size too large":         {packedAs(codecZstd1, len(src)+1, frame), ErrMalformed},
		"trailing byte":          {append(bytes.Clone(ours), 0), ErrMalformed},
		"second frame":           {append(bytes.Clone(ours), frame...), ErrMalformed},
		"skippable frame after":  {append(bytes.Clone(ours), skippable...), ErrMalformed},
		"skippable frame before": {packedAs(codecZstd1, len(src), append(bytes.Clone(skippable), frame...)), ErrMalformed},
		"skippable frame only":   {packedAs(codecZstd1, 4, skippable), ErrMalformed},
		"another dictionary":     {packedAs(codecZstd1, len(src), otherDict), ErrMalformed},
		"no dictionary":          {packedAs(codecZstd1, len(src), zstdFrame(t, src, good[1:]...)), ErrMalformed},
		"checksum":               {packedAs(codecZstd1, len(src), zstdFrame(t, src, zstd.WithEncoderDict(dictionary), zstd.WithSingleSegment(true))), ErrMalformed},
		"no single segment":      {packedAs(codecZstd1, len(src), zstdFrame(t, src, zstd.WithEncoderDict(dictionary), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(false))), ErrMalformed},
		"not zstd":               {packedAs(codecZstd1, 20, noise(40)), ErrMalformed},
	} {
		if got, err := Decompress(c.in, 1<<20); !errors.Is(err, c.want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for i := range ours {
		if _, err := Decompress(ours[:i], 1<<20); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// TestDecompressIsNoBomb: a frame that says that it is small and unpacks to much
// is stopped by what it said.
func TestDecompressIsNoBomb(t *testing.T) {
	bomb := Compress(nil, make([]byte, objectSizeMax))
	if len(bomb) > 1000 {
		t.Fatalf("a mebibyte of zeros takes %d bytes", len(bomb))
	}
	if _, err := Decompress(bomb, 60_000); !errors.Is(err, ErrMalformed) {
		t.Errorf("beyond the limit: %v", err)
	}
	// Single segment, content size in four bytes: make both sizes lie alike.
	_, n := binary.Uvarint(bomb[1:])
	frame := bytes.Clone(bomb[1+n:])
	var h zstd.Header
	if err := h.Decode(frame); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(frame[h.HeaderSize-4:], 1000)
	lie := packedAs(codecZstd1, 1000, frame)
	used := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if out, err := Decompress(lie, 60_000); err == nil {
				b.Errorf("a lie unpacks to %d bytes", len(out))
			}
		}
	}).AllocedBytesPerOp()
	if used > 400<<10 {
		t.Errorf("a lie costs %d bytes", used)
	}
}

func TestCompressIsSafeForConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			src := []byte(strings.Repeat(chat, i+1))
			for range 50 {
				got, err := Decompress(Compress(nil, src), len(src))
				if err != nil || !bytes.Equal(got, src) {
					t.Errorf("%d bytes become %d: %v", len(src), len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzDecompress(f *testing.F) {
	f.Add(Compress(nil, []byte(chat)), 1000)
	f.Add(Compress(nil, make([]byte, 5000)), 5000)
	f.Add(Compress(nil, noise(50)), 50)
	f.Add([]byte{codecZstd1, 10, 0x28, 0xb5, 0x2f, 0xfd}, 100)
	f.Add([]byte{}, -1)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		out, err := Decompress(b, limit)
		if err != nil {
			if errors.Is(err, ErrMalformed) == errors.Is(err, ErrNewer) {
				t.Errorf("error is neither or both: %v", err)
			}
			return
		}
		if len(out) > max(limit, 0) || len(out) > objectSizeMax {
			t.Errorf("%d bytes, the limit is %d", len(out), limit)
		}
		if again, err := Decompress(Compress(nil, out), len(out)); err != nil || !bytes.Equal(again, out) {
			t.Errorf("%d bytes become %d, %v", len(out), len(again), err)
		}
	})
}

func BenchmarkCompressChat(b *testing.B) {
	src := skeleton(rand.NewChaCha8([32]byte{9}), chat)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Decompress(Compress(nil, src), len(src))
	}
}
