package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func blobOf(c Class, size int, fill byte) []byte {
	blob := Header{Class: c, ExpiryDay: 20833, Tag: [16]byte{fill}}.Append(nil)
	return append(blob, bytes.Repeat([]byte{fill}, size-HeaderSize)...)
}

func TestBlobStreamRoundTrip(t *testing.T) {
	blobs := [][]byte{
		blobOf(Class0, 4096, 1), blobOf(Class1, 16384, 2), blobOf(Class2, 65536, 3),
		blobOf(Class3, 4096, 4), blobOf(Class3, 135168, 5), blobOf(Class3, 1<<20, 6),
	}
	var stream []byte
	for _, b := range blobs {
		stream = AppendBlob(stream, b)
	}
	for name, src := range map[string]io.Reader{
		"whole":  bytes.NewReader(stream),
		"pieces": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		r := bufio.NewReader(src)
		for i, want := range blobs {
			got, err := ReadBlob(r, BlobSizeMax)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: blob %d: %d bytes, %v", name, i, len(got), err)
			}
		}
		if _, err := ReadBlob(r, BlobSizeMax); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
}

func TestReadBlobRefuses(t *testing.T) {
	good := AppendBlob(nil, blobOf(Class0, 4096, 1))
	sized := func(n uint64, blob []byte) []byte { return append(binary.AppendUvarint(nil, n), blob...) }
	for name, c := range map[string]struct {
		in    []byte
		limit int
		want  error
	}{
		"size 0":                  {sized(0, nil), BlobSizeMax, ErrMalformed},
		"header only":             {sized(40, good[2:42]), BlobSizeMax, ErrMalformed},
		"below a header":          {sized(39, good[2:41]), BlobSizeMax, ErrMalformed},
		"no class has the size":   {sized(4095, good[2:4097]), BlobSizeMax, ErrMalformed},
		"size of another class":   {AppendBlob(nil, blobOf(Class0, 16384, 1)), BlobSizeMax, ErrMalformed},
		"above the limit":         {good, 4095, ErrMalformed},
		"above every limit":       {sized(1<<62, nil), 1 << 30, ErrMalformed},
		"above the largest class": {sized(1<<20+1, nil), 1 << 30, ErrMalformed},
		"long form of the size":   {append([]byte{0x80, 0xa0, 0x00}, good[2:]...), BlobSizeMax, ErrMalformed},
		"size of 65 bits":         {bytes.Repeat([]byte{0xff}, 11), BlobSizeMax, ErrMalformed},
		"size without an end":     {bytes.Repeat([]byte{0x80}, 20), BlobSizeMax, ErrMalformed},
		"later version":           {sized(4096, append([]byte{2}, good[3:]...)), BlobSizeMax, ErrNewer},
		"reserved bytes":          {sized(4096, append(append(bytes.Clone(good[2:38]), 1, 0, 0, 0), good[42:]...)), BlobSizeMax, ErrMalformed},
	} {
		if _, err := ReadBlob(bufio.NewReader(bytes.NewReader(c.in)), c.limit); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for i := 1; i < len(good); i++ {
		if _, err := ReadBlob(bufio.NewReader(bytes.NewReader(good[:i])), BlobSizeMax); err != io.ErrUnexpectedEOF {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestReadBlobPassesReadErrorsOn(t *testing.T) {
	broken := errors.New("broken link")
	good := AppendBlob(nil, blobOf(Class0, 4096, 1))
	for _, n := range []int{0, 1, 2, 100} {
		src := io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken))
		if _, err := ReadBlob(bufio.NewReader(src), BlobSizeMax); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// TestReadBlobTrustsNoPromise: a promised mebibyte that does not come costs one
// chunk.
func TestReadBlobTrustsNoPromise(t *testing.T) {
	promise := binary.AppendUvarint(nil, 1<<20)
	perRun := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = ReadBlob(bufio.NewReader(bytes.NewReader(promise)), BlobSizeMax)
		}
	}).AllocedBytesPerOp()
	if perRun > 200<<10 {
		t.Errorf("an empty promise costs %d bytes", perRun)
	}
}

func FuzzReadBlob(f *testing.F) {
	f.Add(AppendBlob(nil, blobOf(Class0, 4096, 1)), 4096)
	f.Add(AppendBlob(nil, blobOf(Class3, 4352, 1)), BlobSizeMax)
	f.Add([]byte{0x80, 0x20, 1, 0}, BlobSizeMax)
	f.Add([]byte{}, 0)
	f.Add([]byte{0x80, 0x80, 0x00}, -1)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		src := bytes.NewReader(b)
		r := bufio.NewReader(src)
		blob, err := ReadBlob(r, limit)
		if err != nil {
			return
		}
		if len(blob) > limit || len(blob) > len(b) {
			t.Errorf("%d bytes of %d, the limit is %d", len(blob), len(b), limit)
		}
		used := len(b) - src.Len() - r.Buffered()
		if again := AppendBlob(nil, blob); !bytes.Equal(again, b[:used]) {
			t.Error("the same blob in another encoding")
		}
	})
}
