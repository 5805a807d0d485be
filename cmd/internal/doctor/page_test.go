package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
)

// table is what docs/doctor.md says of all causes and of the firewalls.
func table() string {
	var b strings.Builder
	b.WriteString("| check | cause | | says | why it matters | what to do |\n|---|---|---|---|---|---|\n")
	cell := func(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
	for _, c := range Causes() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s | %s |\n", c.Check, c.Name, c.Verdict, cell(c.Says), cell(c.Why), cell(c.Do))
	}
	b.WriteString("\nFIREWALL stands for the commands of the program that looks after the firewall:\n\n| program | lets port 5353 in | out | lets connections in |\n|---|---|---|---|\n")
	for _, program := range []string{"ufw", "firewalld", ""} {
		r, name := remedies[program], program
		if name == "" {
			name = "another"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, r.in, r.out, r.links)
	}
	return b.String()
}

// TestPage holds docs/doctor.md against the code; -update writes its tables anew.
func TestPage(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "doctor.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begins = "| check | cause |"
	before, _, ok := strings.Cut(string(page), begins)
	if !ok {
		t.Fatalf("%s has no table of findings", path)
	}
	want := before + table()
	if goldentest.Update() {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s does not say what the code says; write it anew with: go test ./cmd/internal/doctor -update", path)
	}
}

// TestEveryCauseIsMade: for each cause there is a test that makes it, on a network of namespaces or with a clock that is
// wrong, and wants it found by the program.
func TestEveryCauseIsMade(t *testing.T) {
	var tests strings.Builder
	for _, name := range []string{filepath.Join("..", "netlab", "doctor_linux_test.go"), filepath.Join("..", "daemon", "doctor_linux_test.go")} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for _, c := range Causes() {
		if wanted := fmt.Sprintf("%q", c.Check+" "+c.Name+" "+string(c.Verdict)); !strings.Contains(tests.String(), wanted) {
			t.Errorf("no test makes %s", wanted)
		}
	}
}
