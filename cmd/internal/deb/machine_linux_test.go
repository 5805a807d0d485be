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

	"sottovoce/mesh/needtest"
)

const (
	release  = "bookworm"             // what Raspberry Pi OS was made of when this was written
	packages = "systemd,systemd-sysv" // beside the least that a Debian is

	unfetched = 75 // is what boot ends with where there is no way to the archive

	bootTimeout     = 6 * time.Minute  // with the packages fetched, on a busy machine
	emulatedTimeout = 30 * time.Minute // of one that is emulated
	runTimeout      = time.Minute      // of a command on the machine
	pollPause       = 50 * time.Millisecond
)

// emulators stand in for other processors than ours: a program, and what the header of theirs says, for the kernel.
var emulators = map[string][2]string{
	"arm64": {"qemu-aarch64-static", `\xb7\x00`},
	"armhf": {"qemu-arm-static", `\x28\x00`},
}

// machine is a Debian that runs.
type machine struct {
	t        *testing.T
	pid      int // of its systemd
	emulated bool
}

// boot makes a machine with a processor; it is gone when the test ends.
func boot(t *testing.T, arch string) *machine {
	t.Helper()
	needtest.Programs(t, "debootstrap", "unshare", "nsenter", "ip")
	if os.Getuid() != 0 {
		needtest.Without(t, "only root can make a machine")
	}
	runtime.LockOSThread() // the kernel kills the machine with the thread that made it, which is ours until the end
	root, group := t.TempDir(), fmt.Sprintf("sottovoce-deb-%d", os.Getpid())
	var said bytes.Buffer
	args, patience := []string{root, release, packages, group}, bootTimeout
	emulated := arch != architecture()
	if emulated {
		by := emulators[arch]
		needtest.Programs(t, by[0])
		path, _ := exec.LookPath(by[0])
		args, patience = append(args, arch, path, by[1]), emulatedTimeout
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "sh", "testdata/boot"}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &said, &said, dyingWithUs()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
		if out, err := exec.Command("timeout", "60", "unshare", "--mount", "--propagation", "private", "sh", "testdata/sweep", root, group).CombinedOutput(); err != nil {
			t.Errorf("the control groups stay: %v\n%s", err, out)
		}
	})
	m := &machine{t: t, emulated: emulated}
	for end := time.Now().Add(patience); ; time.Sleep(pollPause) {
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
				needtest.Without(t, "no Debian can be had: "+said.String())
			}
			t.Fatalf("the machine has not come up: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the machine does not come up")
		}
	}
}

// systemdUnder is the child of a process that has become systemd; 0 before.
func systemdUnder(pid int) int {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for each := range strings.FieldsSeq(string(children)) {
		if name, _ := os.ReadFile("/proc/" + each + "/comm"); string(name) == "systemd\n" {
			child, _ := strconv.Atoi(each)
			return child
		}
	}
	return 0
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
