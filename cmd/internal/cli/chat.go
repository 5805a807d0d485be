package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sottovoce/cmd/internal/control"
)

const (
	// recentMax is how many messages of the past are shown when a conversation is opened.
	recentMax = 10
	// startTimeout is how long a node of our own may take until it answers.
	startTimeout = 10 * time.Second
)

// chat is a conversation at a terminal, line by line. Everything but reading lines and asking somebody happens on the
// goroutine of its loop.
type chat struct {
	c          *call
	screen     screen
	me         control.Me
	roll       roll
	to         *control.Person          // whom typed text goes to; nil at first
	leaving    string                   // who is to be removed if that is said again
	looking    *looking                 // the emoji that the person is to look at; nil: none
	mine       map[string]control.State // messages sent from here that have not arrived yet, by id: what was told of them
	keys       <-chan string            // the line as it is being typed, at a terminal
	saidTyping time.Time                // when that was last told
	told       chan func()              // what the loop is to do when something asked in the background is answered
	asking     sync.WaitGroup
}

// Run opens the chat, with a node of its own if none runs.
func (*chatCommand) Run(c *call) error {
	if c.json {
		return control.Errorf(control.CodeUsage, "the chat is for people; for programs see: sottovoce events --help")
	}
	passphrase, err := c.unlockToStart()
	if err != nil {
		return err
	}
	defer clear(passphrase)
	if in, out, ok := wholeTerminal(c); ok && !c.lines {
		return runFace(c, in, out, passphrase)
	}
	s, err := openScreen(c)
	if err != nil {
		return err
	}
	err = runChat(c, s, passphrase)
	return errors.Join(err, s.close())
}

func runChat(c *call, s screen, passphrase []byte) error {
	ctx, cancel := context.WithCancel(c.ctx)
	lines := readLines(ctx, s)
	defer cancel()
	if !c.Exists(c.home) {
		if left, err := firstRun(ctx, c, s, lines); left || err != nil {
			return err
		}
	}
	stop, err := ensureNode(ctx, c, passphrase)
	if err != nil {
		return err
	}
	ch := &chat{c: c, screen: s, mine: map[string]control.State{}, told: make(chan func()), keys: s.keys()}
	err = ch.run(ctx, lines)
	cancel()
	ch.asking.Wait()
	err = errors.Join(err, stop())
	if err == nil {
		s.print("Goodbye.")
	}
	return err
}

// typed is a line from the person, or why there are no more.
type typed struct {
	text string
	err  error
}

// readLines reads on a goroutine of its own, because nothing can interrupt reading: it ends with the input, or hangs in it
// until the program ends.
func readLines(ctx context.Context, s screen) <-chan typed {
	lines := make(chan typed)
	go func() {
		defer close(lines)
		for {
			text, err := s.read()
			select {
			case lines <- typed{text, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// firstRun asks for a name until one is good, and who may see it; left means that the person went away instead.
func firstRun(ctx context.Context, c *call, s screen, lines <-chan typed) (left bool, err error) {
	s.print("Welcome to Sottovoce: private chat with the people on this network.")
	s.print("What should the others call you?")
	s.prompt("Your name: ")
	var seen control.Visible
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case line := <-lines:
			if line.err != nil {
				return true, notEOF(line.err)
			}
			if strings.TrimSpace(line.text) == "" {
				continue
			}
			if seen == "" {
				if seen, left, err = askVisibility(ctx, s, lines); left || err != nil {
					return left, err
				}
			}
			err := c.Init(c.home, line.text, seen)
			if err == nil {
				return false, nil
			}
			if e := control.AsError(err); e.Code != control.CodeUsage {
				return true, err
			}
			s.print("That will not do: " + oneLine(err.Error()) + ". Another name, please.")
		}
	}
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// ensureNode starts a node in this process unless one answers already; stop ends ours and waits for it.
func ensureNode(ctx context.Context, c *call, passphrase []byte) (stop func() error, err error) {
	asked, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if _, err := c.node.Version(asked); !isNotRunning(err) {
		return func() error { return nil }, err
	}
	run, err := c.Start(ctx, Options{Home: c.home, Passphrase: passphrase, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- run(running) }()
	stop = func() error {
		end()
		return <-ended
	}
	for {
		if _, err := c.node.Version(asked); !isNotRunning(err) {
			return stop, nil
		}
		if !sleep(asked, downPoll) {
			return nil, errors.Join(stop(), control.Errorf(control.CodeFailed, "the node does not answer"))
		}
	}
}

func (ch *chat) run(ctx context.Context, lines <-chan typed) error {
	events, err := ch.c.node.Events(ctx, nil)
	if err != nil {
		return err
	}
	if err := ch.open(ctx); err != nil {
		return err
	}
	happening := make(chan control.Event)
	var broken error
	ch.asking.Go(func() {
		defer close(happening)
		for e, err := range events {
			if broken = err; err != nil {
				return
			}
			select {
			case happening <- e:
			case <-ctx.Done():
				return
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			if line.err != nil {
				return notEOF(line.err)
			}
			if quit := ch.typed(ctx, line.text); quit {
				return nil
			}
		case e, ok := <-happening:
			if !ok && ctx.Err() != nil {
				return nil
			}
			if !ok {
				return broken
			}
			ch.happened(ctx, e)
		case tell := <-ch.told:
			tell()
		case line := <-ch.keys:
			ch.typing(ctx, line)
		}
	}
}

// open greets, and shows who is there.
func (ch *chat) open(ctx context.Context) (err error) {
	if ch.me, err = ch.c.node.Me(ctx); err != nil {
		return err
	}
	nearby, err := ch.c.node.Nearby(ctx)
	if err != nil {
		return err
	}
	contacts, err := ch.c.node.Contacts(ctx)
	if err != nil {
		return err
	}
	requests, err := ch.c.node.Requests(ctx)
	if err != nil {
		return err
	}
	ch.say("You are %s. Type /help to see what you can do, /quit to leave.", ch.c.palette.bold(name(ch.me.Person)))
	for _, people := range [][]control.Person{contacts, nearby, requests} {
		for _, p := range people {
			ch.roll.put(p)
		}
	}
	ch.who()
	if len(contacts) == 1 {
		ch.turnTo(ctx, contacts[0])
	} else {
		ch.screen.prompt("> ")
	}
	return nil
}

func (ch *chat) say(format string, args ...any) {
	ch.screen.print(fmt.Sprintf(format, args...))
}

// who shows everybody with the number that stands for them.
func (ch *chat) who() {
	if len(ch.roll) == 0 {
		ch.say("Nobody else is here yet. People appear as soon as they open sottovoce on this network; if one does not, type /doctor.")
		return
	}
	for i, p := range ch.roll {
		ch.say("  %d  %s  %s", i+1, ch.c.palette.bold(name(p)), ch.c.palette.faint(standing(p)+", "+presence(p)))
	}
}

// turnTo makes p the one whom typed text goes to, and shows what was said last.
func (ch *chat) turnTo(ctx context.Context, p control.Person) {
	ch.to = &p
	ch.screen.prompt(name(p) + "> ")
	ch.say("You are writing to %s.", ch.c.palette.bold(name(p)))
	ch.recent(ctx, recentMax)
	ch.read(ctx, p.ID)
}

// recent shows the last messages with the current person.
func (ch *chat) recent(ctx context.Context, n int) {
	messages, err := ch.c.node.Log(ctx, ch.to.ID, control.LogQuery{N: n})
	if err != nil {
		ch.complain(err)
		return
	}
	for _, m := range messages {
		who, mark := name(m.From), ""
		if m.From.ID == ch.me.ID {
			who, mark = "you", "  "+ch.c.palette.faint(ourMark(m))
		}
		ch.say("%s %s: %s%s", ch.c.palette.faint(m.Time.Local().Format("2 Jan 15:04")), ch.c.palette.bold(who), ch.c.wording(m, 4), mark)
	}
}

func (ch *chat) complain(err error) {
	ch.say("%s", oneLine(control.AsError(err).Error()))
}

// happened tells what the node tells.
func (ch *chat) happened(ctx context.Context, e control.Event) {
	switch e.Event {
	case control.EventMessage:
		ch.message(ctx, *e.Message)
	case control.EventState:
		ch.state(*e.Message)
	case control.EventChange:
		ch.changed(*e.Message)
	case control.EventPerson:
		ch.person(*e.Person)
	case control.EventRequest:
		if byLink(*e.Person) {
			return // nobody to be shown yet
		}
		n := ch.roll.put(*e.Person)
		switch by := e.Person.IntroducedBy; {
		case e.Person.Direction != control.DirectionIn:
		case by != nil:
			ch.say("%s would like you and %s to know each other. Type /accept %d or /decline %d.", oneLine(by.Name), ch.c.palette.bold(name(*e.Person)), n, n)
		default:
			ch.say("%s would like to become a contact. Type /accept %d or /decline %d.", ch.c.palette.bold(name(*e.Person)), n, n)
		}
	case control.EventVerification:
		ch.compared(*e.Person, *e.Comparison)
	case control.EventNotice:
		ch.say("%s", oneLine(e.Notice))
	}
}

func (ch *chat) message(ctx context.Context, m control.Message) {
	when := ch.c.palette.faint(clock(m.Time))
	switch {
	case m.From.ID != ch.me.ID:
		ch.say("%s %s: %s", when, ch.c.palette.bold(name(m.From)), ch.c.wording(m, 6))
		ch.read(ctx, m.ID)
	case ch.mine[m.ID] == "":
		// Sent by another face; what was typed here stands here.
		ch.say("%s you to %s: %s", when, ch.c.palette.bold(oneLine(m.Conversation.Name)), ch.c.wording(m, 6))
	}
}

// state tells once that a message from here is kept for them, and once how it ended; what it says is not repeated when the
// line stands just above.
func (ch *chat) state(m control.Message) {
	switch told := ch.mine[m.ID]; {
	case told == "" || m.State == control.StateQueued || m.State == told:
		return
	case m.State == control.StateHeld:
		ch.mine[m.ID] = m.State
	default:
		delete(ch.mine, m.ID)
	}
	ch.say("      %s", ch.c.palette.faint(fmt.Sprintf("%s to %s: %s", stateMark(m), oneLine(m.Conversation.Name), excerpt(m.Text))))
}

// read notes that the person has seen what was shown: a message, or a whole conversation. What is shown to a program
// nobody has seen.
func (ch *chat) read(ctx context.Context, what string) {
	if !isTerminal(ch.c.Stdin) {
		return
	}
	if _, err := ch.c.node.Read(ctx, what); err != nil {
		ch.complain(err)
	}
}

// excerpt is the beginning of a text, to recognise it by.
func excerpt(text string) string {
	const charsMax = 24
	chars := []rune(oneLine(text))
	if len(chars) <= charsMax {
		return string(chars)
	}
	return string(chars[:charsMax]) + "…"
}

// person tells who comes, goes, and becomes a contact.
func (ch *chat) person(p control.Person) {
	before, known := ch.roll.find(p)
	n := ch.roll.put(p)
	ch.callTo(p)
	ch.writes(p)
	bold := ch.c.palette.bold(name(p))
	switch {
	case p.Blocked:
		// Whoever blocked them was answered; nobody else is told.
	case known && before.Contact && before.Name != p.Name:
		ch.say("%s is called %s now.", ch.c.palette.bold(name(before)), bold)
	case p.Contact && !(known && before.Contact):
		ch.say("%s is a contact now. Type /to %d to write.", bold, n)
	case p.Online && !(known && before.Online) && p.Contact:
		ch.say("%s is here.", bold)
	case p.Online && !(known && before.Online):
		ch.say("%s is here. Type /add %d to ask for contact.", bold, n)
	case !p.Online && known && before.Online:
		ch.say("%s has left.", bold)
	}
}
