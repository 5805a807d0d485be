package deb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	release  = "bookworm"             // what Raspberry Pi OS was made of when this was written
	packages = "systemd,systemd-sysv" // beside the least that a Debian is

	unfetched = 75 // is what boot ends with where there is no way to the archive

	bootTimeout = 6 * time.Minute // with the packages fetched, on a busy machine
	runTimeout  = time.Minute     // of a command on the machine
	pollPause   = 50 * time.Millisecond
)

// machine is a Debian that runs.
type machine struct {
	t   *testing.T
	pid int // of its systemd
}

// sweep removes the control group of a machine as soon as all its processes are gone: sh -c SWEEP sh DIRECTORY GROUP, in a mount
// namespace of its own.
const sweep = `mount -t cgroup2 groups "$1" && cd "$1" && [ -d "$2" ] || exit 0; while grep -q 'populated 1' "$2/cgroup.events"; do sleep 0.1; done; find "$2" -depth -type d -exec rmdir {} +`

// boot makes a machine; it is gone when the test ends.
func boot(t *testing.T) *machine {
	t.Helper()
	need(t, "debootstrap", "unshare", "nsenter", "ip")
	if os.Getuid() != 0 {
		without(t, "only root can make a machine")
	}
	runtime.LockOSThread() // the kernel kills the machine with the thread that made it, which is ours until the end
	root, group := t.TempDir(), fmt.Sprintf("sottovoce-deb-%d", os.Getpid())
	var said bytes.Buffer
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "testdata/boot", root, release, packages, group)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &said, &said, dyingWithUs()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
		if out, err := exec.Command("timeout", "60", "unshare", "--mount", "--propagation", "private", "sh", "-c", sweep, "sh", root, group).CombinedOutput(); err != nil {
			t.Errorf("the control group stays: %v\n%s", err, out)
		}
	})
	m := &machine{t: t}
	for end := time.Now().Add(bootTimeout); ; time.Sleep(pollPause) {
		if m.pid == 0 {
			m.pid = systemdUnder(cmd.Process.Pid)
		}
		if m.pid != 0 {
			if state, _ := m.try("systemctl", "is-system-running"); state == "running" || state == "degraded" {
				return m
			}
		}
		select {
		case err := <-gone:
			gone <- err
			if cmd.ProcessState.ExitCode() == unfetched {
				without(t, "no Debian can be had: "+said.String())
			}
			t.Fatalf("the machine has not come up: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the machine does not come up")
		}
	}
}

// need skips the test where a tool is missing.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			without(t, "there is no "+tool)
		}
	}
}

// without skips the test, which CI does not let it.
func without(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s, and in CI nothing is skipped", reason)
	}
	t.Skip(reason)
}

// systemdUnder is the one child of a process once it has become systemd; 0 before.
func systemdUnder(pid int) int {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	child, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		return 0
	}
	if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child)); string(name) != "systemd\n" {
		return 0
	}
	return child
}

// try runs a command on the machine, as root, and returns what it prints on both outputs.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
	defer cancel()
	enter := []string{"--target", strconv.Itoa(m.pid), "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// run is try for what has to succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// as is what stands before a command to have a user run it.
func as(user string, args ...string) []string {
	return append([]string{"runuser", "-u", user, "--"}, args...)
}

// shell runs a line of the shell.
func (m *machine) shell(line string) string {
	m.t.Helper()
	return m.run("sh", "-c", line)
}

// file is the path of a file of the machine for us.
func (m *machine) file(path string) string {
	return filepath.Join("/proc", strconv.Itoa(m.pid), "root", path)
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.file(path), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) read(path string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.file(path))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

func (m *machine) exists(path string) bool {
	_, err := os.Lstat(m.file(path))
	return !errors.Is(err, os.ErrNotExist)
}

// property is what systemd says of a unit.
func (m *machine) property(unit, name string) string {
	m.t.Helper()
	return m.run("systemctl", "show", "--value", "--property", name, unit)
}

// until waits for something of the machine that nobody tells.
func (m *machine) until(what string, so func() bool) {
	m.t.Helper()
	for end := time.Now().Add(runTimeout); !so(); time.Sleep(pollPause) {
		if time.Now().After(end) {
			m.t.Fatalf("not in %v: %s", runTimeout, what)
		}
	}
}

// install puts a package of this machine onto that one.
func (m *machine) install(deb string) {
	m.t.Helper()
	body, err := os.ReadFile(deb)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write("/root/sottovoce.deb", string(body))
	m.run("dpkg", "--install", "/root/sottovoce.deb")
}

// connect gives the machine an address.
func (m *machine) connect() {
	m.t.Helper()
	for _, line := range []string{"ip address add 192.0.2.7/24 dev lan0", "ip link set lan1 up", "ip link set lan0 up"} {
		enter := append([]string{"--target", strconv.Itoa(m.pid), "--net"}, strings.Fields(line)...)
		if out, err := exec.Command("nsenter", enter...).CombinedOutput(); err != nil {
			m.t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}
