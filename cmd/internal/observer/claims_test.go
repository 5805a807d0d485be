package observer

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// names are long: short ones would be found by chance.
var names = []string{
	"Annamaria Bianchi", "Bruno Castellani", "Carla Domenichini", "Dario Esposito", "Elena Fiorentini", "Fabio Giordano", "Gianna Lombardi", "Ilario Montanari",
}

// byAddress are the features that the claim about two epochs on one network grants: addresses
// and ports, and what holds on to them. A link that lives on is one flow, between the same
// addresses and ports; an epoch begins when another ends, at one address; and pieces of
// packets hold the address.
var byAddress = regexp.MustCompile(`address|port|eth\.source|ip6\.interface|ip6\.flow|a\.data|aaaa\.data|\.pieces|quic\.|phase\.1h|between\.1h|^kinds|^count`)

// seenOf is what an observer who sees has seen something of.
var seenOf = []string{
	"mdns.ask.id", "mdns.announce.srv.target", "mdns.announce.txt.t.part", "mdns.answer.txt.x", "mdns.goodbye.ptr.to",
	"quic.initial.to", "quic.initial.client.hello.random", "quic.initial.client.hello.extension.51", "quic.initial.server.hello.order",
	"quic.initial.client.cut", "quic.short.to", "quic.short.interval", "probe.tls.key", "probe.parameters.maxidletimeout",
	"probe.contact.size", "probe.open.answer", "probe.unknown.time", "probe.last.close", "probe.raw.replay",
}

// claim is what the threat model says of mode contacts and a judge has to find out.
type claim string

// The claims.
const (
	claimVisits claim = "two visits of one node cannot be told from visits of two"
	claimEpochs claim = "two epochs on one network cannot be linked"
)

// disproved is what a judge found against claims.
type disproved map[claim]string

// twice observes, and once more with everything drawn anew when a judge found something. What
// is there is there again; chance has each judgement find something in less than two of
// 2,000 (see significance), and so both of one claim in less than one of a million.
func twice(t *testing.T, observe func(t *testing.T, seed uint64) disproved) {
	t.Helper()
	first := observe(t, 1)
	if len(first) == 0 {
		return
	}
	again := first
	if planted := os.Getenv(plantedEnv); planted == "" || planted == plantedNothing { // else it is there
		again = observe(t, 2)
	}
	for claim, what := range first {
		if again[claim] == "" {
			t.Logf("as by chance, not so again: %s%s", claim, what)
			continue
		}
		t.Errorf("not so: %s%s\nand again%s", claim, what, again[claim])
	}
}

// check holds what was captured against what the threat model claims of mode contacts.
func (l *Log) check(t *testing.T, packets []Packet, secrets []string, granted ...*regexp.Regexp) disproved {
	t.Helper()
	against := make(disproved)
	if len(packets) == 0 || len(l.probed) == 0 {
		t.Fatalf("%d packets, %d probes: the observer is blind", len(packets), len(l.probed))
	}
	visits := l.Visits(packets)
	for _, feature := range seenOf {
		if !slices.ContainsFunc(visits, func(v *Visit) bool { return v.histograms[feature] != nil }) {
			t.Errorf("the observer does not see %s: it is blind there", feature)
		}
	}
	verdict := Judge(visits, nil)
	t.Logf("%d packets; %d visits: %s", len(packets), len(visits), verdict)
	if verdict.Tells() {
		against[claimVisits] = verdict.explain(visits)
	}
	epochs := l.Epochs(packets)
	verdict = Judge(epochs, func(feature string) bool {
		return slices.ContainsFunc(append(granted, byAddress), func(r *regexp.Regexp) bool { return r.MatchString(feature) })
	})
	t.Logf("%d epochs: %s", len(epochs), verdict)
	if verdict.Tells() {
		against[claimEpochs] = verdict.explain(epochs)
	}
	if i := Holds(packets, secrets); i >= 0 {
		t.Errorf("packet %d from %v to %v holds a name or a key: %q", i, packets[i].From, packets[i].To, packets[i].Payload)
	}
	return against
}

// explain shows the best findings, and what they were in each visit.
func (v Verdict) explain(visits []*Visit) string {
	var b strings.Builder
	fmt.Fprintf(&b, ": %s", v)
	for _, f := range v.Found[:min(len(v.Found), 6)] {
		name, _, _ := strings.Cut(f.Feature, " (")
		fmt.Fprintf(&b, "\n%s", f.Feature)
		for _, visit := range visits {
			h := visit.histograms[name]
			if len(h) > 6 {
				fmt.Fprintf(&b, "\n\t%d %s: %d values", visit.Round, visit.Node, len(h))
				continue
			}
			fmt.Fprintf(&b, "\n\t%d %s: %v", visit.Round, visit.Node, h)
		}
	}
	return b.String()
}

// What is looked for is found in all its forms, wherever it stands.
func TestHolds(t *testing.T) {
	const secret = "Annamaria Bianchi"
	for i, form := range forms(secret) {
		if len(form) < 12 {
			t.Errorf("form %d is %q: others will have that too", i, form)
		}
	}
	for phase := range 7 {
		in := append(make([]byte, phase), "xx"+secret+"yy"...)
		for name, payload := range map[string]string{
			"clear": string(in), "capitals": strings.ToUpper(string(in)), "hex": hex.EncodeToString(in),
			"base32": base32.StdEncoding.EncodeToString(in), "base64": base64.URLEncoding.EncodeToString(in),
		} {
			if Holds([]Packet{{}, {Payload: []byte(payload)}}, []string{secret}) != 1 {
				t.Errorf("not found in %s, %d bytes later", name, phase)
			}
		}
	}
	if Holds([]Packet{{Payload: []byte("Annamaria  Bianchi")}}, []string{secret}) != -1 {
		t.Error("found where it is not")
	}
}
