package netlab

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/needtest"
)

// writePause is how long Anna rests between two messages while the community moves, and writeLeast how many she writes at least.
const writePause, writeLeast = 200 * time.Millisecond, 5

// clusterGuide is somebody who does what docs/cluster.md says, and the people of the community whom it is done for.
type clusterGuide struct {
	guide
	anna, bert *someone
	servers    []*Process
	config     string   // of the servers
	walls      []func() // take walls away
	exported   int      // blobs that the old one had when it was exported last
	told       []string // what Anna has written
	silent     func()   // ends that Anna writes, once she has written some
}

// TestClusterGuide types what docs/cluster.md says to type, line by line, and looks whether what it promises happens: what Anna leaves for Bert
// while the community moves to the cluster he gets there, once, and what she leaves there he gets after it has moved back.
func TestClusterGuide(t *testing.T) {
	t.Parallel()
	needtest.Programs(t, "openssl")
	lan := New(t, IPv4)
	g := &clusterGuide{guide: guide{t: t, lan: lan, hosts: map[string]*Host{}, up: map[string]*Process{}}}
	buildNATS(t)
	addresses := strings.NewReplacer("192.0.2.1", g.host("one").IPv4.String(), "192.0.2.2", g.host("two").IPv4.String(), "192.0.2.3", g.host("three").IPv4.String())
	g.config = addresses.Replace(shownAfter(t, "cluster.md", "cat > nats/nats.conf"))
	pi, words := found(t, g.host("pi"))
	g.words, g.up["pi"] = words, pi.process
	g.anna, g.bert = settleAs(t, lan.Host("anna"), "Anna"), settleAs(t, lan.Host("bert"), "Bert")
	befriend(g.anna, g.bert)
	pi.admits(g.anna, g.bert)
	for _, line := range typedIn(t, "cluster.md") {
		g.before(line)
		line.command = addresses.Replace(line.command)
		g.types(line)
	}
	if len(g.ran) < 40 {
		t.Fatalf("only %d lines were typed: %q", len(g.ran), g.ran)
	}
	g.members("newpi")
	g.bert.leaves()
	g.anna.leave(g.bert, "after the move back")
	for _, cluster := range []string{"one", "two"} {
		g.up[cluster].Kill()
	}
	g.anna.leaves()
	g.bert.up()
	g.bert.hears(arriveTime, g.anna, append(g.told, "after the move back"))
}

// before brings about what the guide speaks of before it tells to type a line.
func (g *clusterGuide) before(line guideLine) {
	g.t.Helper()
	switch {
	case strings.Contains(line.command, "supernode init --join") && line.host == "one": // the servers have agreed on who leads
		g.within("cluster", func() error {
			for _, s := range g.servers {
				if !strings.Contains(s.Output(), "metadata leader") {
					return errors.New(s.Output())
				}
			}
			return nil
		})
	case strings.Contains(line.command, "export orchard.stick") && !g.typed("export orchard.stick"):
		g.members("one", "two")
		g.bert.leaves()
		g.wall("one", "two") // nothing but the file leads from the old one to the cluster
		g.anna.leave(g.bert, "before the end of the old one")
		g.told = append(g.told, "before the end of the old one")
		g.writes()
		g.notes()
	case strings.Contains(line.command, "export orchard.stick"):
		g.notes()
	case strings.Contains(line.command, "revoke ID"):
		if cluster := depotList[supernodeStatusJSON](g.depot("one"), "status")[0]; g.exported == 0 || cluster.Blobs < g.exported {
			g.t.Fatalf("the old one kept %d blobs, the cluster keeps %d", g.exported, cluster.Blobs)
		}
		g.id = depotList[supernodeStatusJSON](g.depot("pi"), "status")[0].ID
		for _, down := range g.walls {
			down()
		}
	case strings.Contains(line.command, "invite --supernode") && line.host == "one": // the old one has gone
		g.silent()
		g.anna.heldBy(g.bert, 1)
		g.anna.leaves()
		g.bert.up()
		g.bert.hears(arriveTime, g.anna, g.told)
		g.anna.up()
	}
}

// notes notes what the old one has.
func (g *clusterGuide) notes() {
	g.exported = depotList[supernodeStatusJSON](g.depot("pi"), "status")[0].Blobs
}

// writes has Anna write to Bert from now on.
func (g *clusterGuide) writes() {
	some, stop, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-g.t.Context().Done():
				return
			case <-time.After(writePause):
			}
			text := fmt.Sprint("while it moves: ", n)
			if got := g.anna.call("send", g.bert.called, text); got.Code != 0 {
				g.t.Errorf("%q is not taken: %+v", text, got)
				return
			}
			g.told = append(g.told, text)
			if n == writeLeast {
				close(some)
			}
		}
	}()
	g.silent = func() {
		select {
		case <-some:
		case <-stopped: // which it was not to
		}
		close(stop)
		<-stopped
	}
	g.t.Cleanup(func() { <-stopped })
}

// members waits until both reach the supernode that runs on machines.
func (g *clusterGuide) members(machines ...string) {
	g.t.Helper()
	for _, machine := range machines {
		at := g.depot(machine)
		at.id = depotList[supernodeStatusJSON](at, "status")[0].ID
		g.anna.reaches(at)
		g.bert.reaches(at)
	}
}

// wall keeps apart the old supernode, and Anna, from machines.
func (g *clusterGuide) wall(machines ...string) {
	g.t.Helper()
	var rules []string
	for _, machine := range machines {
		rules = append(rules, "ip saddr "+g.host(machine).IPv4.String()+" drop")
	}
	for _, h := range []*Host{g.host("pi"), g.anna.Host} {
		g.walls = append(g.walls, h.Firewall("input", rules...))
	}
}

// typed reports whether something was typed that contains words.
func (g *clusterGuide) typed(words string) bool {
	return slices.ContainsFunc(g.ran, func(ran string) bool { return strings.Contains(ran, words) })
}

func (g *clusterGuide) within(what string, try func() error) {
	g.t.Helper()
	g.anna.eventually(what, try)
}

// types types one line.
func (g *clusterGuide) types(line guideLine) {
	g.t.Helper()
	h := g.host(line.host)
	background, ends := strings.CutSuffix(line.command, " &")
	switch {
	case strings.HasPrefix(line.command, "cat > nats/"):
		if got := h.RunInput(g.t.Context(), g.config, "sh", "-c", line.command); got.Code != 0 {
			g.t.Fatalf("%+v", got)
		}
	case ends && strings.Contains(line.command, "nats-server"): // in the place of the shell, so that it ends with the test
		g.servers = append(g.servers, h.Start("sh", "-c", strings.Replace(background, "nats-server", "exec nats-server", 1)))
	default:
		g.does(line)
		return
	}
	g.ran = append(g.ran, line.host+"$ "+line.command)
}

// buildNATS puts nats-server, at the version of go.mod, beside the program, where machines of guides find it.
func buildNATS(t *testing.T) {
	t.Helper()
	path := filepath.Join(filepath.Dir(Binary(t)), "nats-server")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		t.Fatalf("build nats-server: %v\n%s", err, out)
	}
}
