package backup

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func sealed(t testing.TB, content []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := Encrypt(&file, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func opened(file []byte, passphrase string) ([]byte, error) {
	r, err := Decrypt(bytes.NewReader(file), []byte(passphrase))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestBackupFile(t *testing.T) {
	content := bytes.Repeat([]byte("all that was said. "), 10_000)
	file := sealed(t, content)
	if !strings.HasPrefix(string(file), "age-encryption.org/v1\n-> scrypt ") || bytes.Contains(file, []byte("was said")) {
		t.Errorf("not an age file: %.60q", file)
	}
	if got, err := opened(file, "correct horse"); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came back as %d, %v", len(content), len(got), err)
	}
	if _, err := opened(file, "wrong horse"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	for _, size := range []int{0, 10, 100, 64 << 10, len(file) / 2, len(file) - 1} {
		if got, err := opened(file[:size], "correct horse"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d of %d bytes open, with %d", size, len(file), len(got))
		}
		damaged := bytes.Clone(file)
		damaged[size] ^= 1
		if _, err := opened(damaged, "correct horse"); err == nil { // of what the passphrase goes into it may be the passphrase's fault
			t.Errorf("a change at %d is not noticed", size)
		}
	}
	if _, err := opened(append(bytes.Clone(file), 0), "correct horse"); err == nil {
		t.Error("a byte at the end is not noticed")
	}
}

// A file that would cost more memory than a small machine has is refused before it does.
func TestDearFile(t *testing.T) {
	file := sealed(t, []byte("x"))
	dear := bytes.Replace(file, []byte(" 16\n"), []byte(" 30\n"), 1)
	if bytes.Equal(dear, file) {
		t.Fatal("the work factor is not where it was")
	}
	if _, err := opened(dear, "correct horse"); err == nil {
		t.Error("2^30 is not refused")
	}
}
