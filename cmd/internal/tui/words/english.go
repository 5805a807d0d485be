package words

// English is the catalogue that the others follow.
func English() *Catalogue {
	return &Catalogue{
		Language: "en", LanguageName: "English",
		Days:   [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		Months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		dayOf:  "%s, %d %s %d",
		You:    "you", NewHere: "new", moreRows: "… 1 more row: open the message|… %d more rows: open the message",
		Queued: "waiting", Held: "kept for them", Delivered: "delivered", Read: "read", Expired: "expired", Failed: "failed",
		Below: "more below: Esc goes there", ToWhom: "↓ chooses at the left whom you write to", QuitHint: "Ctrl+C once more quits", NoShell: "no shell here would bring it back; Ctrl+Q quits", NothingNew: "nothing is new anywhere",
		Copied:      "copied",
		nothingSaid: "Nothing was said yet. Write something to %s, and press Enter.", encryptedFor: "It is encrypted for %s alone. Who can read what: /private",

		Here: "near", Away: "away", Typing: "is writing …",
		Contact: "contact", Verified: "verified", KeysChanged: "new keys", KeysAlarm: "keys in doubt: see /verify", Blocked: "blocked",
		AsksYou: "asks you", YouAsked: "you asked", Stranger: "not a contact yet",
		Requests: "they ask you", Conversations: "conversations", Nearby: "near you", Asked: "you asked",
		NobodyYet:      "nobody is near yet",
		NobodyYetHint:  "Nobody else is near yet.\n\nPeople appear by themselves as soon as they open Sottovoce on this network.\n\nIf somebody should be here and is not, type /doctor. To reach somebody who is elsewhere, type /invite and send them the link.",
		ChooseSomebody: "Choose somebody at the left: ↓, or a click.",
		EnterAnswers:   "Press Enter to say yes or no.",
		EnterTakesBack: "If they never answer, nothing else happens: Enter with nothing written lets you take it back.",
		AskContact:     "Ask to become contacts", AcceptYes: "Accept", DeclineYes: "Decline", TakeBack: "Take it back",
		askContactMore: "%s is on this network. To write to each other you become contacts first: you ask, they say yes.", enterAsks: "Press Enter to ask %s.",
		answerMore: "%s would like to become your contact. If you accept, you can write to each other, here and wherever else you both are.",
		waitingFor: "You asked %s. They see it at the left of their screen, when they are back at it.",
		mayWrite:   "You can write already: it waits in the line below, and once they have said yes Enter sends it.",
		notYet:     "%s has not said yes yet; what you wrote waits here",
		saidAsked:  "%s is asked.", saidAsksYou: "Alt+A: %s asks to be your contact", saidAccepted: "%s is accepted.", saidDeclined: "%s is declined.", saidBlocked: "%s is blocked, and is not told.",
		saidUnblocked: "%s is let in again.", saidRenamed: "%s it is.", saidRemoved: "%s is forgotten.", removeTitle: "Forget %s?",
		RemoveMore: "This deletes the contact and all that was said, for good. They are not told.", RemoveYes: "Forget",
		nobodyCalled: "nobody here is called %s", noCommand: "there is no /%s; F2 shows what there is",
		Broken:       "stopped",
		StoppedTitle: "Sottovoce was stopped",
		StoppedMore:  "It does not run any more: somebody has stopped it, or closed the window that it ran in. Nothing is lost, but nobody reaches you. When it runs again, this screen goes on by itself.",
		StartAgain:   "Start it here", Quit: "Quit",
		NoNetwork: "no network", Alone: "nobody else is near", LocalOnly: "this network only",
		near: "1 near|%d near", kept: "1 supernode keeps messages|%d supernodes keep messages", queuedCount: "1 waiting|%d waiting", heldCount: "1 kept for them by supernodes|%d kept for them by supernodes",
		NotKept: "no supernode reached: nobody keeps messages now", Weaker: "weaker privacy: a supernode keeps too much to fetch all, and can guess which messages are yours",
		StatusTitle: "How it stands", NothingWrong: "Nothing is wrong.",
		SeenByAll: "everyone here sees you", SeenByContacts: "only contacts see you", Hidden: "nobody sees you", NewMessage: "new message",
		tooSmall: "make this window larger: %d × %d", Hints: "F1 help  F2 commands  Alt+↑↓ people  Alt+A unread  Tab messages  Ctrl+Q quit",
		HintsPeople: "↑↓ choose  Enter write  Esc back", HintsMessage: "r reply  + react  y copy  Enter details  ↑↓ another  Esc back", HintsOwn: "e edit  d delete  ",
		HintsDialog: "Enter chooses  Esc goes back", HintsField: "Enter goes on  Esc goes back", HintsFirst: "Enter goes on  ↓ backup  Esc quits", HintsRead: "Esc goes back",

		Welcome:     "Welcome to Sottovoce",
		WelcomeMore: "Private chat with the people on this network. No account, no server, no internet.",
		AskName:     "What should the others call you?", NameLabel: "Your name:",
		AskSeen: "Who may see that you are here?", SeenHint: "You can change it at any time.",
		SeenAllMore: "your name, to whoever is on this network", SeenContactsMore: "people you have accepted", SeenNobodyMore: "you still see the others",
		AskPassphrase: "A passphrase, if you like", PassphraseHint: "It protects your messages if somebody takes this machine. You type it at each start; nobody can bring it back. For none just press Enter: /settings can set one later.",
		PassphraseLabel: "Passphrase:", PassphraseAgain: "The passphrase once more", PassphraseDiffers: "That was another one. Once more, please.",
		CurrentPassphrase: "The passphrase as it is now", SaidPassphrase: "The passphrase is changed.",
		Starting: "Looking around …",

		Dialogs: englishDialogs(),
		Chores:  englishChores(),
		Changes: englishChanges(),

		Shares:   map[string]string{"nothing": "nothing", "reading": "how far you have read", "typing": "that you are writing", "both": "reading and writing"},
		Themes:   map[string]string{"dark": "dark", "light": "light", "contrast": "high contrast", "mono": "none"},
		Commands: englishCommands(),
		Help:     englishHelp(),
	}
}

func englishDialogs() Dialogs {
	return Dialogs{
		PrivateTitle: "Who can read this?",
		private: []string{
			"What you write\tYou, and the person you write to. It is encrypted on your machine and decrypted on theirs; nobody else on the network can read it.",
			"Their machine\tThe other person keeps it, too, and can show it to anybody. What they have read they have read, even if you edit or delete it.",
			"Is it really them?\tWho stood between you two from the very first request could read and change everything. Comparing finds that out: /verify. Nobody gets in between later without a warning.",
			"The network\tWho watches it sees that Sottovoce runs here, which addresses talk, when and how much, and your name while everyone here sees you.",
			"While away\tIf you or they are in a community, its supernodes keep encrypted messages for who is away. They cannot read them; they see addresses, times and sizes, and can sometimes guess whom one is for.",
		},
		machineOpen:   "This machine\tMessages are kept here. You have no passphrase: who gets hold of this machine can read them. /settings sets one.",
		machineLocked: "This machine\tMessages are kept here, locked with your passphrase: who gets hold of this machine has to guess it, unless Sottovoce is running or they find an older copy of its files.",
		Cancel:        "Cancel", Close: "Close", Copy: "Copy the text",
		HelpTitle: "Help", CommandsTitle: "What would you like to do?", SearchTitle: "Search all conversations", SearchLabel: "Search:", whoOfThem: "Which %s?",
		DetailsTitle: "This message", Written: "written", Received: "came here", Sealed: "encrypted", DeliveredAt: "delivered", ReadAt: "read",
		HeldBy: "kept by", HeldUntil: "kept until", WaitsFor: "waits", Reason: "because",
		InviteTitle: "Invite somebody", InviteKeys: "c copies the link  r takes it back  Esc closes", inviteNoCode: "Its code needs %d × %d. Make the text of this terminal smaller, in most by Ctrl and −, or the window larger.", InviteRevoked: "The link is taken back.",
		inviteMore:       "Who uses this link first becomes your contact. Show the code, or send the link over something you trust. It works once, until %s.",
		CommunitiesTitle: "Communities", NoCommunity: "You are in no community. Supernodes of a community keep messages for you while you are away, sealed: they cannot read them.",
		SupernodeReached: "supernode, reached", SupernodeAway: "supernode, not reached now", JoinCommunity: "Join one by its link", Joining: "asking its supernodes …",
		LeaveMore: "Nothing is kept for you there any more. You can join again with a new link.", LeaveYes: "Leave",
		leaveCommunity: "Leave %s", saidLeft: "You left %s.", saidJoined: "You are in %s now.",
		DoctorTitle: "Why is somebody not found?", DoctorLooks: "looking …", NoticeTitle: "Please note",
		CompareBegins: "asking …", CompareJoin: "Compare", TheyMatch: "They are the same", TheyDiffer: "They differ", WordsMatch: "The safety words are the same",
		verifyTitle: "Is it really %s?", compareMore: "Look at the screen of %s, or ask by voice. Are these the same there, in this order?",
		compareAsked:   "%s is asked. On their side they choose Compare.",
		compareInvited: "%s would like to compare seven pictures with you, to be sure that nobody stands between you.",
		safetyWords:    "If you cannot do it at the same time, read these to each other; %s sees them with /verify. They stay the same.",
		saidVerified:   "%s is verified.", saidDiffers: "You said that they differ. Do not trust this connection to %s.",
		SettingsTitle: "Settings", SetName: "Your name", SetSeen: "Who sees you here", SetShare: "Contacts may know", SetLocal: "This network only", SetPassphrase: "Passphrase",
		SetTheme: "Colours", SetLanguage: "Language", On: "on", Off: "off",
	}
}

func englishChores() Chores {
	return Chores{
		Stop: "Stop", Stopped: "stopped; nothing was changed",
		CardNow: "now", CardOwnName: "calls themselves", CardIntroduced: "introduced by", CardSure: "really them?", CardUnverified: "not compared yet", CardID: "id", CardWrite: "Write to them",
		RenameLabel: "Your name for them:", RenameMore: "Only you see it. Leave it empty to have the name that they chose.",
		introducedMore: "%s tells you of %s: it is their word that this is who it says. If you accept, and they do, you become contacts as soon as you are on one network.",
		introduceTitle: "Introduce %s", introduceMore: "To whom? %s and the other hear of each other from you, by the names that they chose, and each decides alone. Nobody learns what the other has answered.",
		IntroduceNobody: "You have no second contact yet to introduce them to.", saidIntroduced: "%s and %s hear of each other.",
		resetTitle: "Begin anew with %s?", resetMore: "Only for when this is an older copy of your messages, from a backup or another machine. The keys that you two share are given up, and %s is asked whether it is really you. What you write waits until they have said yes.",
		resetAsk: "Ask %s to begin anew", resetAsked: "%s would like to begin anew without the keys that you two share. After a lost machine and a backup that is right. But somebody with a copy of their keys could ask the same: ask them in person first.",
		resetPermit: "I have asked: it is really %s", saidReset: "%s is asked to begin anew; they answer with /reset", saidPermitted: "You and %s begin anew; what did not arrive goes out again.",
		keysAccept: "Go on with the new keys of %s", keysAcceptMore: "Nothing that %s had before vouches for these keys. Go on only if you have asked them in person; else it may be somebody else who reads what you write.", KeysAcceptYes: "I have asked: go on",
		saidGoesOn: "You go on with %s. Compare as soon as you can: /verify", VerifiedUndo: "Take back that they are verified", saidUndone: "%s is not verified any more.",
		LinksTitle: "Links you gave out", LinksMore: "Each brings one person. Choose one to show it again, or to take it back.", LinksNone: "None is open. A link brings one person to you who is not on this network.", LinksNew: "Make a new one",
		LinkForget: "It cannot be used any more. Should it go from this list?", LinkForgetYes: "Let it go", linkOpen: "open until %s", linkUsed: "used by %s", linkTwice: "used by %s, and somebody else",
		InviteAway: "It works while you are away, too: a supernode answers for you.", InviteAlone: "It works while Sottovoce runs here.",

		FileLabel: "File:", FileMore: "Where should it go? ~ is your own folder.", FileElsewhere: "Choose another place", fileWritten: "%s written …", fileFailed: "%s was not written.",
		BackupTitle: "Back up everything", BackupMore: "Who you are, your contacts, messages and settings in one file, locked with a passphrase of its own. Keep it away from this machine. Without the passphrase nobody can open it, you neither.",
		BackupNeeds: "a backup needs a passphrase", backupDone: "%s is written, %s. Sottovoce on another machine can begin with it. Never use both at the same time.",
		exportTitle: "Save what was said with %s", ExportMore: "All messages, in one file. It is not locked: who has the file can read it.",
		ExportPage: "As a page", ExportPageMore: "to read and print, in any browser", ExportLines: "As data", ExportLinesMore: "one message a line, for programs", exportDone: "%s is written, with %d messages.",
		DiagnosticsTitle: "A file for who helps you", DiagnosticsMore: "When something does not work, this shows others how it stands here:",
		DiagnosticsNot:  "Not in it: what was said, names, ids, keys, addresses, folders. Read it before you show it.",
		DiagnosticsRead: "Read all of it", DiagnosticsSave: "Save it to a file", diagnosticsDone: "%s is written. Read it before you show it.",
		inVersions: "Sottovoce %s on %s", inFiles: "how large its files are: %d, %s in all", inNetworks: "of what kind the network connections are (%d), and which are used (%d)",
		inCounts: "how many contacts you have (%d), how many people are near (%d), how many messages wait (%d)", inLog: "the last line of its log, without names|the last %d lines of its log, without names",
		RestoreChoice: "I have a backup", RestoreTitle: "Bring back a backup", RestoreMore: "The file that Sottovoce has written on the other machine. Choose one with ↓, or write where it is; ~ is your own folder.",
		restorePassphrase: "The passphrase of %s, which you chose when you made it.", restoreFar: "1 message is back …|%d messages are back …",
		RestoredTitle: "Everything is back", restored: "1 message and all your contacts are here again.|%d messages and all your contacts are here again.",
		RestoredAsks: "Your contacts are asked whether it is really you. Tell them, and they say yes on their side with /reset.", RestoredOnce: "Do not start Sottovoce on the old machine any more: the two would get in each other's way.",
		RestoredGo: "Go on", RestoredOpen: "none protects these messages yet",

		SetKept: "How long messages are kept", SetKeptMore: "for ever, or not", KeptMore: "What is over a bound goes from this machine for good, the oldest first. Others keep what they have. What waits to be sent stays.",
		keptNow: "Now all of it takes %s.", KeptDaysLabel: "Time", KeptDaysField: "Days:", keptDays: "1 day|%d days", KeptDiskLabel: "Room", KeptDiskField: "Megabytes:", keptDisk: "%d MB", KeptEver: "for ever", KeptAny: "as much as it takes",
		SetElsewhere: "Who sees you elsewhere", ElsewhereAll: "everyone, on networks new to you", ElsewhereContacts: "contacts, on networks new to you", ElsewhereNobody: "nobody, on networks new to you",
		KeptLess: "What is over the new bound is deleted here for good, within the hour.", KeptLessYes: "Keep less", NoNumber: "that is no such number", SaidKept: "That holds from now on.",
		ScanTitle: "Ask every address", ScanMore: "Some networks, such as guest Wi-Fi, lose what is called out to everybody. So each address is asked by itself; only who runs Sottovoce answers.",
		ScanOver: "Who has answered stands at the left.", ScanNobody: "nobody has answered yet", scanFar: "%d of %d asked", scanFound: "1 has answered|%d have answered",
		CommunityDetails: "its supernodes, and the way out", CommunityWaits: "None of its supernodes has let you in yet. It goes on by itself.",
		CommunityKnows: "Who runs its supernodes knows you by this id only; neither your name nor what is yours.", CommunityPersona: "known as", CommunityID: "community",
		SupernodeNever: "never reached", SupernodeHere: "found on its own network only", supernodeSeen: "not reached now, last on %s", supernodeAt: "from anywhere: %s",
	}
}

func englishChanges() Changes {
	return Changes{
		WasDeleted: "deleted", WasEdited: "edited", QuoteMissing: "a message that is not here",
		Replying: "reply to", Editing: "edit", EscDrops: "Esc drops it",
		IsDeleted: "that message is deleted", NotYours: "only who wrote it can edit or delete it", NoMessage: "there is no message for that here",
		ReplyYes: "Reply", ReactYes: "React", EditYes: "Edit", DeleteYes: "Delete", ToQuoted: "Go to what it replies to",
		DeleteTitle: "Delete this message?", deleteMore: "It goes here, and where %s has it as soon as they are reached. Who has read it has read it.",
		ReactTitle: "React", ReactOther: "Another one", ReactLabel: "Emoji:", ReactMore: "Type or paste any emoji.", reactors: "1 person|%d people",
		Reactions: []string{"good", "love", "funny", "hooray", "oh!", "sad", "thank you"},
	}
}

func englishCommands() map[string]Command {
	return map[string]Command{
		"to":     {"NAME", "write to somebody"},
		"add":    {"NAME or LINK", "ask somebody to become a contact"},
		"accept": {"NAME", "say yes to somebody who asked you"}, "decline": {"NAME", "say no"},
		"private": {"", "who can read what, and who sees that you talk"},
		"invite":  {"", "make a link and a code that bring one person"},
		"verify":  {"NAME", "make sure that nobody stands between you two"},
		"search":  {"WORDS", "find messages"}, "communities": {"", "who keeps messages while you are away"},
		"join": {"LINK", "join a community"}, "rename": {"NEW NAME", "give this person a name of your own"},
		"block": {"NAME", "shut somebody out, untold"}, "unblock": {"NAME", "let them in again"}, "remove": {"NAME", "forget somebody, and all that was said"},
		"reply": {"", "reply to the chosen message, or the last"}, "react": {"EMOJI", "react to the chosen message, or the last"},
		"edit": {"", "edit what you wrote"}, "delete": {"", "delete what you wrote, for both"},
		"links": {"", "links you gave out; take one back"}, "about": {"NAME", "who somebody is, and all you can do"}, "introduce": {"NAME", "let two of your contacts know each other"},
		"reset": {"NAME", "begin anew after a restored backup"}, "export": {"NAME", "save what was said to a file"}, "backup": {"", "save everything to one locked file"},
		"retention": {"", "how long messages are kept"}, "scan": {"", "ask each address who is there"}, "diagnostics": {"", "a file for who helps you"},
		"settings": {"", "name, visibility, passphrase, colours, language"}, "status": {"", "how it stands, and what is wrong"}, "doctor": {"", "find out why somebody is not found"},
		"help": {"", "keys and commands"}, "quit": {"", "leave"},
	}
}

func englishHelp() []string {
	return []string{
		"Enter\tsend", "Alt+↑ Alt+↓\tthe person above, below; ↓ while nobody is chosen", "Alt+A\tnext unread conversation, or who asks you",
		"Tab\tonto the messages; ↑ ↓ choose one, Esc goes back", "r  +\treply to that message, react to it", "e  d\tedit it, delete it, if it is yours", "Enter  y\tits details, copy it",
		"PgUp PgDn\tgo through the conversation; Esc to its end", "Ctrl+F\tsearch", "F2, or /\tall commands", "/private\twho can read this?", "/doctor\twhy somebody is not found", "/invite\treach somebody who is elsewhere",
		"↑\tedit your last message", "Alt+Enter\ta new line", "Ctrl+↑ Ctrl+↓\twhat you wrote before", "Ctrl+Z\tpause; type fg to come back", "Ctrl+Q\tquit",
	}
}
