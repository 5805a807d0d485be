package community

import (
	"errors"
	"strings"
	"testing"

	"sottovoce/mesh/linktext"
	"sottovoce/mesh/wire"
)

func TestLinksOnTheirWay(t *testing.T) {
	w := newWorld(t, 40)
	h := w.found()
	link, err := h.Invite(3, w.now, w.now, w.rand)
	w.must(err)
	text := link.Text()
	if len(text) > 279 { // alphanumeric characters in a QR code of version 8
		t.Errorf("a link of %d characters", len(text))
	}
	for name, on := range map[string]string{
		"as it is": text, "in a QR code": strings.ToUpper(text), "in two lines": text[:40] + "\r\n  " + text[40:],
		"with soft marks": "\ufeff" + text[:30] + "\u200b" + text[30:],
	} {
		got, err := ParseLink(on)
		if err != nil || got.Text() != text || !IsLink(on) || got.Invite() != link.Invite() || got.Seat {
			t.Errorf("%s: %v", name, err)
		}
	}
	seat, err := h.InviteSupernode(w.root, w.now, w.now, w.rand)
	w.must(err)
	if got, err := ParseLink(seat.Text()); err != nil || !got.Seat || got.Community() != h.Community() {
		t.Errorf("a link for a supernode: %v", err)
	}
}

func TestSpoiledLinks(t *testing.T) {
	w := newWorld(t, 41)
	link, err := w.found().Invite(1, w.now, w.now, w.rand)
	w.must(err)
	text := link.Text()
	for n := range len(text) {
		if _, err := ParseLink(text[:n]); !errors.Is(err, ErrLink) {
			t.Errorf("cut at %d: %v", n, err)
		}
		other := []byte(text)
		other[n] = map[bool]byte{true: 'b', false: 'a'}[other[n] == 'a']
		if _, err := ParseLink(string(other)); !errors.Is(err, ErrLink) {
			t.Errorf("another letter at %d: %v", n, err)
		}
	}
	write := func(version byte, body any) string {
		return linktext.Form{Version: version, Label: labelLink}.Text(body)
	}
	body := func(key int, value any) map[int]any {
		all := map[int]any{1: link.Root[:], 2: link.Secret[:], 3: link.Until, 4: link.Stops}
		all[key] = value
		return all
	}
	if l, err := ParseLink(write(2, body(9, "later"))); err != nil || l.Text() != text {
		t.Errorf("with a later key: %v", err)
	}
	for name, text := range map[string]string{"critical key": write(2, body(0x8000, 1)), "later version": write(3, body(4, link.Stops))} {
		if _, err := ParseLink(text); !errors.Is(err, wire.ErrNewer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := link.Stops[0]
	bad.Addresses = []string{"nowhere"}
	for name, text := range map[string]string{
		"nothing": "", "a contact link": write(1, body(4, link.Stops)), "no supernode": write(2, body(4, []Stop{})),
		"five supernodes": write(2, body(4, []Stop{bad, bad, bad, bad, bad})), "an address that is none": write(2, body(4, []Stop{bad})),
		"too long": linktext.Scheme + strings.Repeat("a", 4<<10), "larger than any": linktext.Scheme + strings.Repeat("a", 2*linkMax),
	} {
		if _, err := ParseLink(text); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if IsLink(write(1, body(4, link.Stops))) || IsLink("sottovoce:") || IsLink("Anna") {
		t.Error("something else is taken for a join link")
	}
}
