package wire

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// How a body is encoded; the first byte of a compressed body. The byte names the
// dictionary too, so another dictionary is another codec.
//
// spec: 00-encoding#compression
const (
	codecRaw   = 0
	codecZstd1 = 1 // zstd with dictionary 1
)

const (
	// dictionaryID stands in every frame we write, as zstd wants it.
	dictionaryID = 0x53563101
	// compressMin is the size in bytes below which zstd cannot win: its frame
	// has 16 bytes of head.
	compressMin = 24
	// windowSize is the reach of back references in bytes, beyond what fits into
	// the largest blob of text; a small window keeps idle memory small.
	windowSize = 128 << 10
)

// dictionary is wire format, frozen with the first version.
//
//go:embed dictionary1.zdict
var dictionary []byte

// The fastest level is also the smallest on short texts, and takes 0.9 MB where
// the default takes 2.9 and the best 70.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderDict(dictionary), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(windowSize), zstd.WithEncoderCRC(false),
		zstd.WithSingleSegment(true), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(fmt.Sprintf("wire: zstd encoder: %v", err))
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderDicts(dictionary), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(objectSizeMax))
	if err != nil {
		panic(fmt.Sprintf("wire: zstd decoder: %v", err))
	}
	return d
})

// Compress appends the compressed form of src, at most 1 MiB, to dst: codec ‖
// uvarint size ‖ bytes, in whichever codec is smaller. Never give it texts of
// two authors at once: the size of the result would tell one about the other.
// It is safe for concurrent use.
//
// spec: 00-encoding#compression
func Compress(dst, src []byte) []byte {
	if len(src) >= compressMin && len(src) <= objectSizeMax {
		packed := encoder().EncodeAll(src, nil)
		if len(packed) < len(src) {
			dst = append(dst, codecZstd1)
			dst = binary.AppendUvarint(dst, uint64(len(src)))
			return append(dst, packed...)
		}
	}
	return AppendRaw(dst, src)
}

// AppendRaw appends src in the form that Decompress takes, without compressing it: for
// what will be padded to more than its size anyway.
//
// spec: 00-encoding#compression
func AppendRaw(dst, src []byte) []byte {
	dst = append(dst, codecRaw)
	dst = binary.AppendUvarint(dst, uint64(len(src)))
	return append(dst, src...)
}

// Decompress returns what Compress was given, at most limit bytes. Before it
// allocates it knows the size from three places that must agree: the body's own,
// zstd's frame header, and limit. It refuses more than one frame, another
// dictionary and bytes after the end. It is safe for concurrent use.
//
// spec: 00-encoding#compression
func Decompress(src []byte, limit int) ([]byte, error) {
	if len(src) == 0 {
		return nil, fmt.Errorf("%w: compressed body is empty", ErrMalformed)
	}
	codec, rest := src[0], src[1:]
	if codec > codecZstd1 {
		return nil, fmt.Errorf("%w: codec %d", ErrNewer, codec)
	}
	size, n := uvarint(rest)
	if n == 0 {
		return nil, fmt.Errorf("%w: size of a compressed body", ErrMalformed)
	}
	rest = rest[n:]
	if size > uint64(max(min(limit, objectSizeMax), 0)) {
		return nil, fmt.Errorf("%w: body of %d bytes, the limit is %d", ErrMalformed, size, limit)
	}
	if codec == codecRaw {
		if uint64(len(rest)) != size {
			return nil, fmt.Errorf("%w: body of %d bytes says that it has %d", ErrMalformed, len(rest), size)
		}
		return append(make([]byte, 0, len(rest)), rest...), nil
	}
	if err := checkZstd(rest, size); err != nil {
		return nil, err
	}
	out, err := decoder().DecodeAll(rest, nil)
	if err != nil || uint64(len(out)) != size {
		return nil, fmt.Errorf("%w: compressed body: %d of %d bytes: %v", ErrMalformed, len(out), size, err)
	}
	return out, nil
}

// checkZstd checks that b is exactly one zstd frame (RFC 8878 §3.1.1) with our
// dictionary and the given size of content.
func checkZstd(b []byte, size uint64) error {
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return fmt.Errorf("%w: compressed body: %v", ErrMalformed, err)
	}
	switch {
	case h.Skippable, h.DictionaryID != dictionaryID, h.HasCheckSum, !h.SingleSegment:
		return fmt.Errorf("%w: compressed body: another form of zstd frame", ErrMalformed)
	case !h.HasFCS || h.FrameContentSize != size:
		return fmt.Errorf("%w: compressed body says that it has %d bytes and %d", ErrMalformed, size, h.FrameContentSize)
	}
	const (
		blockHead   = 3
		blockRLE    = 1
		rleBodySize = 1
	)
	for b = b[h.HeaderSize:]; len(b) >= blockHead; {
		head := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		body := int(head >> 3)
		if head>>1&3 == blockRLE {
			body = rleBodySize
		}
		if len(b)-blockHead < body {
			break
		}
		b = b[blockHead+body:]
		if last := head&1 == 1; last && len(b) == 0 {
			return nil
		} else if last {
			return fmt.Errorf("%w: %d bytes after a compressed body", ErrMalformed, len(b))
		}
	}
	return fmt.Errorf("%w: compressed body cut short", ErrMalformed)
}

// uvarint reads a uvarint in its shortest form; n is 0 if there is none.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
