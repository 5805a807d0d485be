package netlab

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// needle is something that must not be found, in all the forms it might take.
type needle struct {
	what  string
	forms [][]byte
}

// textNeedle is a text in clear, in UTF-16 and in base64 at each of its three phases.
func textNeedle(what, text string) needle {
	n := needle{what: what, forms: [][]byte{[]byte(text)}}
	var wide []byte
	for _, b := range []byte(text) {
		wide = append(wide, b, 0)
	}
	n.forms = append(n.forms, wide)
	for phase := range 3 {
		coded := base64.RawURLEncoding.EncodeToString(append(make([]byte, phase), text...))
		coded = coded[[]int{0, 2, 3}[phase]:] // what the bytes before it colour
		n.forms = append(n.forms, []byte(coded[:len(coded)-2]))
	}
	return n
}

// idNeedle is an id such as acct-…, as text, as bytes and in hex.
func idNeedle(t *testing.T, what, id string) needle {
	t.Helper()
	_, letters, _ := strings.Cut(id, "-")
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(letters))
	if err != nil || len(raw) != 32 {
		t.Fatalf("%s %q is no id of 32 bytes: %v", what, id, err)
	}
	return needle{what: what, forms: [][]byte{[]byte(letters), raw, []byte(hex.EncodeToString(raw))}}
}

func (n needle) in(hay []byte) bool {
	for _, form := range n.forms {
		if bytes.Contains(hay, form) {
			return true
		}
	}
	return false
}

// TestNothingInClear records a whole acquaintance and chat, then looks for what must not be there: in the capture, in
// both homes, and in what the nodes log. Names may cross the LAN in announcements, where the open profile shows them.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	capture := lan.Capture()
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	var secret, names []needle
	secret = append(secret, textNeedle("a text", "is this thing private?"), textNeedle("a text", "it is. Lunch?"))
	for _, s := range []*someone{anna, bert} {
		me := list[personJSON](s, "me")
		if len(me) != 1 {
			t.Fatalf("me printed %d lines", len(me))
		}
		secret = append(secret, idNeedle(t, s.Name+"'s account", me[0].ID))
		names = append(names, textNeedle(s.Name+"'s name", s.called))
	}
	log := anna.node.Output() + bert.node.Output()
	anna.node.Stop()
	bert.node.Stop()

	announced := 0
	for i, frame := range capture.Frames() {
		for _, n := range secret {
			if n.in(frame.Bytes) {
				t.Errorf("frame %d holds %s", i, n.what)
			}
		}
		for _, n := range names {
			switch found := n.in(frame.Bytes); {
			case found && isMDNS(frame.Bytes):
				announced++
			case found:
				t.Errorf("frame %d holds %s outside an announcement", i, n.what)
			}
		}
		for _, s := range []*someone{anna, bert} {
			if bytes.Contains(bytes.ToLower(frame.Bytes), []byte(s.Hostname)) {
				t.Errorf("frame %d holds a host name", i)
			}
		}
	}
	if announced == 0 {
		t.Error("no name was announced: this test is blind")
	}
	for _, n := range append(secret, names...) {
		if n.in([]byte(log)) {
			t.Errorf("the log holds %s", n.what)
		}
		for _, s := range []*someone{anna, bert} {
			lookThrough(t, s.Home, n)
		}
	}
}

// lookThrough looks for a needle in all files of a home.
func lookThrough(t *testing.T, home string, n needle) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err == nil && n.in(content) {
			t.Errorf("%s holds %s", path, n.what)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("looked through %d files of %s: %v", files, home, err)
	}
}

// isMDNS tells whether an Ethernet frame is UDP to or from port 5353.
func isMDNS(frame []byte) bool {
	const ethernet, udp = 14, 17
	if len(frame) < ethernet+48 {
		return false
	}
	packet := frame[ethernet:]
	var ports []byte
	switch {
	case packet[0] == 0x45 && packet[9] == udp:
		ports = packet[20:24]
	case packet[0]>>4 == 6 && packet[6] == udp:
		ports = packet[40:44]
	default:
		return false
	}
	port := []byte{5353 >> 8, 5353 & 0xff}
	return bytes.Equal(ports[:2], port) || bytes.Equal(ports[2:], port)
}
