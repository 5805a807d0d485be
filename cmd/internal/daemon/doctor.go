package daemon

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/doctor"
	"sottovoce/discovery/mdns"
	"sottovoce/mesh"
	"sottovoce/mesh/peer"
)

const (
	// echoMax is how long an announcement may take to come back, on a machine that has much to do.
	echoMax = 1500 * time.Millisecond
	// examinedMax bounds an examination, so that it ends whatever hangs.
	examinedMax = 10 * time.Second
	// foreignMax is how long ago something of another machine counts as lately: two announcements.
	foreignMax = 4 * time.Minute
	// strangeTime is in which who is there answers a newcomer.
	strangeTime = time.Second
	// burstTime is in which a node that calls out is heard in spite of losses: three announcements.
	burstTime  = 700 * time.Millisecond
	factsEvery = 50 * time.Millisecond
)

// machineClock is where a machine tells of its clock.
type machineClock struct {
	now       func() time.Time
	vouched   func() bool
	batteries string // the folder in which the kernel shows clocks that go on without power
}

var ourClock = machineClock{time.Now, clockVouched, "/sys/class/rtc"}

// examination gathers facts, and hands on what the doctor says of them.
type examination struct {
	home       string
	listen     string // wanted for links; for who runs no node
	named      []string
	finder     *mdns.Finder
	began      time.Time  // when something was called out
	node       *mesh.Node // nil: none runs
	visibility string
	clock      machineClock
	time       time.Duration // there is
	tell       func(control.Finding) bool

	mu     sync.Mutex           // guards epochs
	epochs map[string]time.Time // of the nodes that our own finder sees, by instance

	interfaces []doctor.Interface
	legs       []doctor.Leg
	contacts   []doctor.Contact
	around     doctor.Around
}

// Doctor implements control.Node.
func (a *adapter) Doctor(ctx context.Context) (iter.Seq2[control.Finding, error], error) {
	s, err := a.Status(ctx)
	if err != nil {
		return nil, err
	}
	x := examination{home: a.home, named: a.named, finder: a.finder, node: a.node, visibility: string(s.Visibility), clock: ourClock, time: examinedMax}
	return x.findings(ctx), nil
}

// Doctor examines this machine and its network while no node runs for a home; listen and
// interfaces are what one would be started with. The findings end early with ctx.
func Doctor(ctx context.Context, home, listen string, interfaces []string) iter.Seq2[control.Finding, error] {
	x := examination{home: home, listen: listen, named: interfaces, clock: ourClock, time: examinedMax}
	return x.findings(ctx)
}

// findings examines and yields, for the time there is. The error is that of ctx.
func (x *examination) findings(ctx context.Context) iter.Seq2[control.Finding, error] {
	return func(yield func(control.Finding, error) bool) {
		asked := ctx
		ctx, cancel := context.WithTimeout(asked, x.time)
		defer cancel()
		wanted := true
		x.tell = func(f control.Finding) bool {
			if wanted && ctx.Err() == nil {
				wanted = yield(f, nil)
			}
			return wanted && ctx.Err() == nil
		}
		x.examine(ctx)
		switch {
		case wanted && asked.Err() != nil:
			yield(control.Finding{}, context.Cause(asked))
		case wanted && ctx.Err() != nil:
			yield(doctor.CutShort(), nil)
		}
	}
}

// all tells several findings.
func (x *examination) all(findings ...control.Finding) bool {
	return !slices.ContainsFunc(findings, func(f control.Finding) bool { return !x.tell(f) })
}

// examine tells first what this machine knows by itself, then, if it is on one, what the
// network shows, then what contacts say.
func (x *examination) examine(ctx context.Context) {
	stop := x.callOut(ctx)
	defer stop()
	x.around.Firewall = firewallProgram()
	ports := doctor.Ports{Listen: x.listen, MDNSTaken: reasonOf(mdns.Usable(ctx)), Taken: x.taken()}
	if !x.all(doctor.CheckNode(doctor.Node{Running: x.node != nil, Visibility: x.visibility})) ||
		!x.all(doctor.CheckDisk(diskOf(x.home))...) || !x.all(doctor.CheckPorts(ports)...) {
		return
	}
	x.listenIn(ctx)
	network := doctor.CheckNetwork(x.interfaces, x.named)
	here := !doctor.Nowhere(network)
	if !x.tell(network) || here && (!x.all(doctor.CheckMulticast(x.legs, x.around)...) || !x.tell(doctor.CheckOthers(x.around))) {
		return
	}
	clock := doctor.Clock{Now: x.clock.now(), Battery: hasBatteryClock(x.clock.batteries), Vouched: x.clock.vouched()}
	if !x.tell(doctor.CheckClock(clock, x.around.Dates)) || !here {
		return
	}
	x.ask(ctx)
	x.around.Answers = routerAnswers(ctx, x.usedNames(), x.isHere)
	if ctx.Err() != nil {
		return
	}
	_ = x.all(doctor.CheckSeen(x.contacts, x.legs, x.around, x.visibility)...) &&
		x.all(doctor.CheckReach(x.contacts, x.around)...) &&
		x.tell(doctor.CheckIsolation(x.contacts, x.legs, x.around, x.visibility)) &&
		x.all(doctor.CheckPackets(x.contacts, x.interfaces)...)
}

// callOut has something announced to everybody, so that its echo can be heard: by the node,
// or else by a finder of our own that announces a node whom nobody knows.
func (x *examination) callOut(ctx context.Context) (stop func()) {
	x.began = time.Now()
	if x.node != nil {
		x.finder.Refresh()
		return func() {}
	}
	x.finder = mdns.New(mdns.Config{Interfaces: x.named})
	x.finder.Restrict(true) // the home, which is closed, may be local only
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		stands := func(on []peer.Network) { x.finder.Announce(throwaway(), on) }
		_ = x.finder.Run(ctx, x.saw, stands) // it fails only if it runs already
	}()
	return func() {
		cancel()
		<-done
	}
}

// listenIn waits until every announcement has come back, echoMax at most, and keeps how the
// interfaces fare.
func (x *examination) listenIn(ctx context.Context) {
	for {
		x.legs = legsOf(x.finder.Health(), x.began, time.Now().Add(-foreignMax))
		heard := len(x.legs) > 0 && !slices.ContainsFunc(x.legs, func(l doctor.Leg) bool { return !l.Echo })
		if heard && x.acquainted() || time.Since(x.began) > echoMax {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(factsEvery):
		}
	}
	x.interfaces = interfacesOf(x.finder)
	x.countOthers(ctx)
	for _, i := range x.interfaces {
		for _, p := range i.Prefixes {
			if x.around.Subnet == "" && i.Used && p.Addr().Is4() {
				x.around.Subnet = p.Masked().String()
			}
		}
	}
}
