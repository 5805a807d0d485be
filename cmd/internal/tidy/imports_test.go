package tidy

import (
	"slices"
	"strings"
)

// ground is what discovery may know of the mesh.
var ground = []string{"mesh/peer", "mesh/wire", "mesh/identity"}

// drivers of discovery bring sightings to its pure part, which merges and expires them.
var driverImports = append([]string{"discovery"}, ground...)

// faces know the local API and nothing below it.
var faceImports = []string{"cmd/internal/control", "cmd/internal/config", "cmd/internal/commandline"}

// mayImport is the import table: what of our own module each package may import outside its tests.
// "x/..." stands for x and everything below it. Every package has a row.
var mayImport = map[string][]string{
	// L0
	"mesh/peer":     {},
	"mesh/wire":     {"mesh/peer"},
	"mesh/identity": {"mesh/peer", "mesh/wire"},
	"mesh/words":    {},
	"mesh/linktext": {"mesh/wire"},
	// L1
	"mesh/handshake":    {"mesh/wire"},
	"mesh/ratchet":      {"mesh/wire"},
	"mesh/session":      {"mesh/ratchet", "mesh/identity", "mesh/wire", "mesh/peer"},
	"mesh/contact":      {"mesh/identity", "mesh/linktext", "mesh/ratchet", "mesh/session", "mesh/wire", "mesh/peer"},
	"mesh/verify":       {"mesh/identity", "mesh/wire", "mesh/peer"},
	"mesh/conversation": {"mesh/wire", "mesh/peer", "mesh/identity"},
	"mesh/outbox":       {"mesh/peer", "mesh/wire"},
	"mesh/clock":        {"mesh/wire"},
	"mesh/reconcile":    {"mesh/wire"},
	// L2
	"mesh/store":  {"mesh/peer", "mesh/wire", "mesh/identity", "mesh/words"},
	"mesh/link":   {"mesh/peer", "mesh/wire", "mesh/handshake"},
	"mesh/fence":  {"mesh/peer"},
	"mesh/simlan": {"mesh/peer"},
	"mesh": {
		"mesh/peer", "mesh/wire", "mesh/identity", "mesh/handshake", "mesh/ratchet", "mesh/session", "mesh/contact", "mesh/verify",
		"mesh/conversation", "mesh/outbox", "mesh/clock", "mesh/words", "mesh/store", "mesh/link",
	},

	"discovery":        ground,
	"discovery/mdns":   driverImports,
	"discovery/manual": driverImports,

	"relay": {
		"mesh/peer", "mesh/wire", "mesh/identity", "mesh/handshake", "mesh/link", "relay/community", "relay/token",
		"relay/witness",
	},
	"relay/community":         append([]string{"mesh/verify", "mesh/linktext"}, ground...), // root words are names of verify's table
	"relay/witness":           ground,
	"relay/replica":           {"mesh/peer", "mesh/wire", "mesh/reconcile"},
	"relay/mailbox":           {"mesh/peer", "mesh/wire", "mesh/clock"},
	"relay/mailbox/jetstream": {"mesh/wire", "relay/mailbox"},
	"relay/supernode": {
		"mesh/peer", "mesh/wire", "mesh/identity", "mesh/handshake", "mesh/link", "mesh/clock",
		"relay", "relay/community", "relay/token", "relay/mailbox", "relay/replica",
	},
	"relay/token": ground,

	"cmd/internal/commandline": {},
	"cmd/internal/config":      {},
	"cmd/internal/backup":      {},
	"cmd/internal/control":     {"mesh/peer", "cmd/internal/config"}, // the one rule for hostile text
	"cmd/internal/cli":         append([]string{"cmd/internal/tui", "cmd/internal/tui/paint"}, faceImports...),
	"cmd/internal/tui":         {"cmd/internal/control", "cmd/internal/tui/paint", "cmd/internal/tui/words"},
	"cmd/internal/tui/paint":   {"cmd/internal/control"},
	"cmd/internal/tui/words":   {},
	"cmd/internal/doctor":      {"cmd/internal/control"},
	"cmd/internal/daemon":      {"mesh/...", "discovery/...", "relay/...", "cmd/internal/backup", "cmd/internal/doctor", "cmd/internal/control", "cmd/internal/config"},
	// The second composition root: the same parts over networks in memory, joined by what daemon exports.
	"cmd/internal/demo":     {"mesh/...", "relay/...", "cmd/internal/daemon", "cmd/internal/control", "cmd/internal/tui/paint", "cmd/internal/tui/words"},
	"cmd/internal/netlab":   {"cmd/internal/control"},
	"cmd/internal/observer": {},
	"cmd/internal/ptytest":  {},
	"cmd/internal/bench":    {},
	"cmd/internal/cluster":  {"mesh/...", "relay/...", "cmd/internal/netlab"},
	"cmd/internal/sim":      {},
	"cmd/internal/tidy":     {},
	"docs/bots/echo":        {}, // shown to people who write bots
	"cmd/sottovoce":         {"cmd/internal/cli", "cmd/internal/daemon", "cmd/internal/demo", "cmd/internal/control", "cmd/internal/config"},
}

// pure are the layers L0 and L1: events, now and randomness come in, actions go out.
var pure = []string{
	"mesh/peer", "mesh/wire", "mesh/identity", "mesh/handshake", "mesh/ratchet", "mesh/session", "mesh/contact",
	"mesh/verify", "mesh/conversation", "mesh/outbox", "mesh/words", "mesh/reconcile",
	"relay/community", "relay/token", "relay/witness",
}

// testOnly are packages that nothing but tests may import, beside those whose name ends in "test".
var testOnly = []string{"cmd/internal/cluster", "cmd/internal/deb", "cmd/internal/netlab", "cmd/internal/observer", "cmd/internal/tidy"}

func isTestOnly(dir string) bool {
	return slices.Contains(testOnly, dir) || strings.HasSuffix(dir, "test")
}

func checkImports(t *tree) (findings []string) {
	noRow := map[string]bool{}
	for _, file := range t.files {
		row, found := mayImport[file.dir]
		if !found && !isTestOnly(file.dir) && !noRow[file.dir] {
			noRow[file.dir] = true
			findings = append(findings, file.dir+": has no row in the import table")
		}
		for name, pos := range file.imported {
			dir, ours := strings.CutPrefix(name, module+"/")
			switch {
			case !ours:
			case downhill(file.dir, dir):
				findings = append(findings, t.at(pos, "%s imports %s: imports run cmd → discovery, relay → mesh", file.dir, dir))
			case file.test || isTestOnly(file.dir):
			case isTestOnly(dir):
				findings = append(findings, t.at(pos, "%s is for tests only", dir))
			case found && !matches(row, dir):
				findings = append(findings, t.at(pos, "%s may not import %s", file.dir, dir))
			}
		}
	}
	return findings
}

// downhill tells whether an import runs against the order of the top-level folders, which tests obey too.
func downhill(from, to string) bool {
	rank := map[string]int{"mesh": 0, "discovery": 1, "relay": 1, "cmd": 2}
	top := func(dir string) string { first, _, _ := strings.Cut(dir, "/"); return first }
	return rank[top(from)] < rank[top(to)]
}

func matches(row []string, dir string) bool {
	return slices.ContainsFunc(row, func(allowed string) bool {
		if root, all := strings.CutSuffix(allowed, "/..."); all {
			return dir == root || strings.HasPrefix(dir, root+"/")
		}
		return dir == allowed
	})
}
