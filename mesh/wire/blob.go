package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// AppendBlob appends blob to b as it goes onto a blob stream: its length as a
// uvarint, then its bytes.
//
// spec: 00-encoding#blob-streams
func AppendBlob(b, blob []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(blob))), blob...)
}

// ReadBlob reads the next blob of a blob stream, of at most limit bytes: header
// and size are checked, the seal is not. It returns io.EOF at the end between two
// blobs, io.ErrUnexpectedEOF inside one.
//
// spec: 00-encoding#blob-streams
func ReadBlob(r *bufio.Reader, limit int) ([]byte, error) {
	n, err := readUvarint(r)
	if err != nil {
		return nil, err
	}
	if n < HeaderSize || n > uint64(max(min(limit, BlobSizeMax), 0)) {
		return nil, fmt.Errorf("%w: blob of %d bytes, the limit is %d", ErrMalformed, n, limit)
	}
	blob, err := readBody(r, int(n))
	if err != nil {
		return nil, err
	}
	if _, err := ParseBlob(blob); err != nil {
		return nil, err
	}
	return blob, nil
}

// readUvarint reads a uvarint in its shortest form. io.EOF means that there was
// no first byte.
func readUvarint(r io.ByteReader) (uint64, error) {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		c, err := r.ReadByte()
		switch {
		case err == io.EOF && shift > 0:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case c == 0 && shift > 0, shift == 63 && c > 1:
			return 0, fmt.Errorf("%w: length is not in its shortest form", ErrMalformed)
		}
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: length of more than 64 bits", ErrMalformed)
}

// readBody reads n bytes, which the caller has bounded; memory grows with what
// arrives, not with what was promised.
func readBody(r io.Reader, n int) ([]byte, error) {
	const chunk = 64 << 10
	body := make([]byte, 0, min(n, chunk))
	for len(body) < n {
		have := len(body)
		body = append(body, make([]byte, min(n-have, chunk))...)
		if _, err := io.ReadFull(r, body[have:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return body, nil
}
