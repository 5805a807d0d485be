package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

const chatHelp = `Type a line to send it to the person whose name stands before it.
  /who           show everybody, each with a number
  /to NAME       choose whom you write to
  /add NAME      ask somebody near to become a contact
  /add LINK      use a link that somebody has sent you
  /invite        make a link for somebody who is elsewhere
  /join LINK     join a community, whose supernodes keep messages while you are away
  /accept NAME   say yes to somebody who asked you
  /decline NAME  say no
  /log           show what was said
  /reply TEXT    answer what they wrote last
  /edit TEXT     make your last message say something else
  /delete        erase your last message, and ask them to do so
  /react EMOJI   answer what they wrote last with one sign; again takes it back
  /rename NAME   give the person you write to a name of your own
  /remove NAME   forget a contact, and all that was said with them
  /verify NAME   make sure that nobody stands between you two
  /block NAME    shut a contact out, untold; /unblock NAME lets them in again
  /visible       show who may see you here; /visible contacts chooses that
  /doctor        find out why somebody is not found or reached
  /quit          leave; messages still waiting go out next time
Instead of a name you can type the number that /who shows. /reply, /edit,
/delete and /react take the id of another message first, as in
/reply msg-t5cfgz7obr Yes! To send a line that begins with a slash, type two.`

// logMax is how many messages /log shows.
const logMax = 100

// typed does what the person typed; quit means to leave.
func (ch *chat) typed(ctx context.Context, line string) (quit bool) {
	if strings.TrimSpace(line) == "" {
		return false
	}
	if !strings.HasPrefix(line, "/") || strings.HasPrefix(line, "//") {
		ch.send(ctx, strings.TrimPrefix(line, "/"))
		return false
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "/quit":
		return true
	case "/help":
		ch.say("%s", chatHelp)
	case "/visible":
		ch.visible(ctx, rest)
	case "/doctor":
		ch.doctor(ctx)
	case "/who":
		ch.who()
	case "/invite":
		ch.invite(ctx)
	case "/join":
		ch.join(ctx, rest)
	case "/log":
		if ch.to == nil {
			ch.sayWhom()
		} else {
			ch.recent(ctx, logMax)
		}
	case "/rename":
		if ch.to == nil {
			ch.sayWhom()
		} else {
			p, err := ch.c.node.Rename(ctx, ch.to.ID, rest)
			ch.tell(p, err, renamed)
		}
	case "/verify":
		ch.verify(ctx, rest)
	case "/reply", "/edit", "/delete", "/react":
		if ch.to == nil {
			ch.sayWhom()
		} else {
			ch.amend(ctx, word, rest)
		}
	case "/to", "/add", "/accept", "/decline", "/block", "/unblock", "/remove":
		if rest == "" {
			ch.say("Say who, as in %s %s. /who shows everybody.", word, ch.example())
			return false
		}
		ch.about(ctx, word, rest)
	default:
		ch.say("There is no %s; /help shows what there is.", oneLine(word))
	}
	return false
}

// invite makes a link, and shows its code where one can be drawn.
func (ch *chat) invite(ctx context.Context) {
	made, err := ch.c.node.Invite(ctx, 0)
	if err != nil {
		ch.complain(err)
		return
	}
	ch.say("%s\n%s", inviteWords(made), made.Link)
	if _, draws := ch.screen.(*tty); !draws {
		return
	}
	code, err := newCode(made.Link)
	if err != nil {
		ch.complain(err)
		return
	}
	ch.say("%s", strings.TrimSuffix(code.terminal(), "\n"))
}

// about does what concerns one person.
func (ch *chat) about(ctx context.Context, word, who string) {
	if p, ok := ch.roll.numbered(who); ok {
		who = p.ID
	}
	switch word {
	case "/to":
		ch.choose(ctx, who)
	case "/add":
		// It takes as long as the other machine needs to answer.
		ch.asking.Go(func() {
			asked, cancel := context.WithTimeout(ctx, answerTimeout)
			defer cancel()
			p, err := ch.c.node.Add(asked, who)
			select {
			case ch.told <- func() { ch.tell(p, err, added) }:
			case <-ctx.Done():
			}
		})
	case "/accept":
		p, err := ch.c.node.Accept(ctx, who)
		ch.tell(p, err, accepted)
	case "/decline":
		p, err := ch.c.node.Decline(ctx, who)
		ch.tell(p, err, declined)
	case "/remove":
		ch.remove(ctx, who)
	case "/block":
		p, err := ch.c.node.Block(ctx, who)
		ch.tell(p, err, blocked)
	case "/unblock":
		p, err := ch.c.node.Unblock(ctx, who)
		ch.tell(p, err, unblocked)
	}
}

func (ch *chat) tell(p control.Person, err error, words func(control.Person) string) {
	if err != nil {
		ch.complain(err)
		return
	}
	before, known := ch.roll.find(p)
	if p.Contact && !(known && before.Contact) {
		// The event that tells the same will find it said.
		ch.person(p)
		return
	}
	if !byLink(p) {
		ch.roll.put(p)
		ch.callTo(p)
	}
	ch.say("%s", words(p))
}

// remove forgets a contact when it is said twice: what is gone does not come back.
func (ch *chat) remove(ctx context.Context, who string) {
	if ch.leaving != who {
		ch.leaving = who
		ch.say("This deletes all that was said with them for good, and they are not told. If you mean it, type it once more.")
		return
	}
	ch.leaving = ""
	p, err := ch.c.node.Remove(ctx, who)
	if err == nil && ch.to != nil && ch.to.ID == p.ID {
		ch.to = nil
		ch.screen.prompt("> ")
	}
	ch.tell(p, err, removed)
}

// typingAgain is how often a contact is told that the person is writing.
const typingAgain = 4 * time.Second

// typing tells whom the person is writing to, now and then, unless it is a command. The node knows whether that is shared.
func (ch *chat) typing(ctx context.Context, line string) {
	if ch.to == nil || line == "" || strings.HasPrefix(line, "/") || ch.c.now().Sub(ch.saidTyping) < typingAgain {
		return
	}
	ch.saidTyping = ch.c.now()
	if err := ch.c.node.Typing(ctx, ch.to.ID, true); err != nil {
		ch.complain(err)
	}
}

// writes puts before the line that the person written to is writing, too.
func (ch *chat) writes(p control.Person) {
	if ch.to == nil || ch.to.ID != p.ID || ch.to.Typing == p.Typing {
		return
	}
	ch.to.Typing = p.Typing
	if p.Typing {
		ch.screen.prompt(name(p) + " is writing> ")
	} else {
		ch.screen.prompt(name(p) + "> ")
	}
}

// callTo puts a new name of the person written to before the line.
func (ch *chat) callTo(p control.Person) {
	if ch.to != nil && ch.to.ID == p.ID && ch.to.Name != p.Name {
		ch.to.Name = p.Name
		ch.screen.prompt(name(p) + "> ")
	}
}

// choose turns to a contact by name or id.
func (ch *chat) choose(ctx context.Context, who string) {
	contacts, err := ch.c.node.Contacts(ctx)
	if err != nil {
		ch.complain(err)
		return
	}
	for _, p := range contacts {
		ch.roll.put(p)
	}
	var found []control.Person
	for _, p := range ch.roll {
		if p.ID == who || strings.EqualFold(p.Name, who) {
			found = append(found, p)
		}
	}
	found = slices.DeleteFunc(found, func(p control.Person) bool { return len(found) > 1 && !p.Contact })
	switch {
	case len(found) == 0:
		ch.say("Nobody here is called %s; /who shows everybody.", oneLine(who))
	case len(found) > 1:
		ch.say("Several people are called %s; use the number that /who shows.", oneLine(who))
	case !found[0].Contact:
		ch.say("%s is not a contact yet; ask with /add %s.", name(found[0]), name(found[0]))
	default:
		ch.turnTo(ctx, found[0])
	}
}

// send queues a text for the current person.
func (ch *chat) send(ctx context.Context, text string) {
	if ch.to == nil {
		ch.sayWhom()
		return
	}
	sent := ch.c.node.Send(ctx, []control.Outgoing{{To: ch.to.ID, Text: text}})[0]
	if sent.Err != nil {
		ch.complain(sent.Err)
		return
	}
	ch.queued(sent.Message)
}

// queued waits for the states of a message that was typed here, and tells if that will take long.
func (ch *chat) queued(m control.Message) {
	ch.mine[m.ID] = control.StateQueued
	if p, ok := ch.roll.find(*ch.to); ok && !p.Online {
		ch.say("      %s", ch.c.palette.faint("… waiting: "+name(p)+" is away; it goes out as soon as there is a way to them"))
	}
}

func (ch *chat) sayWhom() {
	ch.say("Say to whom first, as in /to %s. /who shows everybody.", ch.example())
}

// example is a name for an example, a real one if there is one.
func (ch *chat) example() string {
	if len(ch.roll) == 0 {
		return "Anna"
	}
	return name(ch.roll[0])
}

// roll is everybody this chat has seen, in the order of appearance; places do not change, so that numbers stay true.
type roll []control.Person

// put enters somebody or what is new about them, and returns their number, from 1.
func (r *roll) put(p control.Person) int {
	i := r.index(p)
	if i < 0 {
		*r = append(*r, p)
		return len(*r)
	}
	(*r)[i] = p
	return i + 1
}

func (r roll) find(p control.Person) (control.Person, bool) {
	if i := r.index(p); i >= 0 {
		return r[i], true
	}
	return control.Person{}, false
}

// index finds somebody by id; a new contact takes the place of the one of that name with whom a request was open.
func (r roll) index(p control.Person) int {
	i := slices.IndexFunc(r, func(q control.Person) bool { return q.ID == p.ID })
	if i < 0 && p.Contact {
		i = slices.IndexFunc(r, func(q control.Person) bool {
			return !q.Contact && q.Direction != control.DirectionNone && q.Name == p.Name
		})
	}
	return i
}

// numbered finds somebody by number.
func (r roll) numbered(text string) (control.Person, bool) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > len(r) {
		return control.Person{}, false
	}
	return r[n-1], true
}
