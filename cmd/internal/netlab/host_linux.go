package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopTime is how long a process may take to end after SIGTERM.
const stopTime = 10 * time.Second

// Host is one machine of a LAN, as seen by one of its users.
type Host struct {
	Name     string
	Hostname string // what the machine calls itself; a needle for captures
	Home     string // the user's home folder
	Env      []string

	IPv4      netip.Addr // zero where the LAN has none
	LinkLocal netip.Addr // without a zone
	ULA       netip.Addr

	lan       *LAN
	namespace string
	port      string // the switch's end of the cable
	number    int
	lossy     bool
}

// makeHome gives the host's user a home with all the XDG folders inside.
func (h *Host) makeHome(user string) {
	h.lan.t.Helper()
	h.Home = filepath.Join(h.lan.dir, fmt.Sprintf("%d-%s", count.Add(1), user))
	runtimeDir := filepath.Join(h.Home, "run")
	if err := os.MkdirAll(runtimeDir, 0o700); err != nil {
		h.lan.t.Fatal(err)
	}
	h.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"LANG=C.UTF-8",
		"TERM=dumb",
		"HOME=" + h.Home,
		"XDG_DATA_HOME=" + filepath.Join(h.Home, "share"),
		"XDG_CONFIG_HOME=" + filepath.Join(h.Home, "config"),
		"XDG_STATE_HOME=" + filepath.Join(h.Home, "state"),
		"XDG_CACHE_HOME=" + filepath.Join(h.Home, "cache"),
		"XDG_RUNTIME_DIR=" + runtimeDir,
	}
}

// User returns the same machine as seen by another of its users.
func (h *Host) User(name string) *Host {
	h.lan.t.Helper()
	other := *h
	other.Name = name
	other.makeHome(name)
	return &other
}

// In runs fn on a thread inside the host's network: sockets that it opens belong to the host.
// fn must not start goroutines that count on that.
func (h *Host) In(fn func() error) error { return inNamespace(h.namespace, fn) }

// Result is what a finished command left.
type Result struct {
	Stdout string
	Stderr string
	Code   int // exit code; -1 after a signal
}

// Run runs a command on the host to its end. The test fails only when it cannot be started; the exit code is the caller's.
func (h *Host) Run(ctx context.Context, args ...string) Result {
	h.lan.t.Helper()
	return h.RunInput(ctx, "", args...)
}

// RunInput is Run with something to read on the standard input.
func (h *Host) RunInput(ctx context.Context, input string, args ...string) Result {
	h.lan.t.Helper()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = bytes.NewBufferString(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := h.start(cmd); err != nil {
		h.lan.t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code says it
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// start starts a command in the host's network, under the host's name, to be killed when this process dies.
func (h *Host) start(cmd *exec.Cmd) error { return h.startBy(cmd, cmd.Start) }

// startBy is start where begin starts the command.
func (h *Host) startBy(cmd *exec.Cmd, begin func() error) error {
	cmd.Env = h.Env
	cmd.Dir = h.Home
	cmd.WaitDelay = stopTime // a grandchild may hold the pipes
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return h.In(func() error { return withHostname(h.Hostname, begin) })
}

// withHostname runs fn on this thread in a namespace of host names of its own.
func withHostname(name string, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := os.Open("/proc/thread-self/ns/uts")
	if err != nil {
		return err
	}
	defer here.Close()
	if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("make a namespace of host names: %w", err)
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return err
	}
	err = fn()
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWUTS); back != nil {
		panic("netlab: a thread cannot take back its host name: " + back.Error())
	}
	return err
}

// Process is a command that goes on running on a host. It is killed with the test at the latest.
type Process struct {
	host   *Host
	cmd    *exec.Cmd
	done   chan struct{} // closed by the goroutine that waits for the command
	output lockedBuffer
}

// Start starts a command on the host and leaves it running. When the test fails, its output is logged.
func (h *Host) Start(args ...string) *Process {
	h.lan.t.Helper()
	p := h.process(args)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.launch()
	return p
}

// process prepares a command for launch.
func (h *Host) process(args []string) *Process {
	return &Process{host: h, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
}

func (p *Process) launch() {
	p.host.lan.t.Helper()
	p.launchBy(p.cmd.Start)
}

// launchBy is launch where begin starts the command.
func (p *Process) launchBy(begin func() error) {
	t := p.host.lan.t
	t.Helper()
	if err := p.host.startBy(p.cmd, begin); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code says it
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s: output of %v:\n%s", p.host.Name, p.cmd.Args, p.Output())
		}
	})
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output returns what the process has written so far.
func (p *Process) Output() string { return p.output.String() }

// OutputFrom is Output without the first so many bytes.
func (p *Process) OutputFrom(n int) string { return p.output.from(n) }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the process by SIGKILL, without a last word, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// Stop asks the process by SIGTERM to end and returns its exit code. The test fails if it takes longer than stopTime.
func (p *Process) Stop() int {
	p.host.lan.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.host.lan.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(stopTime):
		p.host.lan.t.Errorf("%s: process %d did not end within %v of SIGTERM", p.host.Name, p.PID(), stopTime)
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// lockedBuffer collects what a process writes while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) from(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b.Bytes()[min(n, l.b.Len()):])
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
