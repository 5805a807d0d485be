package deb

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sottovoce/mesh/needtest"
)

const (
	data      = "/var/lib/sottovoce"
	supernode = "sottovoce-supernode.service"
	firstBoot = "sottovoce-first-boot.service"
	// exposureMax is how exposed systemd may find the services of the system, of 10.
	exposureMax = 2.0
)

// dyingWithUs has the kernel kill a process with the thread that started it.
func dyingWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// built is a package, or why there is none.
type built struct {
	path string
	err  error
}

// architecture is what Debian calls this machine's processor.
func architecture() string {
	if runtime.GOARCH == "arm" {
		return "armhf"
	}
	return runtime.GOARCH
}

// build makes the package of a version for a processor, as make deb does, or without its compression, which takes longest.
func build(dir, version, arch, compression string) built {
	cmd := exec.Command("make", "-s", "-C", "../../..", "deb", "VERSION="+version, "ARCHS="+arch, "OUT="+dir, "COMPRESSION="+compression)
	if out, err := cmd.CombinedOutput(); err != nil {
		return built{err: fmt.Errorf("make deb: %v\n%s", err, out)}
	}
	return built{path: filepath.Join(dir, "sottovoce_"+strings.TrimPrefix(version, "v")+"_"+arch+".deb")}
}

// TestPackages is the life of a package on a machine, from the first installation to the purge. MACHINES names other processors than
// ours, as make pi does.
func TestPackages(t *testing.T) {
	t.Parallel()
	all := strings.Fields(os.Getenv("MACHINES"))
	if len(all) == 0 {
		all = []string{architecture()}
	}
	for _, arch := range all {
		t.Run(arch, func(t *testing.T) { lives(t, arch) })
	}
}

// lives has the packages for a processor live through all that a package does.
func lives(t *testing.T, arch string) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	packages := make(chan built, len(dirs))
	var building sync.WaitGroup
	t.Cleanup(building.Wait)
	building.Go(func() { // beside the making of the machine
		packages <- build(dirs[0], "v1.0.0", arch, "xz")
		for _, dir := range dirs[1:] {
			packages <- build(dir, "v1.1.0", arch, "gzip")
		}
	})
	m := boot(t, arch)
	var paths []string
	for range dirs {
		p := <-packages
		if p.err != nil {
			t.Fatal(p.err)
		}
		paths = append(paths, p.path)
	}
	for _, step := range []struct {
		name string
		run  func(*machine)
	}{
		{"same commit, same bytes", func(m *machine) { same(m.t, paths[1], paths[2]) }},
		{"install", func(m *machine) { install(m, paths[0]) }},
		{"units", units},
		{"found and start", found},
		{"sandbox", kernels(sandbox)},
		{"limits", kernels(limits)},
		{"watchdog", watchdog},
		{"upgrade", func(m *machine) { upgrade(m, paths[1]) }},
		{"newer data", newer},
		{"a person's node", node},
		{"remove", func(m *machine) { remove(m, paths[1]) }},
		{"purge", purge},
		{"first boot", func(m *machine) { boots(m, paths[1]) }},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(&machine{t, m.pid, m.emulated}) }) {
			return
		}
	}
}

// TestProcessors: the packages for Raspberry Pis hold a program that they can run.
func TestProcessors(t *testing.T) {
	t.Parallel()
	needtest.Programs(t, "make", "git", "dpkg-deb")
	for _, pi := range []struct{ arch, setting, value, emulator string }{
		{"armhf", "GOARM", "6", "qemu-arm"},
		{"arm64", "GOARCH", "arm64", "qemu-aarch64"},
	} {
		t.Run(pi.arch, func(t *testing.T) {
			needtest.Programs(t, pi.emulator)
			made := build(t.TempDir(), "v1.0.0", pi.arch, "gzip")
			if made.err != nil {
				t.Fatal(made.err)
			}
			root := t.TempDir()
			if out, err := exec.Command("dpkg-deb", "--extract", made.path, root).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got, err := exec.Command("dpkg-deb", "--field", made.path, "Architecture").Output(); err != nil || string(got) != pi.arch+"\n" {
				t.Errorf("it is for %s (%v)", got, err)
			}
			program := filepath.Join(root, "usr/bin/sottovoce")
			info, err := buildinfo.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(info.Settings, debug.BuildSetting{Key: pi.setting, Value: pi.value}) {
				t.Errorf("no %s=%s: %v", pi.setting, pi.value, info.Settings)
			}
			if got, err := exec.Command(pi.emulator, program, "version").CombinedOutput(); err != nil || string(got) != "sottovoce v1.0.0\n" {
				t.Errorf("it says %s (%v)", got, err)
			}
		})
	}
}

// kernels is a step that asks the kernel for what no emulator does: it knows neither filters of system calls nor the memory of a program
// without its own.
func kernels(step func(*machine)) func(*machine) {
	return func(m *machine) {
		if !m.emulated {
			step(m)
		}
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	one, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, other) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// install: everything is in its place, and the supernode sleeps.
func install(m *machine, deb string) {
	m.install(deb)
	if out := m.run("dpkg", "--verify", "sottovoce"); out != "" {
		m.t.Errorf("what was installed is not what is there: %s", out)
	}
	if got := m.run("sottovoce", "version"); got != "sottovoce v1.0.0" {
		m.t.Errorf("the program says %q", got)
	}
	if got := m.shell("gzip -dc /usr/share/man/man1/sottovoce.1.gz | head -n 1"); !strings.HasPrefix(got, `.TH "SOTTOVOCE"`) {
		m.t.Errorf("the manual page begins with %q", got)
	}
	m.run("bash", "-c", ". /usr/share/bash-completion/completions/sottovoce; complete -p sottovoce")
	for _, path := range []string{"/usr/share/zsh/vendor-completions/_sottovoce", "/usr/share/fish/vendor_completions.d/sottovoce.fish"} {
		if !m.exists(path) {
			m.t.Errorf("there is no %s", path)
		}
	}
	for _, unit := range []string{supernode, firstBoot} {
		if got := m.run("systemctl", "is-enabled", unit); got != "enabled" {
			m.t.Errorf("%s is %s", unit, got)
		}
		if state, met := m.property(unit, "ActiveState"), m.property(unit, "ConditionResult"); state != "inactive" || met != "no" {
			m.t.Errorf("%s is %s without a supernode; its condition: %s", unit, state, met)
		}
	}
	if got := m.shell("stat -c '%U %G %a' " + data); got != "sottovoce sottovoce 700" {
		m.t.Errorf("%s belongs to %s", data, got)
	}
	healthy(m)
}

// healthy: no unit has failed.
func healthy(m *machine) {
	m.t.Helper()
	if failed := m.run("systemctl", "list-units", "--failed", "--plain", "--no-legend"); failed != "" {
		m.t.Errorf("failed: %s", failed)
	}
}

// units: systemd finds nothing wrong, and little exposed.
func units(m *machine) {
	exposed := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`)
	for _, unit := range []string{supernode, firstBoot} {
		if out := m.run("systemd-analyze", "verify", "--man=no", unit); out != "" {
			m.t.Errorf("%s: %s", unit, out)
		}
		said := m.run("systemd-analyze", "security", "--no-pager", "--offline=true", "/lib/systemd/system/"+unit)
		level, err := strconv.ParseFloat(exposed.FindStringSubmatch(said + "exposure level for x: 10")[1], 64)
		if err != nil || level > exposureMax {
			m.t.Errorf("%s is exposed by %v (%v): %s", unit, level, err, said)
		}
		m.t.Logf("%s is exposed by %v", unit, level)
	}
}

// state is what a supernode says of itself.
type state struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Running bool   `json:"running"`
	PID     int    `json:"pid"`
	DiskMax int64  `json:"disk_max"`
}

func status(m *machine) (s state) {
	m.t.Helper()
	said := m.run("sottovoce", "supernode", "status", "--json", "--data", data)
	if err := json.Unmarshal([]byte(said), &s); err != nil {
		m.t.Fatalf("%v: %s", err, said)
	}
	return s
}

// found: the supernode that its user makes runs, and what is founded is its own alone. Root is sent to that user, and leaves nothing there.
func found(m *machine) {
	if out, err := m.try("sottovoce", "supernode", "init", "--community", "Orchard", "--data", data); err == nil || !strings.Contains(out, "sudo -u sottovoce") {
		m.t.Errorf("founded by root: %s", out)
	}
	m.run(as("sottovoce", "sottovoce", "supernode", "init", "--community", "Orchard", "--data", data)...)
	if out, err := m.try("sottovoce", "supernode", "invite", "--data", data); err == nil {
		m.t.Errorf("root works in the folder of the service: %s", out)
	}
	m.run("systemctl", "start", supernode)
	if s := status(m); !s.Running || s.Version != "v1.0.0" {
		m.t.Errorf("after the start: %+v", s)
	}
	if link := m.run("sottovoce", "supernode", "invite", "--data", data); !strings.Contains(link, "sottovoce:") {
		m.t.Errorf("no link: %s", link)
	}
	if open := m.shell("find " + data + " ! -user sottovoce -o -perm /077 ! -type l"); open != "" {
		m.t.Errorf("not for its user alone: %s", open)
	}
}

// mainPID is the process of the supernode, by systemd.
func mainPID(m *machine) int {
	m.t.Helper()
	pid, err := strconv.Atoi(m.property(supernode, "MainPID"))
	if err != nil {
		m.t.Fatal(err)
	}
	return pid
}

// watchdog: a supernode that does not answer is replaced, one that does is left alone, and its log stays as it is.
func watchdog(m *machine) {
	m.shell("mkdir -p /run/systemd/system/" + supernode + ".d")
	m.write("/run/systemd/system/"+supernode+".d/soon.conf", "[Service]\nWatchdogSec=3s\nRestartSec=100ms\n")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", supernode)
	pid := mainPID(m)
	logged := func() string { return m.run("journalctl", "--no-pager", "--output=cat", fmt.Sprintf("_PID=%d", pid)) }
	m.until("it says that it is up", func() bool { return strings.Contains(logged(), "the supernode is up") })
	before := logged()
	last := func() string { return m.property(supernode, "WatchdogTimestampMonotonic") }
	at := last()
	for range 4 { // longer than a watchdog that hears nothing waits
		m.until("the watchdog hears of it", func() bool { return last() != at })
		at = last()
	}
	if now := mainPID(m); now != pid || pid == 0 {
		m.t.Errorf("process %d, that answers, was replaced by %d", pid, now)
	}
	if now := logged(); now != before {
		m.t.Errorf("at rest it has logged: %s", strings.TrimPrefix(now, before))
	}
	m.run("systemctl", "kill", "--signal=STOP", supernode)
	m.until("another supernode runs", func() bool {
		now := mainPID(m)
		return now != 0 && now != pid && m.property(supernode, "ActiveState") == "active"
	})
	if s := status(m); !s.Running {
		m.t.Errorf("after the watchdog: %+v", s)
	}
	m.shell("rm -r /run/systemd/system/" + supernode + ".d")
	m.run("systemctl", "daemon-reload")
}

// upgrade: the new program runs on what the old one kept, with the options that the operator chose.
func upgrade(m *machine, deb string) {
	m.write("/etc/default/sottovoce-supernode", "OPTIONS=\"--disk 1GiB\"\n")
	before := status(m)
	m.install(deb)
	after := status(m)
	if after.ID != before.ID || after.Version != "v1.1.0" || after.PID == before.PID || !after.Running || after.DiskMax != 1<<30 {
		m.t.Errorf("before the upgrade %+v, after it %+v", before, after)
	}
	m.run("systemctl", "disable", "--now", supernode)
	m.install(deb)
	if got, _ := m.try("systemctl", "is-enabled", supernode); got != "disabled" || mainPID(m) != 0 {
		m.t.Errorf("disabled by the operator, it is %s after an upgrade", got)
	}
	m.run("systemctl", "enable", "--now", supernode)
	healthy(m)
}

// contents are the sums of all that is kept.
func contents(m *machine) string {
	m.t.Helper()
	return m.shell("cd " + data + " && find . -type f -print0 | sort -z | xargs -0 sha256sum")
}

// newer: data that a newer program wrote are refused in words, and left as they are.
func newer(m *machine) {
	m.run("systemctl", "stop", supernode)
	ours := m.read(data + "/supernode")
	const version, versionAt = "\xa2\x01\x01", 2 // of the key file: the first of two fields
	if !strings.HasPrefix(ours, version) {
		m.t.Fatalf("the key file does not begin with its version: % x", ours[:3])
	}
	m.write(data+"/supernode", ours[:versionAt]+"\x02"+ours[versionAt+1:])
	before := contents(m)
	if out, err := m.try("systemctl", "start", supernode); err == nil {
		m.t.Errorf("it runs on data of a newer version: %s", out)
	}
	m.run("systemctl", "stop", supernode)
	if out, err := m.try(as("sottovoce", "sottovoce", "supernode", "up", "--data", data)...); err == nil || !strings.Contains(out, "newer") {
		m.t.Errorf("why is not said: %s", out)
	}
	if after := contents(m); after != before {
		m.t.Errorf("before %s\nafter %s", before, after)
	}
	m.write(data+"/supernode", ours)
	m.run("systemctl", "start", supernode)
}

// remove: what is kept outlives the package, and goes on with the next one.
func remove(m *machine, deb string) {
	before := status(m)
	m.run("systemctl", "stop", supernode)
	kept := contents(m)
	m.run("systemctl", "start", supernode)
	m.run("dpkg", "--remove", "sottovoce")
	if now := contents(m); now != kept {
		m.t.Errorf("kept before the removal %s\nafter it %s", kept, now)
	}
	if out, _ := m.try("pidof", "sottovoce"); out != "" {
		m.t.Errorf("still running: %s", out)
	}
	healthy(m)
	m.shell("mkdir -p /boot/firmware")
	m.write("/boot/firmware/sottovoce.txt", "community = Orchard\n")
	m.install(deb)
	if !m.exists(data + "/invite.png") {
		m.t.Error("installed again, it does not look at what is on the boot partition")
	}
	m.shell("rm -r /boot/firmware")
	if after := status(m); after.ID != before.ID || !after.Running || after.DiskMax != before.DiskMax {
		m.t.Errorf("before the removal %+v, after the next installation %+v", before, after)
	}
}

// purge: nothing is left but the user.
func purge(m *machine) {
	m.run("dpkg", "--purge", "sottovoce")
	if left := m.shell("find / -xdev -name '*sottovoce*' ! -path '/root/*' ! -path '/home/*'; ls -d /run/sottovoce 2>/dev/null || true"); left != "" {
		m.t.Errorf("left: %s", left)
	}
	m.run("getent", "passwd", "sottovoce")
	if !m.exists("/home/anna/.local/share/sottovoce") {
		m.t.Error("a person's home is gone")
	}
	healthy(m)
}
