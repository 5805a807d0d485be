package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"sottovoce/mesh/goldentest"
)

// dictionarySum pins the dictionary. Messages that lie in outboxes and at
// supernodes are compressed with it: it is never changed, a better one becomes
// dictionary 2.
const dictionarySum = "565871eed9311da51fbdc81f1d7b70dfab617cde6c367275257570ac1be12f3d"

const dictionaryFile = "dictionary1.zdict"

func TestDictionaryIsFrozen(t *testing.T) {
	if goldentest.Update() && len(dictionary) == 0 {
		dictionary = buildDictionary(t)
		if err := os.WriteFile(dictionaryFile, dictionary, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256(dictionary)
	if got := hex.EncodeToString(sum[:]); got != dictionarySum {
		t.Errorf("dictionary is %s, frozen is %s", got, dictionarySum)
	}
	if len(dictionary) > 16<<10 {
		t.Errorf("dictionary has %d bytes", len(dictionary))
	}
	d, err := zstd.InspectDictionary(dictionary)
	if err != nil || d.ID() != dictionaryID {
		t.Errorf("dictionary id: %v", err)
	}
}

// corpus returns the lines of short chats that the dictionary was made from, one
// sentence each, and as paragraphs.
func corpus(t *testing.T) (sentences, paragraphs []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	slices.Sort(files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSuffix(line, "\n")
			paragraphs = append(paragraphs, line)
			sentences = append(sentences, strings.SplitAfter(line, ". ")...)
		}
	}
	return sentences, paragraphs
}

// skeleton is the shape in which a text is compressed: an op inside a payload.
func skeleton(src *rand.ChaCha8, text string) []byte {
	hash := func() (h Hash) {
		_, _ = src.Read(h[:])
		return h
	}
	op, err := Marshal(map[int]any{
		1: hash(), 2: hash(), 3: src.Uint64() % 200, 4: hash(), 5: []Hash{hash()}, 6: src.Uint64() % 400,
		7: 1_800_000_000_000 + src.Uint64()%(1<<32), 8: 1, 9: map[int]string{0: text},
	})
	if err != nil {
		panic(err)
	}
	payload, err := Marshal([][]byte{op})
	if err != nil {
		panic(err)
	}
	return payload
}

func buildDictionary(t *testing.T) []byte {
	t.Helper()
	src := rand.NewChaCha8([32]byte{1})
	sentences, paragraphs := corpus(t)
	var samples [][]byte
	for _, s := range sentences {
		samples = append(samples, skeleton(src, s))
	}
	// What comes last in the history is cheapest to refer to: an op with all
	// hashes zero gives the shape of every message.
	shape, err := Marshal(map[int]any{
		1: Hash{}, 2: Hash{}, 3: 1, 4: Hash{}, 5: []Hash{{}}, 6: 1, 7: 1_800_000_000_000, 8: 1, 9: map[int]string{0: ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	short := bytes.ReplaceAll(shape, make([]byte, 32), nil)
	history := append([]byte(strings.Join(paragraphs, "\n")), short...)
	dict, err := zstd.BuildDict(zstd.BuildDictOptions{
		ID: dictionaryID, Contents: samples, History: history, Offsets: [3]int{1, 4, 8}, Level: zstd.SpeedBestCompression, CompatV155: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return dict
}
