package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

// Supernodes is what the command line needs to found, run and open supernodes.
type Supernodes struct {
	// Init makes the data directory of a supernode, or adds a community to it.
	Init func(ctx context.Context, o SupernodeInit) (SupernodeMade, error)
	// Start brings up the supernode of a data directory. When it returns, the control socket answers; run then serves until
	// ctx ends and has let go of the directory when it returns. A second one on the same directory is refused.
	Start func(ctx context.Context, o SupernodeOptions) (run func(ctx context.Context) error, err error)
	// Open answers for a data directory that no supernode runs on; close lets go of it.
	Open func(data string, store SupernodeStore) (node control.Supernode, close func() error, err error)
}

// SupernodeStore says where a supernode keeps everything, if not in its data directory.
type SupernodeStore struct {
	URL         string // of servers; may hold a password. Empty: in the directory
	Credentials string // file that lets us in there
}

// SupernodeInit says which supernode is to be made.
type SupernodeInit struct {
	Data      string
	Store     SupernodeStore
	Community string // name of a new one, of which it is the first; or
	Join      string // a link that makes it a further supernode of one
	RootWords []byte // of a community whose supernodes are lost; nil: a new one
	// Told is given the root words of a new one before there is one; nil: they are in what Init returns alone.
	Told func(words []byte) error
}

// SupernodeMade is a supernode that was made.
type SupernodeMade struct {
	ID          string `json:"id"` // peer-…
	Community   string `json:"community"`
	CommunityID string `json:"community_id"`
	// RootWords are the root of a new community, kept nowhere; empty for a further supernode.
	RootWords control.Passphrase `json:"root_words,omitempty"`
	Data      string             `json:"data"`
}

// SupernodeOptions say how a supernode is to run.
type SupernodeOptions struct {
	Data       string
	Store      SupernodeStore
	Listen     string   // UDP address and port
	Interfaces []string // names of network interfaces that it is found on; empty: its own choice
	Advertise  []string // host:port where members elsewhere reach it
	// Allow is what each community is allowed of which Of says nothing else, by its name; but for Disk, which is that of all together.
	Allow   control.Quota
	Of      map[string]control.Quota
	Metrics string // address for Prometheus; empty: none
	Log     *slog.Logger
}

type (
	supernodeCommand struct {
		Data             string `required:"" help:"Folder that holds the supernode's keys and what it keeps." placeholder:"DIR"`
		Store            string `help:"Keep everything on NATS servers instead, such as nats://a,b,c, for several processes that are one supernode; each has a folder of its own." placeholder:"URL"`
		StoreCredentials string `help:"File that lets it in there: NATS credentials, certificates in PEM, or USER:PASSWORD." placeholder:"FILE"`

		Init    supernodeInitCommand    `cmd:"" help:"Found a community, or become a further supernode of one."`
		Up      supernodeUpCommand      `cmd:"" help:"Run the supernode until stopped."`
		Invite  supernodeInviteCommand  `cmd:"" help:"Make a link by which people become members."`
		Status  supernodeStatusCommand  `cmd:"" help:"Show what it does and what it keeps."`
		Members supernodeMembersCommand `cmd:"" help:"Show who has joined."`
		Revoke  supernodeRevokeCommand  `cmd:"" help:"Shut out a member, or another supernode."`
		Export  supernodeExportCommand  `cmd:"" help:"Write what it keeps to a file, such as on a stick."`
		Import  supernodeImportCommand  `cmd:"" help:"Take what another supernode has written to a file."`
	}
	supernodeInitCommand struct {
		Community     string `help:"Found a community of this name." placeholder:"NAME" xor:"what"`
		Join          string `help:"Become a further supernode, by a link that 'supernode invite --supernode' made." placeholder:"LINK" xor:"what"`
		RootWordsFile string `help:"Found anew a community whose supernodes are lost, by the root words in this file." placeholder:"FILE"`
		From          string `help:"Do what this file says, where there is no keyboard; nothing where it is done." placeholder:"FILE"`
		WordsTo       string `help:"Write the root words to this file, which must be in memory such as below /run, instead of showing them." placeholder:"FILE"`
	}
	supernodeUpCommand struct {
		Listen    string   `help:"Address and port for members to reach it. Normally :4242." default:":4242" placeholder:"ADDR"`
		Interface []string `help:"Be found on this network interface only; may be given several times." placeholder:"NAME" sep:"none"`
		Advertise []string `help:"Address where members elsewhere reach it, such as pi.example:4242; may be given several times." placeholder:"HOST:PORT" sep:"none"`
		Disk      []string `help:"How much of the disk it may take. Normally 2GiB, which communities share." placeholder:"SIZE" sep:"none"`
		Bandwidth []string `help:"How much a second each community may have come, and as much leave. Normally there is no limit." placeholder:"SIZE" sep:"none"`
		Days      []string `help:"How many days at most a message is kept, 1 to 58. Normally 58, for which members seal; with fewer, each seals once more." placeholder:"DAYS" sep:"none"`
		Tokens    []string `help:"How many tokens each member may draw a day, a short message costs one. Normally as many as its community says: 1024." placeholder:"N" sep:"none"`
		Metrics   string   `help:"Serve figures for Prometheus at this address of this machine." placeholder:"127.0.0.1:PORT"`
	}
	supernodeInviteCommand struct {
		Community     string        `help:"Which community, where there are several." placeholder:"NAME"`
		Uses          int           `help:"How many can join by the link. Normally 1." default:"1" placeholder:"N"`
		Expires       time.Duration `help:"How long it can be used. Normally 168h." default:"168h" placeholder:"TIME"`
		Supernode     bool          `help:"For a further supernode; takes --root-words-file."`
		RootWordsFile string        `help:"File with the root words that 'init' has shown." placeholder:"FILE"`
	}
	supernodeStatusCommand  struct{}
	supernodeMembersCommand struct {
		Community string `help:"Which community, where there are several." placeholder:"NAME"`
	}
	supernodeRevokeCommand struct {
		Who           string `arg:"" name:"id" help:"Id, or the beginning of one: of a member as 'supernode members' shows it, or of another supernode."`
		Community     string `help:"Which community, where there are several." placeholder:"NAME"`
		RootWordsFile string `help:"For another supernode: file with the root words that 'init' has shown." placeholder:"FILE"`
	}
)

// Help explains the command to a person.
func (supernodeCommand) Help() string {
	return explain("A supernode keeps sealed messages for the members of a community while they are away. It cannot read them. A small machine that is always on will do, such as a Raspberry Pi; docs/supernode.md is the guide.",
		"sottovoce supernode init --community Orchard --data /var/lib/sottovoce")
}

// Help explains the command to a person.
func (supernodeInitCommand) Help() string {
	return explain("Shows the root words of the new community, once: write them down on paper. Who has them decides which supernodes the community has; they are kept nowhere on this machine. With --join it becomes a further supernode of a community that there is. A data directory may serve several communities.",
		"sottovoce supernode init --community Orchard --data /var/lib/sottovoce")
}

// Help explains the command to a person.
func (supernodeUpCommand) Help() string {
	return explain("Members on the same network find it by themselves; for those elsewhere say with --advertise where it is reached, and let UDP to that port through. "+
		"Where it serves several communities --disk, --bandwidth, --days and --tokens may be given once more for one of them, with its name and = before what it is allowed. What it does is logged on standard error. Stop it with Ctrl-C or SIGTERM.",
		"sottovoce supernode up --data /var/lib/sottovoce --disk 8GiB --disk Choir=1GiB --bandwidth 500kB")
}

// Help explains the command to a person.
func (supernodeInviteCommand) Help() string {
	return explain("Prints a link and, at a terminal, the same as a QR code; members use it with 'community join'. Whoever reads it can join. Works whether the supernode runs or not. With --supernode it is for 'supernode init --join' on a further machine, which takes the root words in a file.",
		"sottovoce supernode invite --uses 20 --expires 48h --data /var/lib/sottovoce")
}

// Help explains the command to a person.
func (supernodeStatusCommand) Help() string {
	return explain("Works whether the supernode runs or not.", "sottovoce supernode status --data /var/lib/sottovoce")
}

// Help explains the command to a person.
func (supernodeMembersCommand) Help() string {
	return explain("A member is a persona: a key of its own that tells nobody who it is. Ask a member for the id that 'community list --json' shows.", "sottovoce supernode members --data /var/lib/sottovoce")
}

// Help explains the command to a person.
func (supernodeRevokeCommand) Help() string {
	return explain("They cannot leave or collect messages any more. What is kept stays until its day. Another supernode, lost or in other hands, is shut out by its id and the root words.",
		"sottovoce supernode revoke pers-5fzq7ghabc --data /var/lib/sottovoce")
}

// Run makes a supernode.
func (i *supernodeInitCommand) Run(c *call, s *supernodeCommand) error {
	switch {
	case i.From != "":
		return i.first(c, s)
	case i.RootWordsFile != "" && i.Community == "":
		return control.Errorf(control.CodeUsage, "--root-words-file goes with --community NAME, the name that the community had")
	case i.Community == "" && i.Join == "":
		return control.Errorf(control.CodeUsage, "say what it is to be: --community NAME founds a community, --join LINK makes a further supernode of one")
	}
	return i.found(c, s)
}

// found makes the first supernode of a community, or a further one.
func (i *supernodeInitCommand) found(c *call, s *supernodeCommand) error {
	ctx, cancel := c.soon()
	defer cancel()
	data, err := filepath.Abs(s.Data)
	if err != nil {
		return err
	}
	words, err := readRootWords(i.RootWordsFile)
	if err != nil {
		return err
	}
	defer clear(words)
	place, err := i.placeWords(c)
	if err != nil {
		return err
	}
	init := SupernodeInit{Data: data, Store: s.store(), Community: i.Community, Join: i.Join, RootWords: words}
	if place != nil {
		defer place.Close()
		init.Told = func(words []byte) error { return keepWords(place, words) }
	}
	made, err := c.Supernodes.Init(ctx, init)
	defer clear(made.RootWords)
	if err != nil {
		return errors.Join(err, dropEmpty(place))
	}
	if place != nil {
		clear(made.RootWords)
		made.RootWords = nil
	}
	if c.json {
		return c.printJSON(made)
	}
	next := "Next: sottovoce supernode up --data " + s.Data + s.again() + "\n"
	use := "Who has them decides which supernodes the community has. You need them to add a supernode, or to replace this one when it is lost.\n" + next
	switch {
	case place != nil:
		return c.printf("%s is founded, and %s is its first supernode.\nIts root words are in %s, in memory, until this machine is switched off, and nowhere else. Write them down on paper.\n%s",
			oneLine(made.Community), shortID(made.ID), i.WordsTo, use)
	case len(made.RootWords) == 0:
		return c.printf("%s is a supernode of %s now.\n%s", shortID(made.ID), oneLine(made.Community), next)
	}
	return c.printf("%s is founded, and %s is its first supernode.\n\nThe root words of %s, shown this once and kept nowhere. Write them down on paper:\n\n%s\n%s",
		oneLine(made.Community), shortID(made.ID), oneLine(made.Community), inRows(made.RootWords), use)
}

// wordsPerRow is how many root words stand in a row: of the longest, as many as a terminal of 80 columns takes whole.
const wordsPerRow = 4

// wordWidth is the column of one, without its number.
const wordWidth = 12

// inRows writes words with their numbers, on rows that are nowhere wider than a terminal.
func inRows(words []byte) string {
	var b strings.Builder
	for i, word := range bytes.Fields(words) {
		end := "\n"
		if i%wordsPerRow != wordsPerRow-1 {
			end = strings.Repeat(" ", max(1, wordWidth-len(word)))
		}
		fmt.Fprintf(&b, "%6d %s%s", i+1, word, end)
	}
	return strings.TrimRight(b.String(), " \n") + "\n"
}

// Run serves until the program is told to stop.
func (u *supernodeUpCommand) Run(c *call, s *supernodeCommand) error {
	allowed, err := u.quotas()
	if err != nil {
		return err
	}
	log := c.log()
	run, err := c.startSupernode(SupernodeOptions{
		Data: s.Data, Store: s.store(), Listen: u.Listen, Interfaces: u.Interface, Advertise: u.Advertise, Allow: allowed.all, Of: allowed.of, Metrics: u.Metrics, Log: log,
	})
	if err != nil {
		return err
	}
	running := control.NewSupernodeClient(s.Data)
	defer running.Close()
	return supervised(c.ctx, log, run, func(ctx context.Context) error {
		_, err := running.Status(ctx)
		return err
	})
}

// startSupernode starts one. Where much is on a cluster that takes minutes: who stops the program meanwhile need not wait, for it ends as
// if it were killed, after which nothing is lost.
func (c *call) startSupernode(o SupernodeOptions) (func(context.Context) error, error) {
	var run func(context.Context) error
	started := make(chan error, 1)
	go func() {
		var err error
		run, err = c.Supernodes.Start(c.ctx, o)
		started <- err
	}()
	select {
	case err := <-started:
		return run, err
	case <-c.ctx.Done():
		return nil, control.Errorf(control.CodeFailed, "stopped before the supernode was up")
	}
}

// store is where everything is kept.
func (s *supernodeCommand) store() SupernodeStore {
	return SupernodeStore{URL: s.Store, Credentials: s.StoreCredentials}
}

// again reminds of --store where that was given, without what it says: it may hold a password.
func (s *supernodeCommand) again() string {
	if s.Store == "" {
		return ""
	}
	return " --store nats://…"
}

// ask puts a question to whoever answers for the data directory: the supernode that runs on it, or the directory itself.
func (s *supernodeCommand) ask(c *call, question func(context.Context, control.Supernode) error) error {
	ctx, cancel := c.soon()
	defer cancel()
	running := control.NewSupernodeClient(s.Data)
	defer running.Close()
	for end := c.now().Add(openTimeout); ; {
		_, err := running.Version(ctx)
		if err == nil {
			return question(ctx, running)
		}
		if !isNotRunning(err) {
			return err
		}
		opened, done, err := c.Supernodes.Open(s.Data, s.store())
		if err == nil {
			return errors.Join(question(ctx, opened), done())
		}
		// Who has the directory without answering is just starting or stopping, or another command.
		if control.AsError(err).Code != control.CodeRunning || c.now().After(end) || !sleep(ctx, downPoll) {
			return err
		}
	}
}

// openTimeout is how long a command waits for a data directory that somebody else has just now.
const openTimeout = 3 * time.Second

// Run makes a join link.
func (i *supernodeInviteCommand) Run(c *call, s *supernodeCommand) error {
	if err := i.check(); err != nil {
		return err
	}
	terms := i.terms()
	switch {
	case i.Supernode != (i.RootWordsFile != ""):
		return control.Errorf(control.CodeUsage, "--supernode and --root-words-file go together: a further supernode takes the root words of the community")
	case i.Supernode:
		words, err := readRootWords(i.RootWordsFile)
		if err != nil {
			return err
		}
		defer clear(words)
		terms.RootWords = words
	}
	return s.ask(c, func(ctx context.Context, node control.Supernode) error {
		made, err := node.Invite(ctx, terms)
		if err != nil {
			return err
		}
		return c.showJoinLink(made)
	})
}

// check finds what no link can be for.
func (i *supernodeInviteCommand) check() error {
	switch {
	case i.Uses < 1:
		return control.Errorf(control.CodeUsage, "--uses %d: a link is for one at the least", i.Uses)
	case i.Expires < time.Minute:
		return control.Errorf(control.CodeUsage, "--expires %v: a link lives a minute at the least", i.Expires)
	case i.Expires > inviteLifeMax:
		return control.Errorf(control.CodeUsage, "--expires %v: a link lives %v at the most", i.Expires, inviteLifeMax)
	}
	return nil
}

// terms are what the link is to be good for.
func (i *supernodeInviteCommand) terms() control.JoinTerms {
	return control.JoinTerms{Community: i.Community, Uses: i.Uses, Seconds: int64(i.Expires / time.Second), Supernode: i.Supernode}
}

// readRootWords reads the words of a root from a file; without a file there are none.
func readRootWords(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	words, err := os.ReadFile(file)
	if err != nil {
		return nil, control.Errorf(control.CodeFailed, "the root words cannot be read: %v", err)
	}
	return words, nil
}

// showJoinLink prints a link, and its QR code at a terminal.
func (c *call) showJoinLink(made control.JoinLink) error {
	if c.json {
		return c.printJSON(made)
	}
	use, who := "sottovoce community join LINK", persons(made.Uses)
	if made.Supernode {
		use, who = "sottovoce supernode init --join LINK --data DIR", "one supernode"
	}
	if err := c.printf("For %s to join %s, until %s, with: %s\n%s\n", who, oneLine(made.Community), made.Expires.Local().Format("2 Jan 15:04"), use, made.Link); err != nil {
		return err
	}
	if !isTerminal(c.Stdout) {
		return nil
	}
	code, err := newCode(made.Link)
	if err != nil {
		return err
	}
	return c.printf("%s", code.terminal())
}

// Run shows what the supernode does.
func (*supernodeStatusCommand) Run(c *call, s *supernodeCommand) error {
	return s.ask(c, func(ctx context.Context, node control.Supernode) error {
		status, err := node.Status(ctx)
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(status)
		}
		return c.printTable(c.supernodeRows(status), c.palette.faint, nil)
	})
}

// Run shows who has joined.
func (m *supernodeMembersCommand) Run(c *call, s *supernodeCommand) error {
	return s.ask(c, func(ctx context.Context, node control.Supernode) error {
		all, err := node.Members(ctx, m.Community)
		if err != nil {
			return err
		}
		if c.json {
			for _, one := range all {
				if err := c.printJSON(one); err != nil {
					return err
				}
			}
			return nil
		}
		if len(all) == 0 {
			return c.printf("Nobody has joined yet; make a link with: sottovoce supernode invite --data %s\n", s.Data)
		}
		rows := make([][]string, len(all))
		for i, one := range all {
			rows[i] = []string{shortID(one.Persona), oneLine(one.Community), "since " + one.Joined.Format("2 Jan 2006"), revokedWord(one.Revoked)}
		}
		return c.printTable(rows, c.palette.bold, nil, nil, nil)
	})
}

func revokedWord(revoked bool) string {
	if revoked {
		return "revoked"
	}
	return ""
}

// Run shuts somebody out.
func (r *supernodeRevokeCommand) Run(c *call, s *supernodeCommand) error {
	if strings.HasPrefix(r.Who, "peer-") {
		return r.supernode(c, s)
	}
	return s.ask(c, func(ctx context.Context, node control.Supernode) error {
		was, err := node.Revoke(ctx, r.Community, r.Who)
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(was)
		}
		return c.printf("%s is no member of %s any more.\n", shortID(was.Persona), oneLine(was.Community))
	})
}

// supernode shuts out another supernode, which takes the root.
func (r *supernodeRevokeCommand) supernode(c *call, s *supernodeCommand) error {
	if r.RootWordsFile == "" {
		return control.Errorf(control.CodeUsage, "shutting out a supernode takes the root words of the community; give them with --root-words-file FILE")
	}
	words, err := readRootWords(r.RootWordsFile)
	if err != nil {
		return err
	}
	defer clear(words)
	return s.ask(c, func(ctx context.Context, node control.Supernode) error {
		if err := node.CloseSupernode(ctx, r.Community, r.Who, words); err != nil || c.json {
			return err
		}
		return c.printf("%s is no supernode of the community any more. Members and the other supernodes hear of it by themselves.\n", r.Who)
	})
}
