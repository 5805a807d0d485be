package store

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The test program runs itself again as one of these.
const (
	childEnv     = "SOTTOVOCE_STORE_CHILD"
	childHomeEnv = "SOTTOVOCE_STORE_HOME"
)

var children = map[string]func(home string){
	"write":      writeForEver,
	"open":       openOnce,
	"passphrase": changePassphrase,
}

func child(t *testing.T, name, home string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+name, childHomeEnv+"="+home)
	cmd.Stderr = os.Stderr
	return cmd
}

const crashBatch = 7 // ops a commit

// writeForEver commits batches of ops and says on standard output what was
// acknowledged.
func writeForEver(home string) {
	s, err := Open(home, rand.Reader)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		var seq uint64
		err := s.Update(func(tx *Tx) error {
			c, err := crashConversation(tx)
			if err != nil {
				return err
			}
			ops, err := tx.Log(c, nil, 1)
			if err != nil {
				return err
			}
			if len(ops) > 0 {
				seq = ops[0].AuthorSeq
			}
			for range crashBatch {
				seq++
				op := Op{Conversation: c, AuthorSeq: seq, Lamport: seq, Body: make([]byte, 3000), ID: [32]byte{byte(seq), byte(seq >> 8)}}
				if _, err := tx.AppendOp(&op); err != nil {
					return err
				}
			}
			return tx.SetSetting("last", fmt.Append(nil, seq))
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(seq)
	}
}

// crashConversation returns the only conversation.
func crashConversation(tx *Tx) (int64, error) {
	all, err := tx.Conversations()
	if err != nil {
		return 0, err
	}
	if len(all) > 0 {
		return all[0].ID, nil
	}
	var c Conversation
	err = tx.PutConversation(&c)
	return c.ID, err
}

func openOnce(home string) {
	_, err := Open(home, rand.Reader)
	fmt.Println(err)
}

// A process killed at any moment loses nothing that it acknowledged, and leaves
// no part of a transaction.
func TestKilledInMidCommit(t *testing.T) {
	home := newHome(t)
	acknowledged := uint64(0)
	for round := range 20 {
		writer := child(t, "write", home)
		out, err := writer.StdoutPipe()
		must(t, err)
		must(t, writer.Start())
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the child wrote nothing")
		}
		pause, err := rand.Int(rand.Reader, big.NewInt(int64(30*time.Millisecond)))
		must(t, err)
		killed := time.AfterFunc(time.Duration(pause.Int64()), func() { _ = writer.Process.Kill() })
		for ok := true; ok; ok = lines.Scan() {
			var seq uint64
			if n, _ := fmt.Sscan(lines.Text(), &seq); n == 1 {
				acknowledged = max(acknowledged, seq)
			}
		}
		_ = writer.Wait()
		killed.Stop()
		checkAfterCrash(t, home, round, acknowledged)
	}
	if acknowledged < 20*crashBatch {
		t.Fatalf("only %d ops in 20 rounds", acknowledged)
	}
}

func checkAfterCrash(t *testing.T, home string, round int, acknowledged uint64) {
	t.Helper()
	s := openHome(t, home)
	doView(t, s, func(tx *Tx) {
		c, err := crashConversation(tx)
		must(t, err)
		var present uint64
		last, err := tx.Setting("last")
		must(t, err)
		_, err = fmt.Sscan(string(last), &present)
		must(t, err)
		if present < acknowledged || present%crashBatch != 0 {
			t.Fatalf("round %d: %d ops, %d were acknowledged, %d go together", round, present, acknowledged, crashBatch)
		}
		want := present
		for before := (*Position)(nil); want > 0; want -= min(want, 1000) {
			ops, err := tx.Log(c, before, 1000)
			must(t, err)
			same(t, len(ops), int(min(want, 1000)))
			for i, op := range ops {
				same(t, op.AuthorSeq, want-uint64(len(ops))+uint64(i)+1)
			}
			position := ops[0].Position()
			before = &position
		}
		must(t, tx.query("PRAGMA integrity_check").each(func(r *row) { same(t, r.text(0), "ok") }))
	})
	closeStore(t, s)
}

func TestSecondProcessIsRefusedAtOnce(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	begin := time.Now()
	if _, err := Open(home, rand.Reader); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	if err := Init(home, sampleSecrets(), rand.Reader); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Fatalf("took %v", took)
	}
	out, err := child(t, "open", home).Output()
	must(t, err)
	if !strings.Contains(string(out), "in use") {
		t.Fatalf("the second process said %q", out)
	}
	closeStore(t, s)
	out, err = child(t, "open", home).Output()
	must(t, err)
	same(t, string(out), "<nil>\n")
	openHome(t, home) // the lock of a process that ended without closing is gone
}

// After a crash the log begins anew: what is appended to what was left could take the last
// commit along in a second crash.
func TestLogBeginsAnew(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	doUpdate(t, s, func(tx *Tx) { must(t, tx.SetSetting("kept", []byte("yes"))) })
	kept := t.TempDir() + "/" + databaseName
	copyFiles(t, inHome(home, databaseName), kept)
	closeStore(t, s)
	copyFiles(t, kept, inHome(home, databaseName)) // as a crash would have left it
	fi, err := os.Stat(inHome(home, databaseName+"-wal"))
	must(t, err)
	if fi.Size() == 0 {
		t.Fatal("the crash left no log")
	}
	s = openHome(t, home)
	fi, err = os.Stat(inHome(home, databaseName+"-wal"))
	must(t, err)
	same(t, fi.Size(), int64(0))
	doView(t, s, func(tx *Tx) {
		value, err := tx.Setting("kept")
		must(t, err)
		same(t, string(value), "yes")
	})
}
