package controltest

import (
	"context"
	"iter"

	"sottovoce/cmd/internal/control"
)

// Findings are what the fake's doctor finds.
func Findings() []control.Finding {
	return []control.Finding{
		{Check: "node", Cause: "running", Verdict: control.VerdictOK, Says: "Sottovoce runs for this home."},
		{
			Check: "multicast", Cause: "silent", Verdict: control.VerdictBad, On: "eth0, IPv4",
			Says: "eth0, IPv4: what is called out to everybody does not come back.", Why: "This machine hears nobody.", Do: "sudo ufw allow 5353/udp",
		},
	}
}

// Doctor is control.Node's.
func (f *Fake) Doctor(context.Context) (iter.Seq2[control.Finding, error], error) {
	return func(yield func(control.Finding, error) bool) {
		for _, found := range Findings() {
			if !yield(found, nil) {
				return
			}
		}
	}, nil
}
