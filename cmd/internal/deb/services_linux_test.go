package deb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const (
	standing  = "probe.service"
	standsOut = "/run/probe.out"
)

// standIn starts a program in Perl in the place of the supernode, in its unit but for these settings. It returns what it prints, and the
// unit's result.
func standIn(m *machine, program string, settings ...string) (printed, result string) {
	m.t.Helper()
	unit := m.read("/lib/systemd/system/" + supernode)
	for _, change := range [][2]string{
		{`(?m)^ExecStart=.*$`, "ExecStart=/usr/bin/perl /run/probe.pl"},
		{`(?m)^Type=.*$`, "Type=oneshot"},
		{`(?m)^(Restart|RestartSec|WatchdogSec|NotifyAccess)=.*$`, ""},
		{`(?m)^ExecPaths=.*$`, "ExecPaths=/usr/bin/perl /usr/lib"},
	} {
		unit = regexp.MustCompile(change[0]).ReplaceAllString(unit, change[1])
	}
	m.write("/run/probe.pl", program)
	m.write("/run/systemd/system/"+standing, unit+"\n[Service]\n"+strings.Join(settings, "\n")+"\n")
	m.run("systemctl", "daemon-reload")
	_, _ = m.try("systemctl", "start", standing)
	result = m.property(standing, "Result")
	if m.exists(standsOut) {
		printed = strings.TrimSpace(m.read(standsOut))
	}
	m.shell("systemctl reset-failed " + standing + "; rm -f /run/systemd/system/" + standing + " /run/probe.pl " + standsOut)
	m.run("systemctl", "daemon-reload")
	return printed, result
}

// sandbox: a program that has the unit of the supernode to itself tries what it should not be able to, and what it should.
func sandbox(m *machine) {
	got, _ := standIn(m, probe, "StandardOutput=file:"+standsOut)
	want := strings.TrimSpace(`
its directory yes
/etc no
/usr no
/var/lib no
/home no
/run no
set-user-id no
another program no
AF_INET yes
AF_NETLINK yes
AF_UNIX yes
AF_PACKET no
AF_VSOCK no
clock asked yes
clock set no
namespace no
process 1 no
a disk no
root's files no`)
	if got != want {
		m.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// probe tries things and prints whether they can be done; its numbers are those of the kernel on amd64 and arm64.
const probe = `
use strict; use Socket; use POSIX;
my $arm = (POSIX::uname())[4] eq 'aarch64';
sub tried { printf "%s %s\n", $_[0], $_[1] ? 'yes' : 'no' }
sub writes { open(my $f, '>', $_[0]) or return 0; close $f; unlink $_[0]; 1 }
tried 'its directory', writes('/var/lib/sottovoce/probe');
tried $_, writes("$_/probe") for '/etc', '/usr', '/var/lib', '/home', '/run';
open(my $f, '>', '/var/lib/sottovoce/probe'); close $f;
tried 'set-user-id', chmod(04755, '/var/lib/sottovoce/probe');
unlink '/var/lib/sottovoce/probe';
{ no warnings; tried 'another program', system('/usr/bin/true') == 0; }
tried 'AF_INET', socket(my $a, AF_INET, SOCK_DGRAM, 0);
tried 'AF_NETLINK', socket(my $b, 16, SOCK_RAW, 0);
tried 'AF_UNIX', socket(my $c, AF_UNIX, SOCK_STREAM, 0);
tried 'AF_PACKET', socket(my $d, 17, SOCK_RAW, 0);
tried 'AF_VSOCK', socket(my $e, 40, SOCK_STREAM, 0);
my $asked = "\0" x 256;
tried 'clock asked', syscall($arm ? 171 : 159, $asked) >= 0;
my $set = pack('Lx4', 0x2) . "\0" x 248; # ADJ_FREQUENCY
tried 'clock set', syscall($arm ? 171 : 159, $set) >= 0;
tried 'namespace', syscall($arm ? 97 : 272, 0x10000000) == 0;
tried 'process 1', -e '/proc/1';
tried 'a disk', scalar(grep { -b $_ || /rtc|mem|kmsg/ } glob('/dev/*'));
tried "root's files", opendir(my $g, '/root');
`

// limits: the kernel ends what takes far more memory than a supernode should, and the journal keeps only so many lines of what logs too much.
func limits(m *machine) {
	taken, result := standIn(m, `$| = 1; for (1 .. 400) { push @all, "x" x (1 << 20); print "$_\n" }`,
		"StandardOutput=file:"+standsOut, "MemoryHigh=infinity", "MemorySwapMax=0")
	last, _ := strconv.Atoi(taken[strings.LastIndexByte(taken, '\n')+1:])
	if last < 256 || last >= 320 || result != "oom-kill" && result != "signal" {
		m.t.Errorf("it had taken %d MiB when it ended by %s", last, result)
	}
	const lines, kept = 5000, 500 // in ten minutes
	if _, result := standIn(m, fmt.Sprintf(`print "line $_\n" for 1 .. %d`, lines)); result != "success" {
		m.t.Errorf("what logs too much ends by %s", result)
	}
	m.run("journalctl", "--sync")
	if got := strings.Count(m.run("journalctl", "--no-pager", "--output=cat", "--unit", standing), "line "); got == 0 || got > kept {
		m.t.Errorf("the journal has %d lines of %d", got, lines)
	}
}

// node: the service of a user, who has an identity and nobody's help.
func node(m *machine) {
	m.run("useradd", "--create-home", "anna")
	uid := m.run("id", "-u", "anna")
	run := "/run/user/" + uid
	m.shell("mkdir -p " + run + " && chown anna: " + run)
	m.run("systemd-run", "--quiet", "--unit=anna", "-p", "User=anna", "-p", "Delegate=yes", "-p", "Type=notify", "-E", "XDG_RUNTIME_DIR="+run, "/lib/systemd/systemd", "--user")
	anna := func(args ...string) []string {
		return as("anna", append([]string{"env", "HOME=/home/anna", "XDG_RUNTIME_DIR=" + run}, args...)...)
	}
	if out := m.run(anna("systemd-analyze", "--user", "verify", "--man=no", "/usr/lib/systemd/user/sottovoce.service")...); out != "" {
		m.t.Error(out)
	}
	if out, err := m.try(anna("systemctl", "--user", "start", "sottovoce")...); err == nil {
		m.t.Errorf("it runs without an identity: %s", out)
	}
	if got := m.run(anna("systemctl", "--user", "show", "--value", "--property=ActiveState", "sottovoce")...); got != "failed" {
		m.t.Errorf("without an identity it is %s: it should not be tried again", got)
	}
	m.run(anna("sottovoce", "init", "--name", "Anna")...)
	m.run(anna("systemctl", "--user", "enable", "--now", "sottovoce")...)
	if got := m.run(anna("sottovoce", "status", "--json")...); !strings.Contains(got, `"name":"Anna"`) {
		m.t.Errorf("the node says %s", got)
	}
	m.run(anna("systemctl", "--user", "stop", "sottovoce")...)
	m.run("systemctl", "stop", "anna.service")
}

// boots: a file on the boot partition founds a supernode as soon as there is a network, and the supernode runs. The root words are in memory
// and on the screen, and in no log.
func boots(m *machine, deb string) {
	m.shell("mkdir -p /boot/firmware")
	m.write("/boot/firmware/sottovoce.txt", "community = Orchard\r\nuses = 2\r\n")
	m.install(deb)
	if m.exists(data + "/supernode") {
		m.t.Error("it is founded where nobody can be invited")
	}
	log := func() string { return m.run("journalctl", "--no-pager", "--output=cat") }
	m.until("it waits for a network", func() bool { return strings.Contains(log(), "no address on any network yet") })
	if state := m.property(firstBoot, "ActiveState"); state != "active" {
		m.t.Errorf("%s is %s, and others wait for it", firstBoot, state)
	}
	if m.exists(data + "/supernode") {
		m.t.Error("it is founded where nobody can be invited to it")
	}
	m.connect()
	m.until("the supernode runs", func() bool { return m.property(supernode, "ActiveState") == "active" })
	if !m.exists(data + "/invite.png") {
		m.t.Error("there is no picture of the invitation")
	}
	paper := m.read("/run/sottovoce/root-words")
	if shown := m.read("/dev/console"); !strings.Contains(shown, paper) {
		m.t.Errorf("the screen shows no root words: %q", shown)
	}
	words := strings.Fields(paper)
	if len(words) < 24 {
		m.t.Fatalf("%d root words", len(words))
	}
	if got := m.shell("stat -c '%U %a' /run/sottovoce/root-words"); got != "sottovoce 600" {
		m.t.Errorf("the root words are for %s", got)
	}
	logged := log()
	if !strings.Contains(logged, "sottovoce:") {
		m.t.Errorf("the log has no invitation: %s", logged)
	}
	if three := regexp.MustCompile(`[a-z-]{3,}`).FindAllString(strings.Join(words, " "), 3); strings.Contains(logged, strings.Join(three, " ")) {
		m.t.Error("the log has root words")
	}
	if restarts := m.property(firstBoot, "NRestarts"); restarts != "0" {
		m.t.Errorf("it was started %s times more", restarts)
	}
	reboot := func() {
		m.run("systemctl", "restart", firstBoot)
		m.until("a first boot has ended", func() bool { return m.property(firstBoot, "ActiveState") == "inactive" })
	}
	before := status(m).ID
	reboot()
	if after := status(m).ID; after != before {
		m.t.Errorf("the second boot has founded %s after %s", after, before)
	}
	m.run("systemctl", "disable", "--now", supernode)
	reboot()
	if state, job := m.property(supernode, "ActiveState"), m.property(supernode, "Job"); state != "inactive" || job != "" && job != "0" {
		m.t.Errorf("disabled by the operator, it is %s after a boot, with job %q", state, job)
	}
	m.run("systemctl", "enable", supernode) // and begin anew, as the guide says
	m.run("find", data, "-mindepth", "1", "-delete")
	m.run("systemctl", "restart", firstBoot)
	m.until("the new supernode runs", func() bool { return m.property(supernode, "ActiveState") == "active" })
	if after := status(m).ID; after == before || !m.exists(data+"/invite.png") || m.read("/run/sottovoce/root-words") == paper {
		m.t.Errorf("founded anew: %s after %s", after, before)
	}
	healthy(m)
}
