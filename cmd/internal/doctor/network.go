package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"sottovoce/cmd/internal/control"
)

// anyFirewall is for a firewall whose program is not known.
const anyFirewall = "To see its rules: sudo nft list ruleset"

// remedies are the commands that open the firewall, by the program that looks after it. SUBNET is ours.
var remedies = map[string]struct{ in, out, links string }{
	"ufw": {
		"sudo ufw allow 5353/udp", "sudo ufw allow out 5353/udp", "sudo ufw allow proto udp from SUBNET",
	},
	"firewalld": {
		"sudo firewall-cmd --permanent --add-service=mdns; sudo firewall-cmd --reload",
		"sudo firewall-cmd --permanent --add-service=mdns; sudo firewall-cmd --reload",
		"sudo firewall-cmd --permanent --zone=trusted --add-source=SUBNET; sudo firewall-cmd --reload",
	},
	"": {anyFirewall, anyFirewall, anyFirewall},
}

// family is how people see the two kinds of addresses named.
func family(ipv6 bool) string {
	if ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

// CheckMulticast tells of each family of each interface whether what goes to everybody leaves and comes back. What fails
// while another way works is a warning.
func CheckMulticast(legs []Leg, around Around) (findings []control.Finding) {
	alive := false
	for _, l := range legs {
		alive = alive || l.Left && l.Echo
	}
	for _, l := range legs {
		on := l.Interface + ", " + family(l.IPv6)
		remedy := remedies[around.Firewall]
		var f control.Finding
		switch {
		case l.Failed != "":
			f = found("multicast", "unsent", on, "ON", on, "DETAIL", l.Failed, "FIREWALL", remedy.out)
		case !l.Left:
			f = found("multicast", "untested", on, "ON", on)
		case !l.Echo:
			f = found("multicast", "silent", on, "ON", on, "FIREWALL", remedy.in)
		default:
			f = found("multicast", "echo", on, "ON", on)
		}
		if f.Verdict == bad && alive {
			f.Verdict = warn
		}
		findings = append(findings, f)
	}
	return findings
}

// CheckOthers tells whether anybody is heard.
func CheckOthers(around Around) control.Finding {
	switch around.Others {
	case 0:
		return found("others", "nobody", "")
	case 1:
		return found("others", "heard", "", "COUNT", "Another one is")
	}
	return found("others", "heard", "", "COUNT", fmt.Sprint(around.Others, " others are"))
}

// CheckSeen tells of each contact that was asked whether it hears us and we it.
func CheckSeen(contacts []Contact, legs []Leg, around Around, visibility string) (findings []control.Finding) {
	remedy := remedies[around.Firewall]
	for _, c := range contacts {
		if !c.Linked {
			continue
		}
		who := []string{"WHO", c.Name}
		name := ""
		switch {
		case !c.Answered:
			name = "no-answer"
		case !c.Here:
			name = "elsewhere"
		case visibility == "nobody" || !c.WeHear && !c.TheyHear:
			continue // CheckNode and CheckIsolation speak of that
		case c.WeHear && !c.TheyHear:
			name, who = "unheard", append(who, "FIREWALL", remedy.out)
		case !c.WeHear && !foreign(legs):
			name, who = "deaf", append(who, "FIREWALL", remedy.in)
		case !c.WeHear:
			name = "quiet"
		default:
			name = "mutual"
		}
		findings = append(findings, found("seen", name, c.Name, who...))
	}
	if len(findings) == 0 && len(linked(contacts)) == 0 {
		findings = append(findings, found("seen", "nobody-to-ask", ""))
	}
	return findings
}

// foreign tells whether anything of another machine came by multicast.
func foreign(legs []Leg) bool {
	for _, l := range legs {
		if l.Foreign {
			return true
		}
	}
	return false
}

func linked(contacts []Contact) (names []string) {
	for _, c := range contacts {
		if c.Linked {
			names = append(names, c.Name)
		}
	}
	return names
}

// triesMin is how often it must have been tried in vain before somebody counts as out of reach.
const triesMin = 2

// CheckReach tells whether contacts that are heard can be reached, and we by strangers' packets.
func CheckReach(contacts []Contact, around Around) (findings []control.Finding) {
	links := strings.ReplaceAll(remedies[around.Firewall].links, "SUBNET", around.Subnet)
	for _, c := range contacts {
		if !c.Linked && c.Failures >= triesMin {
			findings = append(findings, found("reach", "in-vain", c.Name, "WHO", c.Name, "COUNT", strconv.Itoa(c.Failures), "FIREWALL", links))
		}
	}
	if len(findings) == 0 && len(linked(contacts)) > 0 {
		findings = append(findings, found("reach", "connected", ""))
	}
	var shut []string
	for _, c := range contacts {
		switch {
		case c.Knocked && c.Came:
			return append(findings, found("firewall", "open", ""))
		case c.Knocked && c.Here:
			shut = append(shut, c.Name)
		}
	}
	if len(shut) > 0 {
		return append(findings, found("firewall", "closed", "", "WHO", some(shut), "FIREWALL", links))
	}
	return append(findings, found("firewall", "untested", ""))
}

// CheckIsolation tells whether the network keeps its machines apart.
func CheckIsolation(contacts []Contact, legs []Leg, around Around, visibility string) control.Finding {
	var apart []string
	for _, c := range contacts {
		if c.Linked && c.Answered && c.Here && !c.WeHear && !c.TheyHear && visibility != "nobody" {
			apart = append(apart, c.Name)
		}
	}
	switch {
	case len(apart) > 0:
		return found("isolation", "between", "", "WHO", some(apart))
	case around.Others > 0 || foreign(legs):
		return found("isolation", "none", "")
	case around.Answers:
		return found("isolation", "suspected", "")
	}
	return found("isolation", "untested", "")
}

// CheckPackets tells whether packets of full size come through to contacts.
func CheckPackets(contacts []Contact, all []Interface) []control.Finding {
	findings := CheckSizes(all)
	name := "eth0"
	for _, i := range all {
		if i.Used {
			name = i.Name
		}
	}
	for _, c := range contacts {
		if c.Answered && !c.Full {
			findings = append(findings, found("packets", "lost", c.Name, "WHO", c.Name, "INTERFACE", name))
		}
	}
	if len(findings) == 0 {
		findings = append(findings, found("packets", "whole", ""))
	}
	return findings
}
