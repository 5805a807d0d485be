package contact

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/linktext"
	"sottovoce/mesh/wire"
)

// sample is an invite of known bytes.
func sample() Invite {
	var m Meeting
	for i := range m.Secret {
		m.Secret[i] = byte(i)
	}
	account := identity.AccountID{1, 2, 3}
	return Invite{Meeting: m, Account: m.Mark(account), Until: 20_780}
}

// TestLinkVectors holds a link and all that follows of its secret against
// testdata/link.txt, for other implementations.
func TestLinkVectors(t *testing.T) {
	i := sample()
	var text strings.Builder
	line := func(name string, v any) { fmt.Fprintf(&text, "%s=%x\n", name, v) }
	text.WriteString("# A contact link, and what is derived of its secret, hex. Written by `go test -update`; the diff is for review.\n")
	account, device := identity.AccountID{1, 2, 3}, identity.DeviceFromSeed([64]byte{32: 9})
	line("secret", i.Meeting.Secret[:])
	line("account", account[:])
	line("mark", i.Account[:])
	fmt.Fprintf(&text, "until=%d\nlink=%s\n", i.Until, i.Link())
	id, link, beacons := i.Meeting.ID(), i.Meeting.Link(), i.Meeting.Beacons()
	line("id", id[:])
	line("link_secret", link[:])
	line("beacon_secret", beacons[:])
	for _, role := range []Role{First, Second} {
		key := BeaconKey(beacons, role, 20_779)
		secret := key.Secret()
		line(fmt.Sprintf("beacon_key_%d_day_20779", role), secret[:])
	}
	giver, user, introduced := i.Meeting.Giver(), i.Meeting.User(device), i.Meeting.Introduced(account)
	agree := device.AgreeSecret()
	line("giver", giver[:])
	line("user_device_agree", agree[:])
	line("user", user[:])
	line("introduced", introduced[:])
	goldentest.File(t, "link.txt", text.String())
	for b := range byte(16) {
		if l := i.Meeting.Introduced(identity.AccountID{b}); l[31] < 0x80 {
			t.Errorf("the label %x could be a key", l)
		}
	}
}

// A link survives what happens to it between two people.
func TestLinksOnTheirWay(t *testing.T) {
	i := sample()
	link := i.Link()
	if len(link) > 114 { // alphanumeric characters in a QR code of version 4, the largest that fits 24 lines
		t.Errorf("a link of %d characters: %s", len(link), link)
	}
	for name, text := range map[string]string{
		"as it is":        link,
		"in a QR code":    strings.ToUpper(link),
		"in two lines":    link[:40] + "\r\n" + link[40:],
		"indented":        "  " + link[:20] + "\n\t  " + link[20:60] + " " + link[60:] + "\n",
		"with soft marks": "\ufeff" + link[:30] + "\u200b" + link[30:50] + "\u00ad" + link[50:],
	} {
		if got, err := ParseInvite(text); err != nil || got != i || !IsLink(text) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestSpoiledLinks(t *testing.T) {
	link := sample().Link()
	for n := range len(link) {
		if _, err := ParseInvite(link[:n]); !errors.Is(err, ErrLink) {
			t.Errorf("cut at %d: %v", n, err)
		}
		other := []byte(link)
		other[n] = map[bool]byte{true: 'b', false: 'a'}[other[n] == 'a']
		if _, err := ParseInvite(string(other)); !errors.Is(err, ErrLink) {
			t.Errorf("another letter at %d: %v", n, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "another scheme": "https://example.org", "a name": "Anna", "long": linktext.Scheme + strings.Repeat("a", 4<<10),
		"larger than any link": linktext.Scheme + strings.Repeat("a", 2*linkMax), "with a digit that there is not": link[:20] + "1" + link[21:],
	} {
		if _, err := ParseInvite(text); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// links of later versions are known for what they are, and what may be ignored is.
func TestLaterLinks(t *testing.T) {
	write := func(version byte, body any) string {
		return linktext.Form{Version: version, Label: labelLink}.Text(body)
	}
	body := func(more int, value any) map[int]any {
		i := sample()
		return map[int]any{1: i.Meeting.Secret[:], 2: i.Account[:], 3: i.Until, more: value}
	}
	if i, err := ParseInvite(write(1, body(5, []byte("something else, some day: room for 100 bytes and more")))); err != nil || i != sample() {
		t.Errorf("with something else: %v, %v", i, err)
	}
	for name, text := range map[string]string{"critical key": write(1, body(0x8000, 1)), "later version": write(2, body(4, 1))} {
		if _, err := ParseInvite(text); !errors.Is(err, wire.ErrNewer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string]any{
		"a day that never is": body(3, uint32(linkDayMax+1)), "short secret": body(1, []byte{1}), "no secret": map[int]any{2: make([]byte, 16), 3: 1}, "a list": []int{1},
	} {
		if _, err := ParseInvite(write(1, b)); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is derived differs with everything that it is derived of.
func TestMeetings(t *testing.T) {
	one, two := sample().Meeting, Meeting{Secret{7}}
	device, other := identity.DeviceFromSeed([64]byte{1}), identity.DeviceFromSeed([64]byte{40: 2})
	seen := map[string]string{}
	add := func(name string, v any) {
		got := fmt.Sprintf("%x", v)
		if was := seen[got[:12]]; was != "" {
			t.Errorf("%s and %s are the same", name, was)
		}
		seen[got[:12]] = name
	}
	for name, m := range map[string]Meeting{"one": one, "two": two} {
		id, link, beacons, giver := m.ID(), m.Link(), m.Beacons(), m.Giver()
		user, another := m.User(device), m.User(other)
		introduced, mark := m.Introduced(identity.AccountID{1}), m.Mark(identity.AccountID{1})
		notHer, notHers := m.Introduced(identity.AccountID{2}), m.Mark(identity.AccountID{2})
		for what, v := range map[string][]byte{
			"id": id[:], "link": link[:], "beacons": beacons[:], "giver": giver[:], "user": user[:], "another": another[:],
			"introduced": introduced[:], "mark": mark[:], "not her": notHer[:], "not hers": notHers[:],
		} {
			add(name+" "+what, v)
		}
		for _, role := range []Role{First, Second} {
			for day := range uint32(2) {
				key := BeaconKey(beacons, role, day)
				secret := key.Secret()
				add(fmt.Sprint(name, " beacon ", role, day), secret[:])
			}
		}
		if m.User(device) != user {
			t.Error("a device that uses a link twice is two")
		}
	}
	if First.Other() != Second || Second.Other() != First {
		t.Error("a role has the wrong other one")
	}
	if _, ok := one.MarkOf([]byte("no card")); ok {
		t.Error("no card, and a mark")
	}
	for _, verb := range []string{"%v", "%+v", "%x", "%s"} {
		if got := fmt.Sprintf(verb, one); got != redacted {
			t.Errorf("a secret prints as %s", got)
		}
		if got := fmt.Sprintf(verb, sample()); strings.Contains(got, "000102") {
			t.Errorf("an invite prints its secret: %s", got)
		}
	}
}

func FuzzParseInvite(f *testing.F) {
	link := sample().Link()
	f.Add(link)
	f.Add(strings.ToUpper(link[:50]) + "\n" + link[50:])
	f.Add(linktext.Scheme)
	f.Fuzz(func(t *testing.T, text string) {
		i, err := ParseInvite(text)
		if err != nil {
			return
		}
		if again, err := ParseInvite(i.Link()); err != nil || again != i {
			t.Errorf("%v became %v, %v", i, again, err)
		}
	})
}
