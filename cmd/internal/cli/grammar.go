package cli

import (
	"io"
	"strings"
	"time"

	"sottovoce/cmd/internal/commandline"
)

const about = `Private chat for the network you are standing in. Without a command it opens the chat: you see who is nearby and talk to them. No account, no server, no internet.`

// grammar is the whole command line.
type grammar struct {
	Home string `help:"Folder that holds your identity and messages." placeholder:"DIR" env:"SOTTOVOCE_HOME"`
	JSON bool   `name:"json" help:"Print one JSON object a line, for programs."`

	Lines bool `help:"Chat line by line instead of on the whole screen, as for screen readers." env:"SOTTOVOCE_LINES"`

	PassphraseFile string `help:"File whose first line is the passphrase of the home, where there is no terminal to ask at." placeholder:"FILE"`

	Chat chatCommand `cmd:"" default:"1" hidden:"" help:"Open the chat in this terminal."`

	Init      initCommand      `cmd:"" help:"Create your identity, under a name of your choice."`
	Up        upCommand        `cmd:"" help:"Run in the background of a machine, without a chat, until stopped."`
	Down      downCommand      `cmd:"" help:"Stop what runs, in the background or in a chat."`
	Status    statusCommand    `cmd:"" help:"Show what is running and how it does."`
	Me        meCommand        `cmd:"" help:"Show your name and id, or change the name."`
	Nearby    nearbyCommand    `cmd:"" help:"Show who is on this network now."`
	Add       addCommand       `cmd:"" help:"Ask somebody to become a contact."`
	Invite    inviteCommand    `cmd:"" help:"Make a link by which one person becomes a contact."`
	Requests  requestsCommand  `cmd:"" help:"Show who asked you, and whom you asked."`
	Accept    acceptCommand    `cmd:"" help:"Say yes to somebody who asked you."`
	Decline   declineCommand   `cmd:"" help:"Say no, or take back what you asked."`
	Contacts  contactsCommand  `cmd:"" help:"Show your contacts."`
	Introduce introduceCommand `cmd:"" help:"Tell two contacts of each other."`
	Remove    removeCommand    `cmd:"" help:"Forget a contact, and all that was said with them."`
	Rename    renameCommand    `cmd:"" help:"Give a contact a name of your own."`
	Block     blockCommand     `cmd:"" help:"Shut a contact out, untold."`
	Unblock   unblockCommand   `cmd:"" help:"Let a contact in again."`
	Verify    verifyCommand    `cmd:"" help:"Make sure that nobody stands between you and a contact."`
	Reset     resetCommand     `cmd:"" help:"Begin anew with a contact when keys were lost."`
	Send      sendCommand      `cmd:"" help:"Send a message to a contact."`
	Reply     replyCommand     `cmd:"" help:"Answer a message."`
	Edit      editCommand      `cmd:"" help:"Make a message of yours say something else."`
	Delete    deleteCommand    `cmd:"" help:"Erase a message of yours, and ask the contact to do so."`
	React     reactCommand     `cmd:"" help:"Answer a message with one emoji, or take that back."`
	Log       logCommand       `cmd:"" help:"Show the messages with a contact."`
	Read      readCommand      `cmd:"" help:"Note that you have read messages."`
	Info      infoCommand      `cmd:"" help:"Show how far a message came, and when."`
	Why       whyCommand       `cmd:"" help:"Tell what a message waits for."`
	Search    searchCommand    `cmd:"" help:"Find messages by their words."`
	Events    eventsCommand    `cmd:"" help:"Print everything as it happens, one JSON object a line."`

	Backup      backupCommand      `cmd:"" help:"Write everything to an encrypted file, to restore it elsewhere."`
	Restore     restoreCommand     `cmd:"" help:"Make this home from a backup."`
	Export      exportCommand      `cmd:"" help:"Write a conversation as a file for programs or for people."`
	Diagnostics diagnosticsCommand `cmd:"" help:"Write a file to show when you ask somebody for help."`
	Doctor      doctorCommand      `cmd:"" help:"Test what keeps people here from finding each other, and say what to do."`
	Visibility  visibilityCommand  `cmd:"" help:"Show or choose who may see you on this network."`
	LocalOnly   localOnlyCommand   `cmd:"" help:"Send nothing beyond the networks in use, or show whether that is so."`
	Retention   retentionCommand   `cmd:"" help:"Show or change how long messages are kept."`
	Passphrase  passphraseCommand  `cmd:"" help:"Set, change or remove the passphrase that protects this home."`

	Community communityCommand `cmd:"" help:"Join communities, whose supernodes keep messages for you while you are away."`
	Supernode supernodeCommand `cmd:"" help:"Keep sealed messages for the members of a community."`

	Demo    demoCommand    `cmd:"" help:"Watch three people and a supernode act out what happens to messages."`
	Version versionCommand `cmd:"" help:"Show which version this is."`

	Completion completionCommand `cmd:"" help:"Print what lets your shell complete commands and names."`
	Man        manCommand        `cmd:"" help:"Print the manual page."`
	Complete   completeCommand   `cmd:"" hidden:"" help:"Tell a shell what the last word may become."`
}

type (
	chatCommand struct{}

	initCommand struct {
		Name string `required:"" help:"The name that others see: 1 to 64 characters." placeholder:"NAME"`
	}
	upCommand struct {
		Listen     string   `help:"Address and port for others to reach this machine, such as :4242. Normally the program chooses one." placeholder:"ADDR"`
		Interface  []string `help:"Use this network interface only; may be given several times." placeholder:"NAME" sep:"none"`
		LocalOnly  bool     `help:"Send nothing beyond the networks in use, from now on; see 'local-only'."`
		Visibility string   `help:"Who may see you on this network, from now on: everyone, contacts or nobody; see 'visibility'." enum:",everyone,contacts,nobody" default:"" placeholder:"WHO"`
	}
	downCommand   struct{}
	statusCommand struct{}
	meCommand     struct {
		Name  string `help:"Change your name." placeholder:"NAME"`
		QR    bool   `name:"qr" help:"Show a contact link as a QR code; one is made if there is none to use."`
		Share string `help:"What contacts may know: nothing, reading (how far you have read), typing (that you are writing), or both." enum:",nothing,reading,typing,both" default:"" placeholder:"WHAT"`
	}
	nearbyCommand struct {
		Wait time.Duration `help:"Wait this long for somebody to appear, such as 10s." placeholder:"TIME"`
		Scan bool          `help:"Ask each address of this network by itself first; for networks that lose what is called out to everybody."`
	}
	addCommand struct {
		Who string `arg:"" help:"A name or id that 'nearby' shows, an address such as 192.0.2.7:4242, or a link that somebody gave you."`
	}
	requestsCommand struct{}
	acceptCommand   struct {
		Who string `arg:"" help:"A name or id that 'requests' shows."`
	}
	declineCommand struct {
		Who string `arg:"" help:"A name or id that 'requests' shows."`
	}
	contactsCommand struct{}
	sendCommand     struct {
		To      string        `arg:"" help:"Name or id of a contact."`
		Text    []string      `arg:"" optional:"" help:"What to say. Without it, the text is read from standard input."`
		Wait    string        `help:"Return when the message is queued (kept on this machine), held (kept by a supernode), delivered or read. Normally queued." enum:"queued,held,delivered,read" default:"queued" placeholder:"STATE"`
		Timeout time.Duration `help:"How long to wait for that; the message is not lost when the time is over. Normally 30s." default:"30s" placeholder:"TIME"`
	}
	logCommand struct {
		To     string `arg:"" help:"Name or id of a contact."`
		N      int    `short:"n" help:"Only the newest N messages." placeholder:"N"`
		Since  string `help:"Only what came after a message (its id), or since a time: 2026-11-22T18:00:00Z, or 90m for the last ninety minutes." placeholder:"WHEN"`
		Follow bool   `short:"f" help:"Go on with what arrives, in the order in which it does, until Ctrl-C."`
	}
	eventsCommand struct {
		Since *int64 `help:"Begin after the event with this cursor; 0 is everything. Without it, from now on." placeholder:"CURSOR"`
	}
	backupCommand struct {
		File string `arg:"" help:"The file to write; it must not exist."`
	}
	restoreCommand struct {
		File string `arg:"" help:"A file that 'backup' wrote."`
	}
	exportCommand struct {
		To     string `arg:"" help:"Name or id of a contact."`
		Format string `help:"What to write: jsonl (one JSON object a line, as 'log --json') or html (a page for people). Normally jsonl." enum:"jsonl,html" default:"jsonl" placeholder:"FORMAT"`
		Output string `short:"o" help:"The file to write; it must not exist. Without it, standard output." placeholder:"FILE"`
	}
	diagnosticsCommand struct {
		File string `arg:"" help:"The file to write; it must not exist."`
	}
	passphraseCommand struct {
		Do  string `arg:"" optional:"" help:"What to do: show (whether there is one), set, change or remove." enum:"show,set,change,remove" default:"show"`
		New string `name:"new-passphrase-file" help:"File with the passphrase that 'change' is to set, where there is no terminal to ask at." placeholder:"FILE"`
	}
	versionCommand struct{}
)

// Help of each command: what to expect, and one example.

// Help explains the command to a person.
func (initCommand) Help() string {
	return explain("Nothing leaves this machine, and nobody else needs to know. The chat does this by itself when it is opened for the first time.",
		`sottovoce init --name "Anna"`)
}

// Help explains the command to a person.
func (upCommand) Help() string {
	return explain("Messages arrive as long as it runs; what it does is logged on standard error. Stop it with Ctrl-C or 'sottovoce down'.",
		"sottovoce up --interface eth0")
}

// Help explains the command to a person.
func (downCommand) Help() string { return explain("Returns when it has stopped.", "sottovoce down") }

// Help explains the command to a person.
func (statusCommand) Help() string { return explain("", "sottovoce status") }

// Help explains the command to a person.
func (meCommand) Help() string {
	return explain("The id is what tells you from others of the same name. A new name reaches your contacts, and everybody on this network at once; what you share with contacts is nothing until you say so.", `sottovoce me --name "Anna B."`)
}

// Help explains the command to a person.
func (nearbyCommand) Help() string {
	return explain("One line a person. With --wait it returns as soon as somebody is there. With --scan it asks up to 1024 addresses of the networks in use, a hundred a second; Ctrl-C stops it.", "sottovoce nearby --wait 10s")
}

// Help explains the command to a person.
func (addCommand) Help() string {
	return explain("Returns once the question has reached them. You can write to each other when they have said yes. With a link they have said yes already; if they are not on this network it waits, and is tried again by itself.", "sottovoce add Bob")
}

// Help explains the command to a person.
func (requestsCommand) Help() string {
	return explain("Answer with 'accept' or 'decline'.", "sottovoce requests")
}

// Help explains the command to a person.
func (acceptCommand) Help() string { return explain("", "sottovoce accept Bob") }

// Help explains the command to a person.
func (declineCommand) Help() string { return explain("", "sottovoce decline Bob") }

// Help explains the command to a person.
func (contactsCommand) Help() string { return explain("", "sottovoce contacts") }

// Help explains the command to a person.
func (sendCommand) Help() string {
	return explain("Prints the id of the message. It is kept on this machine until the contact has it, however long that takes. Write -- before a text that begins with a dash.",
		`sottovoce send Bob "Lunch at one?" --wait delivered`)
}

// Help explains the command to a person.
func (logCommand) Help() string {
	return explain("Oldest first. With --follow it goes on with what arrives.", "sottovoce log Bob -n 20 --follow")
}

// Help explains the command to a person.
func (eventsCommand) Help() string {
	return explain("Each event has a cursor. A program that remembers the last one and begins there again misses nothing.", "sottovoce events --since 0")
}

// Help explains the command to a person.
func (backupCommand) Help() string {
	return explain("The file holds your identity, contacts and messages, encrypted under a passphrase of its own that is asked for twice; the age program opens it, too. Keys of running conversations are not in it: who restores it begins anew with every contact.",
		"sottovoce backup sottovoce-2026-11-22.age")
}

// Help explains the command to a person.
func (restoreCommand) Help() string {
	return explain("The home must not have an identity yet. Your contacts are asked whether it is you, and what you wrote since the backup is not here. Never let the old home run beside the restored one.",
		"sottovoce restore sottovoce-2026-11-22.age --home restored")
}

// Help explains the command to a person.
func (exportCommand) Help() string {
	return explain("What is written is not encrypted.", "sottovoce export Bob --format html -o bob.html")
}

// Help explains the command to a person.
func (diagnosticsCommand) Help() string {
	return explain("Version, counts, kinds of network interfaces and the end of the log. Texts, names, ids, keys, addresses and paths are not in it; it is one JSON object that you can read before you show it. It works whether a node runs or not.",
		"sottovoce diagnostics diagnostics.json")
}

// Help explains the command to a person.
func (passphraseCommand) Help() string {
	return explain("Without a passphrase, whoever has this disk can read what is on it. With one, every start asks for it, and nobody can help who forgets it. It is asked for at the terminal, or read from the file of --passphrase-file; never give it as an argument.",
		"sottovoce passphrase set")
}

// Help explains the command to a person.
func (versionCommand) Help() string { return explain("", "sottovoce version") }

func explain(text, example string) string {
	return strings.TrimPrefix(text+"\n\n", "\n\n") + "Example:\n\n    " + example
}

// printHelp shows the help of a command; that of the whole program ends with examples.
func (p *Program) printHelp(command *commandline.Command) error {
	text := command.HelpText()
	if command.Parent == nil || command.Hidden {
		text += examples
	}
	_, err := io.WriteString(p.Stdout, text)
	return err
}

const examples = `
Examples:
  sottovoce                      open the chat
  sottovoce nearby               who is here?
  sottovoce add Bob              ask Bob to become a contact
  sottovoce send Bob "Hello!"    write to Bob

Flags go before or after the command; -- ends them.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such person or message,
4 not in time (nothing is lost), 5 nothing is running here.
`
