package doctor

import "sottovoce/cmd/internal/control"

const (
	ok      = control.VerdictOK
	warn    = control.VerdictWarn
	bad     = control.VerdictBad
	unknown = control.VerdictUnknown
)

// causes is all that can be found. docs/doctor.md says the same, which a test checks.
var causes = []Cause{
	{"node", "running", ok, "Sottovoce runs for this home.", "", ""},
	{
		"node", "not-running", unknown, "Sottovoce does not run for this home.",
		"Whether others see and reach you can be tested only while it runs.", "Open the chat, or run: sottovoce up. Then ask the doctor again.",
	},
	{
		"node", "invisible", warn, "You chose to be seen by nobody on this network.",
		"Others do not find you here; you find them.", "sottovoce visibility contacts",
	},

	{"network", "used", ok, "Connected by NAMES.", "", ""},
	{
		"network", "none", bad, "This machine is on no network: NAMES.",
		"People are found on the network that you share with them.", "Plug in the cable or join the Wi-Fi of the people you look for. What there is, shows: ip address",
	},
	{
		"network", "no-address", bad, "NAMES is connected and has no address.",
		"Without an address nothing can be sent there: the router gave none, or none was asked for.", "Reconnect, or restart the router. By hand: sudo ip address add 169.254.77.1/16 dev INTERFACE",
	},
	{
		"network", "missing", bad, "There is no network interface NAMES, which was asked for.",
		"Nobody is found on it until it is there.", "Plug it in, or choose another with --interface. There are: OTHERS.",
	},
	{
		"network", "only-virtual", bad, "Only NAMES has an address.",
		"It leads to containers, virtual machines or a VPN, and not to the people around you.", "Plug in the cable or join the Wi-Fi. If it is the right one all the same: sottovoce up --interface INTERFACE",
	},

	{"multicast", "echo", ok, "ON: what is called out to everybody leaves and comes back.", "", ""},
	{
		"multicast", "unsent", bad, "ON: what is called out to everybody does not leave (DETAIL).",
		"Others cannot hear of you there.", "Let UDP port 5353 out of this machine. FIREWALL",
	},
	{
		"multicast", "silent", bad, "ON: what is called out to everybody does not come back.",
		"This machine does not hear even itself there, and so nobody else: mostly a firewall.", "Let UDP port 5353 into this machine. FIREWALL",
	},
	{
		"multicast", "untested", unknown, "ON: nothing was called out.",
		"So it is for who chose to be seen by nobody, and in the first moments on a network. Whether others would hear you is not known.", "Ask the doctor again in a minute, or let yourself be seen: sottovoce visibility contacts",
	},

	{"mdns-port", "shared", ok, "UDP port 5353, where people are found, can be used.", "", ""},
	{
		"mdns-port", "taken", bad, "Another program keeps UDP port 5353 for itself.",
		"People are found there; programs have to share it.", "See which one it is, and stop it or let it share: sudo ss -lunp sport = :5353",
	},

	{"port", "free", ok, "The port for connections can be used.", "", ""},
	{
		"port", "taken", bad, "The port for connections cannot be used: DETAIL.",
		"The program does not start with that --listen.", "See who has it: sudo ss -lunp sport = :PORT. Or choose another with --listen.",
	},

	{"others", "heard", ok, "COUNT heard on this network.", "", ""},
	{
		"others", "nobody", unknown, "Nobody else is heard.",
		"Perhaps nobody here has the program open; if somebody has, the other lines say what is in the way.", "Open the program on the other machine, and run sottovoce doctor there too.",
	},

	{"seen", "mutual", ok, "WHO hears you, and you hear WHO.", "", ""},
	{
		"seen", "unheard", bad, "WHO does not hear you call out; you hear WHO.",
		"Whoever does not know your address already does not find you.", "Run sottovoce doctor at WHO too, and let UDP port 5353 out of this machine. FIREWALL",
	},
	{
		"seen", "deaf", bad, "WHO hears you; you do not hear WHO, nor any other machine.",
		"You find only people whose address is known already.", "Let UDP port 5353 into this machine. FIREWALL",
	},
	{
		"seen", "quiet", warn, "WHO hears you; you do not hear WHO.",
		"Who chose to be seen by nobody is not heard. Else something between you swallows it.", "Run sottovoce doctor at WHO.",
	},
	{
		"seen", "elsewhere", ok, "WHO is connected from another network, where calling out does not reach.", "", "",
	},
	{
		"seen", "no-answer", unknown, "WHO is connected and did not say what it sees of you.",
		"Perhaps an older version, or a slow network.", "Ask the doctor again in a minute.",
	},
	{
		"seen", "nobody-to-ask", unknown, "No contact is connected whom one could ask.",
		"Only another machine can tell whether you are heard.", "Make somebody on this network a contact: sottovoce add WHO. Then ask the doctor again.",
	},

	{"reach", "connected", ok, "Everybody of your contacts who is heard is connected.", "", ""},
	{
		"reach", "in-vain", bad, "WHO is heard and cannot be reached (COUNT attempts).",
		"A firewall at either end lets nothing else through, the access point keeps devices apart, or full packets are lost between you.",
		"Run sottovoce doctor at WHO too, and let UDP from your network into this machine. FIREWALL",
	},

	{"firewall", "open", ok, "Packets that others begin with reach this program.", "", ""},
	{
		"firewall", "closed", bad, "What WHO sent outside of the connection did not arrive.",
		"A firewall here takes what others begin with: they cannot connect to you, only you to them. Two such machines never meet.", "Let UDP from your network into this machine. FIREWALL",
	},
	{
		"firewall", "untested", unknown, "Whether a firewall here keeps others out is not known.",
		"It takes a contact that is connected to test it.", "Make somebody on this network a contact: sottovoce add WHO. Then ask the doctor again.",
	},

	{"isolation", "none", ok, "Machines on this network hear each other.", "", ""},
	{
		"isolation", "between", bad, "You and WHO are connected and do not hear each other call out.",
		"The access point or a switch swallows what goes to everybody; only people whose address is known find each other.",
		"In the access point, switch off client isolation and IGMP snooping or multicast filters, or join the network that is not for guests. Until then: sottovoce add HOST:PORT",
	},
	{
		"isolation", "suspected", warn, "The router answers, and no other machine of any kind is heard.",
		"Either you are alone here, or the access point keeps its devices apart, as guest networks do.", "Try another network or a cable, or run the program on a machine at the cable. A cell phone's hotspot shows whether it is the access point.",
	},
	{
		"isolation", "untested", unknown, "Whether machines are kept apart here cannot be told while you are alone.", "It takes a second machine, or a router that answers.", "Ask the doctor again when somebody else is here.",
	},

	{"packets", "whole", ok, "Packets are large enough.", "", ""},
	{
		"packets", "small", bad, "INTERFACE takes packets of at most SIZE bytes.",
		"A connection needs 1,280.", "sudo ip link set dev INTERFACE mtu 1500",
	},
	{
		"packets", "lost", bad, "Between you and WHO small packets arrive and full ones are lost.",
		"Connections hang as soon as there is something to say.", "Set the packet size of the cable, Wi-Fi or VPN between you to 1500 at both ends: sudo ip link set dev INTERFACE mtu 1500",
	},

	{"clock", "right", ok, "The clock says DATE.", "", ""},
	{
		"clock", "impossible", bad, "The clock says DATE, which cannot be.",
		"Messages show wrong times, here and at others. Nothing is lost.", "sudo timedatectl set-ntp true, or by hand: sudo date --set '2026-11-22 18:00'",
	},
	{
		"clock", "disagrees", bad, "The clock says DATE, and COUNT others here agree on OTHERS.",
		"Messages show wrong times, here and at others. Nothing is lost.", "sudo timedatectl set-ntp true, or by hand: sudo date --set 'OTHERS'",
	},
	{
		"clock", "no-battery", warn, "The clock says DATE; this machine has none that goes on without power, and nobody keeps it right.",
		"After a power cut it begins in the past.", "Let the network set it: sudo timedatectl set-ntp true. Without internet: a clock module, or set it by hand after each start.",
	},

	{"disk", "room", ok, "There is room on the disk: SIZE.", "", ""},
	{
		"disk", "full", bad, "The disk is full: SIZE are left for PATH.",
		"Messages cannot be kept, so none are taken.", "Make room, or keep less: sottovoce retention --days 365",
	},
	{
		"disk", "low", warn, "The disk is nearly full: SIZE are left for PATH.",
		"When nothing is left, no messages are taken.", "Make room, or keep less: sottovoce retention --days 365",
	},
	{
		"disk", "read-only", bad, "PATH cannot be written to.",
		"Messages cannot be kept, so none are taken. A worn-out card turns read-only by itself.", "Check the disk, and mount it writable: sudo mount -o remount,rw PATH",
	},

	{"home", "lasting", ok, "The home is on a disk of this machine.", "", ""},
	{
		"home", "memory", warn, "PATH is in memory only.",
		"Identity and messages are gone when the machine is switched off.", "Move it to a disk, and use it with --home DIR.",
	},

	{
		"examination", "cut-short", unknown, "Not everything could be tested in the time there is.",
		"What is missing above is not known.", "Ask the doctor again when the machine has less to do.",
	},
}
