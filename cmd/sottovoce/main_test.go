package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sottovoce/cmd/internal/control"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sottovoce": main})
}

// TestScript runs the whole program as a person or a script does; its nodes meet on the loopback interface.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"wait-up": waitUp, "exits": exits, "soon": soon, "alone": alone},
	})
}

// loopback is held by the script that has the loopback interface, on which everybody sees everybody.
var loopback sync.Mutex

// alone waits until no other script has nodes on the loopback interface, and keeps it to the end.
func alone(ts *testscript.TestScript, _ bool, _ []string) {
	loopback.Lock()
	ts.Defer(loopback.Unlock)
}

// waitUp waits until the nodes of some homes answer: wait-up HOME…
func waitUp(ts *testscript.TestScript, _ bool, homes []string) {
	for _, home := range homes {
		c := control.NewClient(ts.MkAbs(home))
		defer c.Close()
		if !within(10*time.Second, func() bool { _, err := c.Version(context.Background()); return err == nil }) {
			ts.Fatalf("no node of %s came up", home)
		}
	}
}

// exits runs sottovoce and wants an exit code: exits CODE ARGS…
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if code := exec(ts, args[1:]); code != args[0] {
		ts.Fatalf("exit code %s, not %s", code, args[0])
	}
}

// soon runs sottovoce again and again until it prints a text: soon TEXT ARGS…
func soon(ts *testscript.TestScript, _ bool, args []string) {
	if !within(10*time.Second, func() bool { return exec(ts, args[1:]) == "0" && strings.Contains(ts.ReadFile("stdout"), args[0]) }) {
		ts.Fatalf("%q was never printed", args[0])
	}
}

func exec(ts *testscript.TestScript, args []string) (code string) {
	err := ts.Exec("sottovoce", args...)
	if err == nil {
		return "0"
	}
	_, code, _ = strings.Cut(err.Error(), "exit status ")
	return code
}

func within(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}

func TestVersion(t *testing.T) {
	defer func(v string) { version = v }(version)
	version = ""
	if versionText() == "" {
		t.Error("a build without a version says nothing")
	}
	version = "v1.2.3"
	if versionText() != "v1.2.3" {
		t.Error("a release does not know its version")
	}
}
