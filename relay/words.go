package relay

import (
	"fmt"

	"sottovoce/mesh/wire"
)

var words = [...]string{
	wire.ReasonDiskFull:  "disk full",
	wire.ReasonWrongDay:  "wrong day",
	wire.ReasonTooLarge:  "too large",
	wire.ReasonToken:     "not paid for",
	wire.ReasonQuota:     "the share is used up",
	wire.ReasonNotNow:    "not now",
	wire.ReasonDeleted:   "deleted",
	wire.ReasonNoMember:  "no member there",
	wire.ReasonCommunity: "no such community there",
	wire.ReasonLink:      "the join link is not taken any more",
	wire.ReasonWeOld:     "the supernode needs an update",
	wire.ReasonYouOld:    "this device needs an update",
}

// Word says in a few words why a supernode refused something.
//
// spec: 08-custody#refusals
func Word(r wire.Reason) string {
	if int(r) < len(words) && words[r] != "" {
		return words[r]
	}
	return fmt.Sprintf("reason %d", r)
}
