package handshake

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flynn/noise"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/needtest"
)

// TestVectors holds whole handshakes against testdata/flights.txt, for other
// implementations of docs/protocol/03-links.md.
func TestVectors(t *testing.T) {
	got := "# Handshakes of every mode, hex. Written by `go test -update`; the diff is for review.\n"
	for _, mode := range builtModes {
		got += vector(t, mode)
	}
	goldentest.File(t, "flights.txt", got)
}

func vector(t *testing.T, mode Mode) string {
	t.Helper()
	c := newCast()
	var text strings.Builder
	line := func(name string, b []byte) { fmt.Fprintf(&text, "%s=%x\n", name, b) }
	fmt.Fprintf(&text, "\nmode=%s\n", mode)
	line("exporter", c.e[:])
	initiator, first := c.dial(t, mode)
	switch mode {
	case Contact:
		line("secret", []byte("0123456789abcdef0123456789abcdef"))
		line("psk", c.key.psk[:])
		line("hint_key", c.key.hint[:])
		line("initiator_static", c.anna.Device[:])
		line("responder_static", c.bruno.Device[:])
	case Member:
		line("psk", c.superKnows.Key.psk[:])
		line("hint_key", c.superKnows.Key.hint[:])
		line("responder_static", c.super.Supernode[:])
	case Supernode:
		line("responder_static", c.super.Supernode[:])
	case PairUp:
		line("psk", c.annaInvites.Key.psk[:])
		line("hint_key", c.annaInvites.Key.hint[:])
		line("initiator_label", c.annaInvites.Label[:])
		line("responder_label", c.brunoHolds.Label[:])
	default:
		line("initiator_static", c.anna.Open[:])
		line("responder_static", c.bruno.Open[:])
	}
	line("initiator_ephemeral", initiator.noise.LocalEphemeral().Private)
	responder := c.answerer(mode, c.e)
	second, decoy, err := responder.Answer(first[:])
	if err != nil || decoy {
		t.Fatalf("decoy %v, error %v", decoy, err)
	}
	line("responder_ephemeral", responder.noise.LocalEphemeral().Private)
	third, proof, err := initiator.Finish(second[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := responder.Finish(third[:]); err != nil {
		t.Fatal(err)
	}
	line("flight_1", first[:])
	line("flight_2", second[:])
	line("flight_3", third[:])
	line("binding", proof.Binding[:])
	return text.String()
}

// TestPublishedVectors runs the test handshakes that come with the Noise library
// through our configuration of it.
func TestPublishedVectors(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/flynn/noise").Output()
	var f *os.File
	if err == nil {
		f, err = os.Open(filepath.Join(strings.TrimSpace(string(out)), "vectors.txt"))
	}
	if err != nil {
		needtest.Without(t, "the vectors of the library cannot be found: "+err.Error())
	}
	defer f.Close()
	names := map[string]Mode{
		"Noise_IKpsk0_25519_ChaChaPoly_SHA256": Contact,
		"Noise_XX_25519_ChaChaPoly_SHA256":     Open,
		"Noise_NNpsk0_25519_ChaChaPoly_SHA256": PairUp,
		"Noise_NKpsk0_25519_ChaChaPoly_SHA256": Member,
		"Noise_NK_25519_ChaChaPoly_SHA256":     Supernode,
	}
	ran := map[Mode]int{}
	for _, v := range parseVectors(t, f) {
		if mode, ours := names[v["handshake"]]; ours {
			ran[mode]++
			t.Run(fmt.Sprint(mode, ran[mode]), func(t *testing.T) { runVector(t, mode, v) })
		}
	}
	for _, mode := range builtModes {
		if ran[mode] == 0 {
			t.Errorf("ran %v: all patterns should be among the vectors", ran)
		}
	}
}

// TestWycheproofX25519 runs Project Wycheproof's vectors through X25519 as the handshake calls it.
func TestWycheproofX25519(t *testing.T) {
	text := needtest.Vectors(t, "x25519_test.json")
	var suite struct {
		TestGroups []struct {
			Tests []struct {
				TcID                    int
				Public, Private, Shared string
			}
		}
	}
	if err := json.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, g := range suite.TestGroups {
		for _, c := range g.Tests {
			ran++
			var b [3][]byte
			for i, s := range []string{c.Private, c.Public, c.Shared} {
				var err error
				if b[i], err = hex.DecodeString(s); err != nil {
					t.Fatal(err)
				}
			}
			shared, err := (&countedDH{DHFunc: noise.DH25519}).DH(b[0], b[1])
			if zero := bytes.Equal(b[2], make([]byte, KeySize)); zero != (err != nil) || !zero && !bytes.Equal(shared, b[2]) {
				t.Errorf("%d: %x, %v", c.TcID, shared, err)
			}
		}
	}
	if ran < 100 {
		t.Errorf("only %d vectors", ran)
	}
}

// parseVectors reads blocks of name=value lines parted by empty lines.
func parseVectors(t *testing.T, f *os.File) (all []map[string]string) {
	t.Helper()
	v := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if ok {
			v[name] = value
			continue
		}
		all, v = append(all, v), map[string]string{}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return append(all, v)
}

func runVector(t *testing.T, mode Mode, v map[string]string) {
	unhex := func(name string) []byte {
		b, err := hex.DecodeString(v[name])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	pair := func(name string) noise.DHKey {
		if v[name] == "" {
			return noise.DHKey{}
		}
		key, err := noise.DH25519.GenerateKeypair(bytes.NewReader(unhex(name)))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	initStatic, respStatic := pair("init_static"), pair("resp_static")
	begin := func(initiator bool, our noise.DHKey, ephemeral string) *noise.HandshakeState {
		c := config(mode, initiator, noise.DH25519)
		c.Prologue, c.PresharedKey = unhex("prologue"), unhex("preshared_key")
		c.Random = bytes.NewReader(unhex(ephemeral))
		c.StaticKeypair = our
		if initiator && mode.knows() {
			c.PeerStatic = respStatic.Public
		}
		hs, err := noise.NewHandshakeState(c)
		if err != nil {
			t.Fatal(err)
		}
		return hs
	}
	from, to := begin(true, initStatic, "gen_init_ephemeral"), begin(false, respStatic, "gen_resp_ephemeral")
	var write, read [2]*noise.CipherState
	for i := 0; v[fmt.Sprintf("msg_%d_ciphertext", i)] != ""; i++ {
		payload := unhex(fmt.Sprintf("msg_%d_payload", i))
		want := unhex(fmt.Sprintf("msg_%d_ciphertext", i))
		var got, opened []byte
		var err, readErr error
		if write[0] == nil {
			got, write[0], write[1], err = from.WriteMessage(nil, payload)
			opened, read[0], read[1], readErr = to.ReadMessage(nil, want)
			from, to = to, from
		} else { // the published ones take turns with the two keys, the initiator's first
			got, err = write[0].Encrypt(nil, nil, payload)
			opened, readErr = read[0].Decrypt(nil, nil, want)
			write[0], write[1], read[0], read[1] = write[1], write[0], read[1], read[0]
		}
		if err != nil || readErr != nil || !bytes.Equal(got, want) || !bytes.Equal(opened, payload) {
			t.Fatalf("message %d: %v, %v\n got %x\nwant %x", i, err, readErr, got, want)
		}
	}
}
