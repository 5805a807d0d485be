package mailbox_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

// childHome names the directory to a child process of TestKill, and childFirst the number of its first blob.
const (
	childHome  = "SOTTOVOCE_MAILBOX_CHILD"
	childFirst = "SOTTOVOCE_MAILBOX_FIRST"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childHome); dir != "" {
		child(dir)
	}
	goleak.VerifyTestMain(m)
}

// child appends blobs from several goroutines, and prints the number and cursor of each that was acknowledged, until
// it is killed.
func child(dir string) {
	store, err := mailbox.Open(dir, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	first, err := strconv.ParseUint(os.Getenv(childFirst), 10, 64)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	for range 4 {
		go func() {
			for {
				mu.Lock()
				n := first
				first++
				mu.Unlock()
				results, err := store.Append(ctx, ours, []mailbox.Deposit{{Blob: blobOf(n), Paid: []mailbox.Token{mailboxtest.Token(n, today+5)}}})
				if err != nil || results[0].Err != nil {
					panic(fmt.Sprint(results, err))
				}
				fmt.Printf("%d %d\n", n, results[0].Cursor) // one write a line
			}
		}()
	}
	select {}
}

// TestKill kills a process in the middle of its deposits, again and again: what it said it kept is there.
func TestKill(t *testing.T) {
	dir, w := t.TempDir(), newWitness(t, 0)
	for round := range 4 {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), childHome+"="+dir, childFirst+"="+strconv.FormatUint(w.next, 10))
		command.Stderr = os.Stderr
		said, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(said)
		for i := 0; lines.Scan(); i++ {
			var n, cursor uint64
			if _, err := fmt.Sscan(lines.Text(), &n, &cursor); err != nil {
				t.Fatal(err)
			}
			w.kept[n], w.next = cursor, max(w.next, n+8) // those under way have numbers up to there
			if i == 0 {
				if second, err := mailbox.Open(dir, 0); err == nil {
					second.Close()
					t.Error("a second process was let in")
				}
			}
			if i == 50+50*round {
				if err := command.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if command.Wait() == nil {
			t.Fatal("the child ended by itself")
		}
		if w.store, err = mailbox.Open(dir, 0); err != nil {
			t.Fatal(err)
		}
		w.check()
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.kept) < 300 {
		t.Fatalf("%d blobs", len(w.kept))
	}
}

// TestHeadDamaged: with one of the two slots unreadable, or both, no cursor is given again.
func TestHeadDamaged(t *testing.T) {
	for _, slots := range [][]int{{0}, {1}, {0, 1}} {
		disk, w := newFaulty(), newWitness(t, 3)
		for range 2 {
			store, err := mailbox.OpenOn(disk, 0)
			if err != nil {
				t.Fatal(err)
			}
			w.store = store
			w.deposit(5)
			w.store.Close()
		}
		for _, slot := range slots {
			disk.names[fmt.Sprintf("%x/head", ours[:])].now[slot*4096+20] ^= 1
		}
		store, err := mailbox.OpenOn(disk, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.store = store
		w.check()
		w.deposit(5)
		w.store.Close()
	}
}

// TestForeignIndex: a side index that describes another file is dropped.
func TestForeignIndex(t *testing.T) {
	disk, w := newFaulty(), newWitness(t, 4)
	store, err := mailbox.OpenOn(disk, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.store = store
	w.deposit(30)
	w.store.Close()
	one, other := disk.names[fmt.Sprintf("%x/20000.index", ours[:])], disk.names[fmt.Sprintf("%x/20001.index", ours[:])]
	one.now, other.now = other.now, one.now
	if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
		t.Fatal(err)
	}
	defer w.store.Close()
	w.check()
	if id := wire.IDOf(blobOf(0)); w.held()[id] != w.kept[0] {
		t.Fatal("the index of another file was believed")
	}
}
