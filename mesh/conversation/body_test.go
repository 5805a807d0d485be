package conversation

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
)

// utter makes the author's next op with any body and admits it.
func utter(t testing.TB, l *Log, author peer.ID, body Body) *Op {
	t.Helper()
	op, err := l.Next(author, noon, body)
	fatal(t, err)
	_, err = l.Admit(op, author)
	fatal(t, err)
	return op
}

// TestBodyVector pins the bytes of a profile and of a read mark, which come back as they went.
func TestBodyVector(t *testing.T) {
	l := NewLog(talk)
	profile := utter(t, l, anna, Profile{Name: "Anna B."})
	marks := Read{{Author: anna, Seq: 1}, {Author: bruno, Seq: SeqMax}}
	read := utter(t, l, bruno, marks)
	account := utter(t, l, bruno, Account("an account"))
	whom := Introduction{Secret: [32]byte{1, 2, 3}, Name: "Carla", Account: identity.AccountID{7}}
	introduction := utter(t, l, anna, whom)
	key := Discovery{Day: 20833, Key: identity.DaySecret(goldentest.Counted(0x60, 32))}
	discovery := utter(t, l, anna, key)
	card := Mailbox(goldentest.Counted(0x70, 40))
	mailbox := utter(t, l, anna, card)
	got := fmt.Sprintf("profile = %x\nread = %x\naccount = %x\nintroduction = %x\ndiscovery = %x\nmailbox = %x\n",
		profile.Raw(), read.Raw(), account.Raw(), introduction.Raw(), discovery.Raw(), mailbox.Raw())
	goldentest.File(t, "bodies.txt", got)
	parsed, err := ParseOp(profile.Raw())
	fatal(t, err)
	if p, ok := parsed.Profile(); !ok || p.Name != "Anna B." {
		t.Errorf("profile %+v, %t", p, ok)
	}
	if _, ok := parsed.Read(); ok {
		t.Error("a profile is a read mark")
	}
	if _, ok := parsed.Text(); ok {
		t.Error("a profile is a text")
	}
	parsed, err = ParseOp(read.Raw())
	fatal(t, err)
	if r, ok := parsed.Read(); !ok || !slices.Equal(r, marks) {
		t.Errorf("read %+v, %t", r, ok)
	}
	parsed, err = ParseOp(account.Raw())
	fatal(t, err)
	if a, ok := parsed.Account(); !ok || string(a) != "an account" {
		t.Errorf("account %q, %t", a, ok)
	}
	if _, ok := parsed.Profile(); ok {
		t.Error("an account is a profile")
	}
	parsed, err = ParseOp(introduction.Raw())
	fatal(t, err)
	if i, ok := parsed.Introduction(); !ok || i != whom || strings.Contains(fmt.Sprintf("%+v %x", i, i), "010203") {
		t.Errorf("introduction %v, %t", i, ok)
	}
	if _, ok := parsed.Account(); ok {
		t.Error("an introduction is an account")
	}
	parsed, err = ParseOp(discovery.Raw())
	fatal(t, err)
	if d, ok := parsed.Discovery(); !ok || d != key {
		t.Errorf("discovery key %v, %t", d, ok)
	}
	parsed, err = ParseOp(mailbox.Raw())
	fatal(t, err)
	if m, ok := parsed.Mailbox(); !ok || !bytes.Equal(m, card) {
		t.Errorf("mailbox card %x, %t", m, ok)
	}
	if _, ok := parsed.Discovery(); ok {
		t.Error("a mailbox card is a discovery key")
	}
	for _, op := range []*Op{profile, read, account, introduction, discovery, mailbox} {
		for i := range op.Raw() {
			if _, err := ParseOp(op.Raw()[:i]); err == nil {
				t.Errorf("cut at %d parses", i)
			}
		}
	}
}

// TestBodiesRefused: what is beyond a limit is neither made nor taken.
func TestBodiesRefused(t *testing.T) {
	crowd := make(Read, marksMax+1)
	for i := range crowd {
		crowd[i] = Mark{Author: peer.ID{byte(i)}, Seq: 1}
	}
	for name, body := range map[string]Body{
		"no name":       Profile{},
		"a long name":   Profile{Name: strings.Repeat("x", nameMax+1)},
		"no account":    Account{},
		"nobody":        Introduction{},
		"somebody long": Introduction{Name: strings.Repeat("x", nameMax+1)},
		"too large":     make(Account, AccountMax+1),
		"no mark":       Read{},
		"too many":      crowd,
		"seq 0":         Read{{Author: anna}},
		"a seq too far": Read{{Author: anna, Seq: SeqMax + 1}},
		"out of order":  Read{{Author: bruno, Seq: 1}, {Author: anna, Seq: 1}},
		"a mark twice":  Read{{Author: anna, Seq: 1}, {Author: anna, Seq: 2}},
		"a day too far": Discovery{Day: identity.DayMax + 1},
	} {
		if _, err := NewLog(talk).Next(anna, noon, body); err == nil {
			t.Errorf("%s is made", name)
		}
	}
	if _, err := NewLog(talk).Next(anna, noon, crowd[:marksMax]); err != nil {
		t.Error(err)
	}
	for name, body := range map[string]string{
		"no map": "\x01", "no name": "\xa1\x00\x60", "another type": "\xa1\x00\x01", "no key": "\xa0",
	} {
		w := plain()
		w.Kind, w.Body = KindProfile, []byte(body)
		if _, err := ParseOp(raw(t, w)); err == nil {
			t.Errorf("profile with %s parses", name)
		}
	}
	for name, body := range map[string]string{"no map": "\x01", "an empty account": "\xa1\x00\x40", "a text": "\xa1\x00\x61a", "no key": "\xa0"} {
		w := plain()
		w.Kind, w.Body = KindAccount, []byte(body)
		if _, err := ParseOp(raw(t, w)); err == nil {
			t.Errorf("account op with %s parses", name)
		}
	}
	if _, err := NewLog(talk).Next(anna, noon, make(Account, AccountMax)); err != nil {
		t.Errorf("the largest account: %v", err)
	}
	short := append([]byte("\xa2\x00\x01\x01\x58\x1f"), make([]byte, 31)...)
	for name, body := range map[string]string{
		"no key": "\xa1\x00\x01", "a short key": string(short), "a day too far": "\xa2\x00\x1a\xff\xff\xff\xff\x01\x58\x20" + strings.Repeat("k", 32),
	} {
		w := plain()
		w.Kind, w.Body = KindDiscovery, []byte(body)
		if _, err := ParseOp(raw(t, w)); err == nil {
			t.Errorf("discovery key with %s parses", name)
		}
	}
	mark := append([]byte("\xa1\x00\x81\x82\x58\x20"), bytes.Repeat([]byte{1}, 32)...)
	for seq, fine := range map[string]bool{"\x00": false, "\x01": true, "\x20": false, "\x1b\x00\x00\x01\x00\x00\x00\x00\x01": false} {
		w := plain()
		w.Kind, w.Body = KindRead, append(bytes.Clone(mark), seq...)
		if _, err := ParseOp(raw(t, w)); (err == nil) != fine {
			t.Errorf("a mark at %x: %v", seq, err)
		}
	}
}
