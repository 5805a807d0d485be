package netlab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSupernodeGuide types what docs/supernode.md says to type, line by line, on the machines that it names, and looks
// whether what it promises happens. Commands of other programs that concern the whole machine are stood in for.
func TestSupernodeGuide(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	g := &guide{t: t, lan: lan, hosts: map[string]*Host{}, up: map[string]*Process{}, people: map[string]*someone{}}
	for _, name := range []string{"anna", "bert"} {
		s := settleAs(t, g.host(name), strings.ToUpper(name[:1])+name[1:])
		g.people[name] = s
	}
	anna, bert := g.people["anna"], g.people["bert"]
	befriend(anna, bert)
	for _, line := range typedIn(t, "supernode.md") {
		g.before(line)
		g.does(line)
	}
	if len(g.ran) < 32 {
		t.Fatalf("only %d lines were typed: %q", len(g.ran), g.ran)
	}
	bert.hears(arriveTime, anna, []string{"the key is under the pot"})
}

// before brings about what the guide speaks of before it tells to type a line.
func (g *guide) before(line guideLine) {
	g.t.Helper()
	anna, bert := g.people["anna"], g.people["bert"]
	shed, newpi, attic := g.depot("shed"), g.depot("newpi"), g.depot("attic")
	switch {
	case strings.Contains(line.command, "send Bert"): // he is away
		bert.node.Stop()
	case strings.Contains(line.command, "revoke ID"): // that on the new machine is stolen
		shed.catchesUp(newpi)
		if kept := depotList[supernodeStatusJSON](newpi, "status")[0].Blobs; kept == 0 {
			g.t.Error("the copy on the new machine keeps nothing")
		}
		g.id = depotList[supernodeStatusJSON](newpi, "status")[0].ID
	case line.host == "attic" && !g.ranOn("attic"): // all are lost
		if others := depotList[fellowsJSON](shed, "status")[0].Communities[0].Fellows; len(others) != 0 {
			g.t.Errorf("what was shut out is a supernode still: %+v", others)
		}
		g.up["newpi"].Kill()
		g.up["shed"].Kill()
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // what the words sign next is numbered by the second
	case line.host == "bert" && g.ranOn("attic"): // who wrote to him has left it again, and is away
		attic.keepsSomething()
		anna.node.Stop()
		bert.up()
	}
}

// depot is the supernode of a machine.
func (g *guide) depot(name string) *depot {
	h := g.hosts[name]
	if h == nil {
		return nil
	}
	return &depot{Host: h, t: g.t}
}

// keepsSomething waits until something is left at a supernode.
func (s *depot) keepsSomething() {
	s.t.Helper()
	(&someone{Host: s.Host, t: s.t}).eventually("blob", func() error {
		if got := depotList[supernodeStatusJSON](s, "status")[0]; got.Blobs == 0 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
}

// ranOn reports whether something was typed on a machine.
func (g *guide) ranOn(host string) bool {
	return slices.ContainsFunc(g.ran, func(ran string) bool { return strings.HasPrefix(ran, host+"$") })
}

// guideLine is one line that a guide tells to type on a machine.
type guideLine struct{ host, command string }

// prompt is what stands before such a line.
var prompt = regexp.MustCompile(`^ {4,7}([a-z]+)\$ (.*)$`)

// typedIn finds the lines that a page of docs tells to type.
func typedIn(t *testing.T, page string) (lines []guideLine) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if m := prompt.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			lines = append(lines, guideLine{m[1], m[2]})
		}
	}
	return lines
}

// guide is somebody who does what a page says.
type guide struct {
	t      *testing.T
	lan    *LAN
	hosts  map[string]*Host
	up     map[string]*Process // what runs in the background, by host
	people map[string]*someone
	words  string // the root words, as they were shown
	link   string // the link that was shown last
	id     string // the id of a supernode
	ran    []string

	places []string                                 // what is written for a place, and the place here
	stands map[string]func(h *Host, command string) // what stands in for commands that begin so
}

// host is a machine of that name; commands find the program there.
func (g *guide) host(name string) *Host {
	h := g.hosts[name]
	if h == nil {
		h = g.lan.Host(name)
		program := Binary(g.t)
		h.Env = slices.DeleteFunc(h.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") })
		h.Env = append(h.Env, "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
		g.hosts[name] = h
	}
	return h
}

// does types one line.
func (g *guide) does(line guideLine) {
	g.t.Helper()
	h := g.host(line.host)
	command := strings.NewReplacer(append(g.places, "LINK", g.link, "ID", g.id)...).Replace(line.command)
	g.ran = append(g.ran, line.host+"$ "+line.command)
	for begins, act := range g.stands {
		if strings.HasPrefix(command, begins) {
			act(h, command)
			return
		}
	}
	switch {
	case strings.HasPrefix(command, "systemctl stop "):
		g.up[line.host].Stop()
		return
	case strings.HasPrefix(command, "scp -rp "):
		g.copies(h, strings.Fields(command)[2:])
		return
	}
	if background, ok := strings.CutSuffix(command, " &"); ok {
		g.starts(h, line.host, background)
		return
	}
	input := ""
	if strings.HasPrefix(command, "cat > ") {
		input = g.words + "\n"
	}
	got := h.RunInput(g.t.Context(), input, "sh", "-c", command)
	if got.Code != 0 {
		g.t.Fatalf("%s$ %s ends with %d: %s%s", line.host, command, got.Code, got.Stdout, got.Stderr)
	}
	g.reads(got.Stdout)
}

// reads takes root words and links from what is shown.
func (g *guide) reads(text string) {
	if _, shown, ok := strings.Cut(text, "paper:\n\n"); ok {
		g.words, _, _ = strings.Cut(shown, "\n\n")
	}
	for shown := range strings.Lines(text) {
		if strings.HasPrefix(shown, "sottovoce:") {
			g.link = strings.TrimSpace(shown)
		}
	}
}

// copies stands in for scp between two machines that share a disk here.
func (g *guide) copies(h *Host, args []string) {
	g.t.Helper()
	from, folder, _ := strings.Cut(args[0], ":")
	out, err := exec.Command("cp", "-rp", filepath.Join(g.host(from).Home, folder), filepath.Join(h.Home, args[1])).CombinedOutput()
	if err != nil {
		g.t.Fatalf("%v: %s", err, out)
	}
}

// starts leaves a supernode running, and returns when it answers.
func (g *guide) starts(h *Host, name, command string) {
	g.t.Helper()
	g.up[name] = h.Start(append([]string{Binary(g.t)}, strings.Fields(strings.TrimPrefix(command, "sottovoce "))...)...)
	waitSupernode(g.t, h, "orchard")
}
