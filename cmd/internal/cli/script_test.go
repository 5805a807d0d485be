package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/mesh/goldentest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sottovoce": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		p := fakeProgram()
		p.Stdin, p.Stdout, p.Stderr = os.Stdin, os.Stdout, os.Stderr
		code := Run(ctx, os.Args[1:], p)
		stop()
		os.Exit(code)
	}})
}

// TestScript runs every command as a person does, with a fake node behind it.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: goldentest.Update(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("SOTTOVOCE_HOME", filepath.Join(env.WorkDir, "h"))
			env.Setenv("TZ", "UTC")
			words := fmt.Sprintf("/dev/shm/sottovoce-words-%d-%s", os.Getpid(), filepath.Base(env.WorkDir))
			env.Setenv("WORDS", words)
			env.Defer(func() { _ = os.Remove(words) }) // a script that failed may have left it
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"wait-up": waitUp,
			"exits":   exits,
			"needs":   needs,
			"nap":     func(*testscript.TestScript, bool, []string) { time.Sleep(300 * time.Millisecond) },
		},
	})
}

// waitUp waits until the node of the home, or what runs on another folder, answers.
func waitUp(ts *testscript.TestScript, _ bool, args []string) {
	home := ts.Getenv("SOTTOVOCE_HOME")
	if len(args) > 0 {
		home = ts.MkAbs(args[0])
	}
	c := control.NewClient(home)
	defer c.Close()
	for range 200 {
		if _, err := c.Version(context.Background()); err == nil {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("no node came up")
}

// exits runs sottovoce and wants an exit code: exits CODE ARGS…
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("sottovoce", args[1:]...)
	code := "0"
	if err != nil {
		_, code, _ = strings.Cut(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, not %s", code, args[0])
	}
}

// fakeDoctor finds nothing wrong but the port that is asked for.
func fakeDoctor(ctx context.Context, _, listen string, _ []string) iter.Seq2[control.Finding, error] {
	return func(yield func(control.Finding, error) bool) {
		if !yield(control.Finding{Check: "node", Cause: "not-running", Verdict: control.VerdictUnknown, Says: "Sottovoce does not run for this home.", Why: "It must.", Do: "sottovoce up"}, nil) {
			return
		}
		switch listen {
		case ":1":
			yield(control.Finding{Check: "port", Cause: "taken", Verdict: control.VerdictBad, Says: "The port is\ntaken.", Why: "It must not be.", Do: "Take another."}, nil)
		case ":2":
			<-ctx.Done()
			yield(control.Finding{}, ctx.Err())
		}
	}
}

// fakeProgram has nodes of memory in place of real ones. An identity is a file called name. Bob says yes to everybody,
// gets every message at once unless it says "slow", and answers when it says "echo"; Eve asks us.
func fakeProgram() *Program {
	identity := func(home string) string { return filepath.Join(home, "name") }
	passphrase := func(home string) string { return filepath.Join(home, "passphrase") }
	return &Program{
		Version: "1.2.3",
		Exists: func(home string) bool {
			_, err := os.Stat(identity(home))
			return err == nil
		},
		Locked: func(home string) (bool, error) {
			_, err := os.Stat(passphrase(home))
			return err == nil, nil
		},
		SetPassphrase: func(home string, current, next []byte) error {
			if held, _ := os.ReadFile(passphrase(home)); !bytes.Equal(held, current) {
				return control.Errorf(control.CodeRefused, "that is not the passphrase; nothing has changed")
			}
			if len(next) == 0 {
				return os.Remove(passphrase(home))
			}
			return os.WriteFile(passphrase(home), next, 0o600)
		},
		Diagnose: func(string) (control.Diagnostics, error) {
			return control.Diagnostics{Version: "1.2.3", Log: []string{"nobody runs"}}, nil
		},
		Doctor:     fakeDoctor,
		Restore:    fakeRestore,
		Supernodes: fakeSupernodes(),
		Init: func(home, name string, seen control.Visible) error {
			if name = strings.TrimSpace(name); len(name) > 64 {
				return control.Errorf(control.CodeUsage, "the name is longer than 64 characters")
			}
			if _, err := os.Stat(identity(home)); err == nil {
				return control.Errorf(control.CodeFailed, "there is an identity in %s already", home)
			}
			return errors.Join(os.MkdirAll(home, 0o700), os.WriteFile(identity(home), []byte(name), 0o600),
				os.WriteFile(filepath.Join(home, "seen"), []byte(seen+"\n"), 0o600))
		},
		Start: func(_ context.Context, o Options) (func(context.Context) error, error) {
			c := control.NewClient(o.Home)
			defer c.Close()
			if _, err := c.Version(context.Background()); err == nil {
				return nil, control.Errorf(control.CodeRunning, "a node already runs for this home")
			}
			if held, _ := os.ReadFile(passphrase(o.Home)); !bytes.Equal(held, o.Passphrase) {
				return nil, control.Errorf(control.CodeRefused, "that passphrase does not open it")
			}
			name, err := os.ReadFile(identity(o.Home))
			if err != nil {
				return nil, err
			}
			l, err := control.Listen(o.Home)
			if err != nil {
				return nil, err
			}
			o.Log.Info("up", "listen", o.Listen, "interfaces", o.Interfaces)
			f := fakeTown(string(name))
			return func(ctx context.Context) error {
				ctx, stop := context.WithCancel(ctx)
				defer stop()
				f.OnDown = stop
				return control.NewServer(f, "1.2.3").Run(ctx, l)
			}, nil
		},
	}
}

// fakeSupernodes are in memory; what remembers one is a file in its data directory.
func fakeSupernodes() Supernodes {
	exists := func(data string) error {
		if _, err := os.Stat(filepath.Join(data, "supernode")); err != nil {
			return control.Errorf(control.CodeNoIdentity, "%s holds no supernode; found a community with: sottovoce supernode init --community NAME --data %[1]s", data)
		}
		return nil
	}
	return Supernodes{
		Init: func(_ context.Context, o SupernodeInit) (SupernodeMade, error) {
			made := SupernodeMade{ID: "peer-" + strings.Repeat("c", 52), Community: "Orchard", CommunityID: "comm-" + strings.Repeat("a", 52), Data: o.Data}
			if o.Join == "" {
				made.RootWords = control.Passphrase(controltest.RootWords)
			}
			if o.Told != nil && o.Join == "" {
				if err := o.Told([]byte(controltest.RootWords)); err != nil {
					return SupernodeMade{}, err
				}
			}
			return made, errors.Join(os.MkdirAll(o.Data, 0o700), os.WriteFile(filepath.Join(o.Data, "supernode"), nil, 0o600))
		},
		Start: func(_ context.Context, o SupernodeOptions) (func(context.Context) error, error) {
			c := control.NewSupernodeClient(o.Data)
			defer c.Close()
			if _, err := c.Version(context.Background()); err == nil {
				return nil, control.Errorf(control.CodeRunning, "a supernode runs already on %s", o.Data)
			}
			l, err := control.Listen(o.Data)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context) error {
				return control.NewSupernodeServer(controltest.NewSupernode(true), "1.2.3").Run(ctx, l)
			}, nil
		},
		Open: func(data string, _ SupernodeStore) (control.Supernode, func() error, error) {
			return controltest.NewSupernode(false), func() error { return nil }, exists(data)
		},
	}
}

// fakeRestore takes what the fake node's Backup wrote.
func fakeRestore(_ context.Context, home string, backup io.Reader, passphrase []byte, told func(int64)) error {
	text, err := io.ReadAll(backup)
	name, rest, whole := strings.Cut(string(text), " and ")
	if err != nil || !whole || string(passphrase) != "correct horse" {
		return control.Errorf(control.CodeFailed, "the backup is damaged; nothing was written")
	}
	var messages int64
	_, _ = fmt.Sscan(rest, &messages)
	told(messages)
	return errors.Join(os.MkdirAll(home, 0o700), os.WriteFile(filepath.Join(home, "name"), []byte(name), 0o600))
}

func fakeTown(name string) *controltest.Fake {
	const soon = 30 * time.Millisecond
	f := controltest.New(name)
	f.Meet("Bob")
	f.Meet("Stranger")
	f.Ask(f.Meet("Eve\x1b[31m").ID)
	f.OnAdd = func(p control.Person) {
		if p.Name == "Bob" && !p.Contact {
			f.Befriend(p.ID)
		}
	}
	f.OnSend = func(m control.Message) {
		switch {
		case strings.Contains(m.Text, "slow"):
		case strings.Contains(m.Text, "fail"):
			time.AfterFunc(soon, func() { f.Advance(m.ID, control.StateFailed) })
		default:
			time.AfterFunc(soon, func() {
				f.Advance(m.ID, control.StateDelivered)
				if text, ok := strings.CutPrefix(m.Text, "echo "); ok {
					contacts, _ := f.Contacts(context.Background())
					f.Receive(contacts[0].ID, text)
				}
			})
		}
	}
	return f
}
