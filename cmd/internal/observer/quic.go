package observer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/quic-go/quic-go/quicvarint"
)

// quicReader reads QUIC packets as far as somebody without keys can: headers, and the
// contents of Initial packets, whose keys follow from a connection id in clear (RFC 9001,
// section 5.2).
type quicReader struct {
	first map[flow][]byte // the connection id that the dialler drew first, which makes the keys
	hello map[string][]byte
}

type flow struct{ from, to netip.AddrPort }

func newQUICReader() *quicReader {
	return &quicReader{first: make(map[flow][]byte), hello: make(map[string][]byte)}
}

// fields is what a datagram says: its packets one after the other.
func (r *quicReader) fields(p Packet) (kind string, fields []Field) {
	var kinds []string
	add := func(name string, value any) { fields = append(fields, Field{"quic." + name, fmt.Sprint(value)}) }
	for b := p.Payload; len(b) > 0; {
		if b[0]&0x80 == 0 {
			kinds = append(kinds, "short")
			add("short.bits", b[0]&0xe0)
			if len(b) > 8 {
				add("short.to", fmt.Sprintf("%x", b[1:9]))
			}
			break
		}
		l, ok := longHeader(b)
		if !ok {
			kinds = append(kinds, "broken")
			add("broken", fmt.Sprintf("%x", b[:min(len(b), 16)]))
			break
		}
		kinds = append(kinds, l.kind)
		add(l.kind+".version", l.version)
		add(l.kind+".to", fmt.Sprintf("%x", l.to))
		add(l.kind+".from", fmt.Sprintf("%x", l.from))
		add(l.kind+".lengths", fmt.Sprint(len(l.to), len(l.from), len(l.token)))
		add(l.kind+".token", fmt.Sprintf("%x", l.token))
		add(l.kind+".size", l.end)
		if l.kind == "initial" {
			fields = append(fields, r.initial(flow{p.From, p.To}, b[:l.end], l)...)
		}
		b = b[l.end:]
	}
	return "quic." + strings.Join(kinds, "+"), fields
}

// long is the clear part of a packet with a long header.
type long struct {
	kind            string
	version         uint32
	to, from, token []byte
	number          int // where the packet number begins
	end             int
}

func longHeader(b []byte) (l long, ok bool) {
	l.kind = []string{"initial", "zero", "handshake", "retry"}[b[0]>>4&3]
	at := 5
	take := func(n int) (piece []byte) {
		if n < 0 || at < 0 || len(b)-at < n {
			at = -1
			return nil
		}
		piece, at = b[at:at+n], at+n
		return piece
	}
	varint := func() int {
		if at < 0 {
			return -1
		}
		v, n, err := quicvarint.Parse(b[at:])
		if err != nil || v > uint64(len(b)) {
			at = -1
			return -1
		}
		at += n
		return int(v)
	}
	length := func() int {
		if one := take(1); one != nil {
			return int(one[0])
		}
		return -1
	}
	if len(b) < 7 {
		return l, false
	}
	l.version = binary.BigEndian.Uint32(b[1:])
	l.to = take(length())
	l.from = take(length())
	if l.kind == "retry" || l.version != 1 {
		l.end = len(b)
		return l, at >= 0
	}
	if l.kind == "initial" {
		l.token = take(varint())
	}
	n := varint()
	l.number, l.end = at, at+n
	return l, at >= 0 && l.end <= len(b)
}

// initial opens an Initial packet, from whichever end it is.
func (r *quicReader) initial(f flow, b []byte, l long) (fields []Field) {
	back := flow{f.to, f.from}
	for _, try := range []struct {
		who  string
		of   flow
		seed []byte
	}{{"client", f, r.first[f]}, {"server", back, r.first[back]}, {"client", f, l.to}} {
		if try.seed == nil {
			continue
		}
		number, content, err := openInitial(try.seed, try.who+" in", b, l.number)
		if err != nil {
			continue
		}
		r.first[try.of] = try.seed
		prefix := "quic.initial." + try.who + "."
		fields = append(fields, Field{prefix + "number", fmt.Sprint(number)})
		return append(fields, r.frames(prefix, fmt.Sprintf("%s %x", try.who, try.seed), content)...)
	}
	return []Field{{"quic.initial.closed", "1"}}
}

// initialSalt is that of QUIC version 1 (RFC 9001, section 5.2).
var initialSalt = []byte{
	0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a,
}

// openInitial takes the protection off a packet whose number begins at an offset.
func openInitial(seed []byte, end string, b []byte, at int) (number uint64, content []byte, err error) {
	common, err := hkdf.Extract(sha256.New, seed, initialSalt)
	if err != nil {
		return 0, nil, err
	}
	secret := expandLabel(common, end, sha256.Size)
	header, err := aes.NewCipher(expandLabel(secret, "quic hp", 16))
	if err != nil || len(b) < at+20 {
		return 0, nil, errors.New("too short")
	}
	var mask [16]byte
	header.Encrypt(mask[:], b[at+4:at+20])
	b = append([]byte(nil), b...)
	b[0] ^= mask[0] & 0x0f
	size := int(b[0]&3) + 1
	for i := range size {
		b[at+i] ^= mask[1+i]
		number = number<<8 | uint64(b[at+i])
	}
	block, err := aes.NewCipher(expandLabel(secret, "quic key", 16))
	if err != nil {
		return 0, nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return 0, nil, err
	}
	nonce := expandLabel(secret, "quic iv", 12)
	for i := range 8 {
		nonce[11-i] ^= byte(number >> (8 * i))
	}
	content, err = aead.Open(nil, nonce, b[at+size:], b[:at+size])
	return number, content, err
}

// expandLabel is HKDF-Expand-Label of TLS 1.3 with an empty context.
func expandLabel(secret []byte, label string, size int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(append(info, "tls13 "+label...), 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), size)
	if err != nil {
		panic(err) // the sizes are constants
	}
	return out
}

// frames reads the frames of an Initial packet; the hello may come in pieces and packets.
func (r *quicReader) frames(prefix, stream string, b []byte) (fields []Field) {
	var order []string
	for len(b) > 0 {
		kind, n, err := quicvarint.Parse(b)
		if err != nil {
			break
		}
		if b = b[n:]; kind == 0 {
			continue
		}
		order = append(order, fmt.Sprint(kind))
		if kind != 6 {
			fields = append(fields, Field{prefix + "frame", fmt.Sprintf("%x", b[:min(len(b), 8)])})
			after, ok := skipFrame(kind, b)
			if !ok {
				break
			}
			b = after
			continue
		}
		at, n, err := quicvarint.Parse(b)
		if err != nil {
			break
		}
		size, m, err := quicvarint.Parse(b[n:])
		if err != nil || int(size) > len(b)-n-m {
			break
		}
		r.piece(stream, int(at), b[n+m:n+m+int(size)])
		fields = append(fields, Field{prefix + "cut", fmt.Sprint(at, size)})
		b = b[n+m+int(size):]
	}
	fields = append(fields, Field{prefix + "frames", strings.Join(order, ",")})
	return append(fields, helloFields(prefix, r.hello[stream])...)
}

// skipFrame returns what follows a ping or an acknowledgement, the only frames beside
// pieces of a hello that a handshake begins with.
func skipFrame(kind uint64, b []byte) (after []byte, ok bool) {
	number := func() (v uint64) {
		v, n, err := quicvarint.Parse(b)
		if ok = err == nil; ok {
			b = b[n:]
		}
		return v
	}
	switch kind {
	case 1:
		return b, true
	case 2, 3:
		number() // the largest
		number() // its delay
		ranges := number()
		number()
		for range 2 * min(ranges, uint64(len(b))) {
			number()
		}
		if kind == 3 {
			number()
			number()
			number()
		}
		return b, ok
	}
	return nil, false
}

// piece puts a piece of a hello in its place.
func (r *quicReader) piece(stream string, at int, piece []byte) {
	const helloMax = 1 << 14
	if at+len(piece) > helloMax {
		return
	}
	whole := r.hello[stream]
	if grown := at + len(piece); grown > len(whole) {
		whole = append(whole, make([]byte, grown-len(whole))...)
	}
	copy(whole[at:], piece)
	r.hello[stream] = whole
}

// helloFields takes a ClientHello or ServerHello apart, once there is something of all of it.
func helloFields(prefix string, b []byte) (fields []Field) {
	add := func(name string, value []byte) {
		fields = append(fields, Field{prefix + "hello." + name, fmt.Sprintf("%x", value)})
	}
	if len(b) < 40 || len(b) < 4+int(b[1])<<16+int(binary.BigEndian.Uint16(b[2:])) {
		return nil
	}
	client := b[0] == 1
	add("version", b[4:6])
	add("random", b[6:38])
	b = b[38:]
	take := func(prefixed int) (piece []byte) {
		n := 0
		for i := range min(prefixed, len(b)) {
			n = n<<8 | int(b[i])
		}
		b = b[min(prefixed, len(b)):]
		n = min(n, len(b))
		piece, b = b[:n], b[n:]
		return piece
	}
	add("session", take(1))
	if client {
		add("suites", take(2))
		add("compression", take(1))
	} else if len(b) >= 3 {
		add("suite", b[:3])
		b = b[3:]
	}
	b = take(2)
	var order []string
	for len(b) >= 4 {
		kind := binary.BigEndian.Uint16(b)
		b = b[2:]
		order = append(order, fmt.Sprint(kind))
		add(fmt.Sprintf("extension.%d", kind), take(2))
	}
	return append(fields, Field{prefix + "hello.order", strings.Join(order, ",")})
}
