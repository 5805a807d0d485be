package store

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sottovoce/mesh/pagetest"
	"sottovoce/mesh/wire"
)

// TestPages: key files and the secrets in them are what the page says.
func TestPages(t *testing.T) {
	slot := keySlot{Sealed: make([]byte, keySlotStep+sealOverhead)}
	body, err := wire.Marshal(keyFile{Version: keyFileVersion, Argon: argonFloor, Slots: [2]keySlot{slot, slot}})
	if err != nil {
		t.Fatal(err)
	}
	pagetest.Agree(t, "09-storage#key-body", [][]byte{body}, func(b []byte) error {
		sum := wire.HashOf(labelKeyFile, b)
		_, err := parseKeyFile(append(b, sum[:]...))
		return err
	})
	s := Secrets{Conversations: map[int64][32]byte{1: {}, 1 << 40: {}}}
	if body, err = s.append(nil); err != nil {
		t.Fatal(err)
	}
	pagetest.Agree(t, "09-storage#secrets", [][]byte{body}, func(b []byte) error {
		_, err := parseSecrets(b)
		return err
	})
}

var (
	tableMade  = regexp.MustCompile(`(?s)CREATE TABLE (\w+) \((.*?)\n?\)[^\n]*;`)
	columnMade = regexp.MustCompile(`(?:^|[,\n])\s*(\w+) +(?:INTEGER|BLOB|TEXT)`)
)

// TestSchemaPage: the page names every table of the schema, and every column.
func TestSchemaPage(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("../../docs/protocol/09-storage.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ToLower(string(text))
	schema, err := os.ReadFile(fmt.Sprintf("testdata/home-%d.sql", schemaVersion))
	if err != nil {
		t.Fatal(err)
	}
	columns := 0
	for _, table := range tableMade.FindAllStringSubmatch(string(schema), -1) {
		if !strings.Contains(page, "`"+table[1]) && !strings.Contains(page, "### "+strings.ReplaceAll(table[1], "_", " ")+"\n") {
			t.Errorf("the page has no table %s", table[1])
		}
		for _, column := range columnMade.FindAllStringSubmatch(table[2], -1) {
			columns++
			if !strings.Contains(page, "`"+column[1]+"`") && !strings.Contains(page, "`"+table[1]+"."+column[1]+"`") {
				t.Errorf("the page says nothing of %s.%s", table[1], column[1])
			}
		}
	}
	if columns < 100 {
		t.Fatalf("the schema has %d columns", columns)
	}
}
