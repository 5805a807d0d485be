package netlab

// Firewall gives the host rules of nftables for what comes in ("input") or goes out ("output"), and returns what takes
// them away again.
func (h *Host) Firewall(hook string, rules ...string) (off func()) {
	h.lan.t.Helper()
	table := "inet wall_" + hook
	nft := func(command string) {
		h.lan.t.Helper()
		h.lan.must("ip", "netns", "exec", h.namespace, "nft", command)
	}
	nft("add table " + table)
	nft("add chain " + table + " rules { type filter hook " + hook + " priority 0; }")
	for _, rule := range rules {
		nft("add rule " + table + " rules " + rule)
	}
	return func() { nft("delete table " + table) }
}

// IP changes the host's network as the command ip does: link, address, route.
func (h *Host) IP(args ...string) {
	h.lan.t.Helper()
	h.lan.must(append([]string{"ip", "-n", h.namespace}, args...)...)
}

// Port changes the switch's end of the host's cable, as the command that is named does: ip or bridge.
func (h *Host) Port(tool string, args ...string) {
	h.lan.t.Helper()
	h.lan.must(append([]string{tool, "-n", h.lan.bridge, "link", "set", "dev", h.port}, args...)...)
}
