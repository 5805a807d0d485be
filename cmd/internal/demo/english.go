package demo

var english = catalogue{
	Language: "en", Shelf: "What the supernode sees", Aside: "Supernode",
	Keys:   "Any key goes on, and so does a moment's patience. Ctrl-C ends it.",
	Months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	DayOf:  "%d %s %d", And: "and",
	Missing: "This did not happen within %s: %s.", Leaked: "This is not so: %s.",
	Acts: map[string]string{
		"stage": "The stage", "nearby": "Nearby: three laptops in a piazza", "sealed": "Sealed: a question between two",
		"community": "A supernode in a cupboard", "away": "Away: Bruno is not there", "delivered": "Delivered: the two never meet",
		"removed": "Removed: Carla is a member no longer", "end": "The end",
	},
	Texts: texts{
		Nearby: "Coffee at the fountain?", Away: "The key is under the third flowerpot.", Answer: "Found it. Thank you!",
		Without: "Tonight at eight, just the two of us.",
	},
	Steps: map[string]step{
		"begins": {"there is a folder", "Three people and a supernode, in this one program and on no network; their homes are in %s. What follows is told as it is seen."},
		"serves": {"the supernode serves", "The supernode of “%s” serves. It has %d links, and %d messages in its mailbox."},
		"opens":  {"three people open Sottovoce", "%s open Sottovoce, each with a home of their own: %d files."},

		"sees":   {"%s sees the others nearby", "%s sees nearby: %s."},
		"asks":   {"the question of %s reaches %s", "%s asks %s to become a contact. The question is there."},
		"linked": {"%s and %s are contacts, with a link", "%s says yes to %s. They are contacts, and connected."},
		"words":  {"%s and %s see the same safety words", "%s and %s see the same safety words: %s …"},
		"idle":   {"the supernode hears nothing", "It hears nothing of this: %d links, %d messages."},

		"writes":    {"%s can write to %s", "%s writes to %s: “%s”"},
		"reads":     {"%s reads “%s”", "%s reads: “%s”"},
		"delivered": {"%s hears that it was delivered", "%s sees: delivered, to %d of %d devices. The receipt came from %s."},
		"air":       {"what was written is in no packet", "Whoever listens has heard %d packets, %d bytes, and %d message. Its words are in %d of the packets."},

		"joins":    {"%s is let in by the supernode", "%s joins “%s”, by a link for one person."},
		"members":  {"the supernode lists its members", "It lists %d members. What it calls them:\n%s"},
		"accounts": {"no file of the supernode holds who they are", "It has %d files, %d bytes. Who %s are, by the ids that their contacts know, is in %d of them."},

		"away":     {"%s sees that %s is away", "%[2]s closes the laptop and goes. %[1]s sees: away."},
		"kept":     {"the supernode signs that it keeps it", "%s sees: kept by %d supernode until the end of %s. It has signed for that."},
		"blob":     {"the message is in the mailbox", "It keeps a message:\nid   %s\ntag  %s\n%d bytes, until the end of %s. They begin:\n%s"},
		"searched": {"its files hold the tag, and not the text", "Searched, all its %d files: that tag is in %d. What %s wrote is in %d."},
		"fetched":  {"the program of %s fetches it too", "The program of %s has fetched the same message: every member's fetches them all. Conversations it could open: %d."},

		"closes":   {"%s ends the program", "%s closes, too. Programs that the two have open: %d."},
		"home":     {"%s reaches the supernode from home", "%s opens at home, and reaches %d supernode. People nearby: %d."},
		"opens-up": {"%s opens again", "%s opens again."},
		"same":     {"the first message is as it was", "It keeps %d messages. The first is the same to the byte: that it was read changed nothing."},

		"night":     {"all end their programs", "Night. %s close."},
		"revoked":   {"the operator removes a member", "The operator removes a member: %d of %d are left."},
		"refused":   {"%s is refused", "%s opens. The supernode answers the program: %s."},
		"unfetched": {"%s fetches nothing any more", "Of what was left since, it has fetched %d messages."},
		"all-air":   {"what was written is in no packet", "All in all there were %d packets, %d bytes. The words of %d messages are in %d of them."},

		"gone": {"everything is removed", "All of it was in %s: %d files, %d bytes. The folder is removed."},
	},
}
