package observer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sottovoce/cmd/internal/daemon"
	"sottovoce/cmd/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// homeEnv names the home whose node a process of this test is to run.
const homeEnv = "OBSERVED_HOME"

// What stands for hours on a real network.
const (
	testEpoch  = 2500 * time.Millisecond
	testRounds = 3
	testStay   = 3 * time.Second // beside the time that probing takes, which is longer
)

// TestAsNode is a node, in a process of its own on a host of a LAN.
func TestAsNode(t *testing.T) {
	home := os.Getenv(homeEnv)
	if home == "" {
		return // not one of those
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	d, err := daemon.Start(ctx, daemon.Options{Home: home, Epoch: testEpoch, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Fatal(err)
	}
}

// visitor is a node on a host.
type visitor struct {
	name    string
	host    *netlab.Host
	process *netlab.Process
}

func (v *visitor) mac() string { return v.host.Interface().HardwareAddr.String() }

func (v *visitor) start() { v.process = v.host.Start(os.Args[0], "-test.run=^TestAsNode$") }

// TestRealVisits: nodes come to a network again and again, each time with another network card
// and other addresses, and go without a word. Most of them run on meanwhile, as a laptop does
// that is carried about; the others start anew.
func TestRealVisits(t *testing.T) {
	t.Parallel()
	twice(t, observeVisits)
}

func observeVisits(t *testing.T, seed uint64) disproved {
	lan := netlab.New(t, netlab.IPv4|netlab.ULA)
	capture := lan.Capture()
	homes, secrets := Homes(t, t.TempDir(), names[:6])
	var visitors []*visitor
	for i, name := range names[:6] {
		v := &visitor{name: name, host: lan.Host(fmt.Sprint("host", i))}
		v.host.Env = append(v.host.Env, homeEnv+"="+homes[i], plantedEnv+"="+os.Getenv(plantedEnv))
		visitors = append(visitors, v)
	}
	mallory := newProbers(t, lan)
	log := &Log{}
	chance := rand.New(rand.NewPCG(1, seed))
	order := slices.Clone(visitors)
	for round := range testRounds {
		for _, i := range chance.Perm(len(visitors)) {
			v := visitors[i]
			if round > 0 {
				v.host.Back()
			}
			log.Comes(v.name, round, time.Now(), v.mac())
			if v.process == nil {
				v.start()
			}
			time.Sleep(time.Duration(chance.IntN(100)) * time.Millisecond)
		}
		time.Sleep(testStay / 2)
		chance.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] }) // a place in it would be a mark
		mallory.probe(t, capture, order, log)
		time.Sleep(testStay / 2)
		for _, v := range order {
			if round == testRounds-1 || chance.IntN(3) == 0 {
				v.process.Stop()
				v.process = nil
			}
			v.host.Gone()
		}
	}
	var packets []Packet
	for _, f := range capture.Frames() {
		packets = append(packets, FromFrame(f.Time, f.Bytes))
	}
	return log.check(t, packets, secrets, shortly)
}

// shortly are the features that link epochs of seconds and not of hours: those of one visit
// then all fall into the first minute, in which a node asks and announces by a fixed plan from
// its arrival on. A day in virtual time does not grant them.
var shortly = regexp.MustCompile(`phase|between|interval|distinct`)

// probers is a host that dials everybody.
type probers struct {
	host   *netlab.Host
	dialer *Prober
}

func newProbers(t *testing.T, lan *netlab.LAN) *probers {
	p := &probers{host: lan.Host("mallory")}
	p.dialer = NewProber(p.listen(t))
	t.Cleanup(func() { p.dialer.Close() })
	return p
}

func (p *probers) listen(t *testing.T) (conn *net.UDPConn) {
	err := p.host.In(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// probe dials every port that was announced last, and begins the connections of others anew.
func (p *probers) probe(t *testing.T, capture *netlab.Capture, visitors []*visitor, log *Log) {
	ports := make(map[string]uint16) // by hardware address
	begun := make(map[netip.AddrPort][][]byte)
	for _, f := range capture.Frames() {
		packet := FromFrame(f.Time, f.Bytes)
		for _, a := range Announcements(packet) {
			if a.Port != 0 {
				ports[packet.Sender] = a.Port
			}
		}
		if b := packet.Payload; len(b) >= 1200 && b[0]&0xf0 == 0xc0 {
			begun[packet.To] = append(begun[packet.To], b)
		}
	}
	var wait sync.WaitGroup
	for _, v := range visitors {
		mac := v.mac()
		at := netip.AddrPortFrom(v.host.IPv4, ports[mac])
		if at.Port() == 0 {
			t.Errorf("%s is not announced", v.name)
			continue
		}
		raw := p.listen(t)
		wait.Go(func() { log.Probed(mac, ProbeRaw(raw, at, begun[at])) })
		wait.Go(func() { log.Probed(mac, p.dialer.Probe(t.Context(), at)) })
	}
	wait.Wait()
}
