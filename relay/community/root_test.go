package community

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/verify"
)

func TestRootWords(t *testing.T) {
	w := newWorld(t, 30)
	words := w.root.Words()
	if len(words) != WordCount {
		t.Fatalf("%d words", len(words))
	}
	plain := joined(words)
	var numbered, italian strings.Builder
	for i, word := range words {
		fmt.Fprintf(&numbered, "%2d. %s\n", i+1, strings.ToUpper(strings.ReplaceAll(word, "-", " ")))
		for at := range uint8(verify.SymbolCount) {
			if s := verify.SymbolAt(at); wordOf(s.English) == word {
				italian.WriteString(s.Italian + ", ")
			}
		}
	}
	for name, text := range map[string]string{"plain": plain, "numbered": numbered.String(), "Italian": italian.String()} {
		root, err := ParseWords(text)
		if err != nil || root.Public() != w.root.Public() || root.ID() != w.root.ID() {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := append([]string(nil), words...)
	other[3], other[4] = other[4], other[3]
	for name, text := range map[string]string{
		"nothing": "", "too few": joined(words[1:]), "too many": plain + words[0], "swapped": joined(other),
		"no such word": strings.Replace(plain, words[7], "zebra", 1), "too long": strings.Repeat("dog ", 2000),
	} {
		if _, err := ParseWords(text); !errors.Is(err, ErrWords) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := ParseWords(joined(append([]string{words[0], "zebra"}, words[2:]...)))
	if err == nil || !strings.Contains(err.Error(), `number 2, "zebra"`) {
		t.Errorf("the wrong word is told as %v", err)
	}
}

// Each name of the table is read as itself, whatever stands behind it.
func TestEachWordIsRead(t *testing.T) {
	for at := range uint8(verify.SymbolCount) {
		for _, name := range []string{verify.SymbolAt(at).English, verify.SymbolAt(at).Italian} {
			for behind := range uint8(verify.SymbolCount) {
				pieces := letters(name + " " + verify.SymbolAt(behind).English)
				if place, used, found := readWord(pieces); !found || place != at || used != len(letters(name)) {
					t.Fatalf("%q is read as number %d of %d pieces", name, place, used)
				}
			}
		}
	}
}

// No verb and no encoder shows a secret, in whatever it lies.
func TestSecretsDoNotPrint(t *testing.T) {
	w := newWorld(t, 31)
	h := w.found()
	m := w.member(w.invite(h, 1))
	link := w.invite(h, 1)
	at := w.at(h)
	g, _, err := h.Join(at, m.Persona(), m.Login(at), link.Proof(at, m.Persona()), w.now)
	w.must(err)
	secrets := []Secret{w.root.Seed(), **w.root.entropy.p, h.operator.Seed(), m.persona.Seed(), g.Key, g.Next, Secret(h.card.Beacon.Secret())}
	var mine Secret
	copy(mine[:], link.Secret[:])
	secrets = append(secrets, mine)
	card := h.file.cards[h.device.ID()]
	for _, v := range []any{w.root, h.operator, m.persona, g, &g, g.Key, *link, link, link.Secret, h.file.papersSince(nil), *card, h.Keys(), struct{ S Secret }{g.Key}} {
		said := fmt.Sprintf("%v %+v %#v %s %x", v, v, v, v, v)
		text, _ := json.Marshal(v)
		for _, s := range secrets {
			if hex := fmt.Sprintf("%x", s[:8]); strings.Contains(said, hex) || strings.Contains(string(text), string(s[:8])) || strings.Contains(string(text), "Papers") {
				t.Errorf("%T shows a secret: %s", v, said)
			}
		}
	}
	m.Erase()
	w.root.Erase()
	h.operator.Erase()
	if (m.persona.Seed() != Secret{}) || (w.root.Seed() != Secret{}) || (h.operator.Seed() != Secret{}) || **w.root.entropy.p != (Secret{}) {
		t.Error("something is left after it was erased")
	}
}
