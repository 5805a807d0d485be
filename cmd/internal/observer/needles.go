package observer

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// forms are the ways in which something may stand in a packet, in lower case: as it is, in
// UTF-16, in hexadecimal digits, and in base32 and base64 as far as what stands before and
// behind it does not colour it.
func forms(secret string) []string {
	out := []string{lower(secret), hex.EncodeToString([]byte(secret))}
	var wide strings.Builder
	for _, b := range []byte(lower(secret)) {
		wide.Write([]byte{b, 0})
	}
	out = append(out, wide.String())
	for phase := range 5 {
		padded := append(make([]byte, phase), secret...)
		out = append(out, clean(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(padded), (phase*8+4)/5, len(padded)*8/5))
		if phase < 3 {
			out = append(out, clean(base64.RawURLEncoding.EncodeToString(padded), (phase*8+5)/6, len(padded)*8/6))
		}
	}
	return out
}

// clean is the part of an encoding that is the same whatever stands around it.
func clean(encoded string, from, to int) string { return lower(encoded[from:to]) }

// lower changes ASCII letters only: what is no text stays as it is.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Holds finds the first packet that holds one of some secrets in any form; -1: none does.
func Holds(packets []Packet, secrets []string) int {
	var all []string
	for _, secret := range secrets {
		all = append(all, forms(secret)...)
	}
	return slices.IndexFunc(packets, func(p Packet) bool {
		payload := lower(string(p.Payload))
		return slices.ContainsFunc(all, func(form string) bool { return strings.Contains(payload, form) })
	})
}

// needles finds any of many secrets, in any form, in much at once.
type needles struct {
	by    map[[8]byte][]string // the forms, by how they begin
	first [1 << 16]bool        // the first two bytes that there are
	of    map[string]string    // form to secret
}

// newNeedles makes ready to look for secrets, each of 8 bytes or more.
func newNeedles(secrets []string) *needles {
	n := &needles{by: make(map[[8]byte][]string), of: make(map[string]string)}
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			if len(form) < 8 {
				panic("a needle is too short to be looked for: " + form)
			}
			begins := [8]byte([]byte(form))
			n.by[begins] = append(n.by[begins], form)
			n.first[int(form[0])<<8|int(form[1])] = true
			n.of[form] = secret
		}
	}
	return n
}

// in returns one of the secrets that something holds.
func (n *needles) in(hay []byte) (secret string, found bool) {
	text := lower(string(hay))
	for i := 0; i+8 <= len(text); i++ {
		if !n.first[int(text[i])<<8|int(text[i+1])] {
			continue
		}
		for _, form := range n.by[[8]byte([]byte(text[i:i+8]))] {
			if strings.HasPrefix(text[i:], form) {
				return n.of[form], true
			}
		}
	}
	return "", false
}
