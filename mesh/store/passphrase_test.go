package store

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

func openWith(t testing.TB, home, passphrase string) *Store {
	t.Helper()
	s, err := OpenWith(home, []byte(passphrase), rand.Reader)
	must(t, err)
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func locked(t testing.TB, home string, want bool) {
	t.Helper()
	got, err := Locked(home)
	must(t, err)
	same(t, got, want)
}

func TestPassphrase(t *testing.T) {
	home, w := filledHome(t)
	locked(t, home, false)
	database := sums(t, home)[databaseName]

	s := openWith(t, home, "not asked for")
	same(t, s.Protected(), false)
	if err := s.SetPassphrase([]byte("guess"), []byte("new")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a current passphrase where there is none: %v", err)
	}
	must(t, s.SetPassphrase(nil, []byte("first words")))
	same(t, s.Protected(), true)
	must(t, s.SaveSecrets(func(s *Secrets) { s.Open = [64]byte{9} })) // under the new key
	closeStore(t, s)
	if _, err := os.Stat(inHome(home, unlockName)); !os.IsNotExist(err) {
		t.Error("the file key is still there")
	}
	locked(t, home, true)
	refused(t, home, ErrLocked, "")

	s = openWith(t, home, "first words")
	same(t, s.Secrets().Open, [64]byte{9})
	checkWorld(t, s, w)
	must(t, s.SetPassphrase([]byte("first words"), []byte("second words")))
	closeStore(t, s)
	if _, err := OpenWith(home, []byte("first words"), rand.Reader); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the passphrase before: %v", err)
	}

	s = openWith(t, home, "second words")
	must(t, s.SetPassphrase([]byte("second words"), nil))
	same(t, s.Protected(), false)
	closeStore(t, s)
	locked(t, home, false)
	s = openHome(t, home)
	checkWorld(t, s, w)
	closeStore(t, s)
	same(t, sums(t, home)[databaseName], database) // not encrypted anew
}

func TestWrongPassphraseChangesNothing(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	must(t, s.SetPassphrase(nil, []byte("right")))
	before := sums(t, home)
	for name, try := range map[string]func() error{
		"none":     func() error { return s.SetPassphrase(nil, []byte("new")) },
		"wrong":    func() error { return s.SetPassphrase([]byte("wrong"), []byte("new")) },
		"remove":   func() error { return s.SetPassphrase([]byte("wrong"), nil) },
		"too long": func() error { return s.SetPassphrase([]byte("right"), make([]byte, PassphraseMax+1)) },
	} {
		if err := try(); !errors.Is(err, ErrPassphrase) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	same(t, sums(t, home), before)
	closeStore(t, s)
	before = sums(t, home)
	_, err := OpenWith(home, []byte("Right"), rand.Reader)
	if !errors.Is(err, ErrPassphrase) || !strings.Contains(err.Error(), home) || strings.Contains(err.Error(), "Right") {
		t.Error(err)
	}
	same(t, sums(t, home), before)
	closeStore(t, openWith(t, home, "right"))
	if err := s.SetPassphrase([]byte("right"), nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A change that was cut off between its two files leaves a home that opens with the
// passphrase; the file key of no use goes.
func TestPassphraseCutOff(t *testing.T) {
	home := newHome(t)
	plain := copyHome(t, home)
	s := openHome(t, home)
	must(t, s.SetPassphrase(nil, []byte("words")))
	closeStore(t, s)
	stale, err := os.ReadFile(inHome(plain, unlockName))
	must(t, err)
	must(t, os.WriteFile(inHome(home, unlockName), stale, 0o600))
	locked(t, home, true)
	refused(t, home, ErrLocked, unlockName)
	closeStore(t, openWith(t, home, "words"))
	if _, err := os.Stat(inHome(home, unlockName)); !os.IsNotExist(err) {
		t.Error("the stale file key is still there")
	}
}

// changePassphrase changes it for ever, and says each one that is to hold.
func changePassphrase(home string) {
	s, current := openAny(home)
	for i := 0; ; i++ {
		next := []string{"one", "two", ""}[i%3]
		if next == current {
			continue
		}
		if err := s.SetPassphrase([]byte(current), []byte(next)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		current = next
		fmt.Println("changed")
	}
}

// openAny opens a home with whichever of the passphrases fits.
func openAny(home string) (*Store, string) {
	s, err := Open(home, rand.Reader)
	for _, passphrase := range []string{"one", "two"} {
		if err == nil {
			return s, ""
		}
		if s, err := OpenWith(home, []byte(passphrase), rand.Reader); err == nil {
			return s, passphrase
		}
	}
	return nil, ""
}

// A process killed at any moment of a change leaves a home that opens with the
// passphrase before or the one after, or with none if that was either.
func TestKilledInMidPassphrase(t *testing.T) {
	home, w := filledHome(t)
	for round := range 8 {
		changer := child(t, "passphrase", home)
		out, err := changer.StdoutPipe()
		must(t, err)
		must(t, changer.Start())
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "changed" {
			t.Fatalf("the child said %q", lines.Text())
		}
		pause, err := rand.Int(rand.Reader, big.NewInt(int64(400*time.Millisecond)))
		must(t, err)
		killed := time.AfterFunc(time.Duration(pause.Int64()), func() { _ = changer.Process.Kill() })
		for lines.Scan() {
			same(t, lines.Text(), "changed")
		}
		_ = changer.Wait()
		killed.Stop()
		s, _ := openAny(home)
		if s == nil {
			t.Fatalf("round %d: no passphrase opens the home", round)
		}
		checkWorld(t, s, w)
		closeStore(t, s)
	}
}

// BenchmarkPassphrase is what it takes to open the key file with a passphrase.
func BenchmarkPassphrase(b *testing.B) {
	u := Passphrase([]byte("correct horse"))
	for b.Loop() {
		u.derive(make([]byte, keySaltSize), argonFloor)
	}
}
