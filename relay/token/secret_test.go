package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestSecretsDoNotPrint prints everything that holds a secret in every way we know, on its own
// and inside other things. All secrets are made of the byte 0x53, "S".
func TestSecretsDoNotPrint(t *testing.T) {
	secret := bytes.Repeat([]byte("S"), Size)
	k := KeyFromSeed(KeySeed(secret[:32]))
	s := issuerOf(t, k, testInfo(20_000))
	d, err := NewDraw(bytes.NewReader(bytes.Repeat([]byte("S"), 96)), k.Public(), s.Info(), 1)
	if err != nil {
		t.Fatal(err)
	}
	w, g := NewWallet(), NewGiven()
	w.Add([]Token{Token(secret), Token(secret)}, Token(secret).Day())
	if _, save := w.Take(1, Token(secret).Day()); !save || g.Accept([]Token{Token(secret)}, Token(secret).Day()) != 1 {
		t.Fatal("the wallet has no token, or the gift")
	}
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e", "%T", "%!"}
	scalar, err := k.keys.get().scalar.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	traces := []string{"SSS", "535353", "83 83", "83,83", "U1NT", "0x53,", `\x53`, fmt.Sprintf("%x", scalar[:8]), fmt.Sprint(scalar[:4])[1:8]}
	type holder struct{ Exported any }
	for what, v := range map[string]any{
		"seed": KeySeed(secret[:32]), "key": k, "issuer": s, "draw": d, "token": Token(secret), "tokens": []Token{Token(secret)},
		"wallet": w, "gift": g,
		"hidden": struct {
			k *Key
			s *Issuer
			d *Draw
			w *Wallet
			g *Given
		}{k, s, d, w, g},
	} {
		var printed []string
		for _, v := range []any{v, []any{v}, map[string]any{"k": v}, holder{Exported: v}, &holder{Exported: v}} {
			for _, verb := range verbs {
				printed = append(printed, fmt.Sprintf(verb, v))
			}
			if b, err := json.Marshal(v); err == nil {
				printed = append(printed, string(b))
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("m", "secret", v)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", v)
			printed = append(printed, log.String())
		}
		for _, p := range printed {
			for _, trace := range traces {
				if strings.Contains(p, trace) {
					t.Fatalf("%s prints %s: %s", what, trace, p)
				}
			}
		}
	}
	// Values with hidden pointers print no secret even where no method is called.
	for _, v := range []any{struct{ k hidden[keyPair] }{k.keys}, struct{ s hidden[tweaked] }{s.secrets}, struct{ d hidden[drawing] }{d.state}, struct{ w Wallet }{*w}, struct{ g Given }{*g}} {
		for _, verb := range append(verbs, "%p") {
			p := fmt.Sprintf(verb, v)
			for _, trace := range traces {
				if strings.Contains(p, trace) {
					t.Errorf("prints %s", p)
				}
			}
		}
	}
}
