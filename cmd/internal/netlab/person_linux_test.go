package netlab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// callTime bounds one call of the program; a scenario that needs longer polls.
	callTime = 60 * time.Second
	// arriveTime is how long something that happens in a second may take on a busy machine.
	arriveTime = 30 * time.Second
)

// someone is a person with the program on a host: its helpers keep scenarios short.
type someone struct {
	*Host
	t       *testing.T
	program string
	called  string // the name given at init; long, with a space, and so a good needle
	node    *Process
}

// The shapes of the command line that scenarios read.
type (
	personJSON struct {
		ID, Name, Direction string
		Contact, Online     bool
	}
	messageJSON struct {
		ID, Text, State    string
		From               personJSON
		Delivered, Devices int
	}
	eventJSON struct {
		Cursor  int64
		Event   string
		Message *messageJSON
		Person  *personJSON
	}
)

// settle gives a person a name and an identity on a host, and starts the node.
func settle(t *testing.T, h *Host) *someone {
	t.Helper()
	return settleAs(t, h, h.Name+" Fiordaliso")
}

// settleAs is settle under a name of the test's choice.
func settleAs(t *testing.T, h *Host, name string) *someone {
	t.Helper()
	s := &someone{Host: h, t: t, program: Binary(t), called: name}
	s.ok("init", "--name", s.called)
	s.up()
	return s
}

// up starts the node and returns when it answers.
func (s *someone) up(flags ...string) {
	s.t.Helper()
	s.node = s.Start(append([]string{s.program, "up"}, flags...)...)
	s.eventually("running node", func() error {
		if got := s.call("status", "--json"); got.Code != 0 {
			return fmt.Errorf("status: %+v", got)
		}
		return nil
	})
}

// call runs the program to its end, whatever comes of it.
func (s *someone) call(args ...string) Result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), callTime)
	defer cancel()
	return s.Run(ctx, append([]string{s.program}, args...)...)
}

// ok runs the program, wants exit code 0, and returns what it printed.
func (s *someone) ok(args ...string) string {
	s.t.Helper()
	got := s.call(args...)
	if got.Code != 0 {
		s.t.Fatalf("%s: sottovoce %s: exit code %d: %s%s", s.Name, strings.Join(args, " "), got.Code, got.Stdout, got.Stderr)
	}
	return got.Stdout
}

// list runs a command with --json and decodes a value per line.
func list[T any](s *someone, args ...string) []T {
	s.t.Helper()
	values, err := lines[T](s.ok(append(args, "--json")...))
	if err != nil {
		s.t.Fatalf("%s: %v: %v", s.Name, args, err)
	}
	return values
}

func lines[T any](text string) (values []T, err error) {
	for decoder := json.NewDecoder(strings.NewReader(text)); decoder.More(); {
		var value T
		if err := decoder.Decode(&value); err != nil {
			return values, err
		}
		values = append(values, value)
	}
	return values, nil
}

// eventually polls until try succeeds, for arriveTime at most.
func (s *someone) eventually(what string, try func() error) {
	s.t.Helper()
	s.within(arriveTime, what, try)
}

func (s *someone) within(limit time.Duration, what string, try func() error) {
	s.t.Helper()
	err := try()
	for end := time.Now().Add(limit); err != nil; err = try() {
		if time.Now().After(end) {
			s.t.Fatalf("%s: no %s after %v: %v", s.Name, what, limit, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// sees waits until the list that a command prints has the other person on it.
func (s *someone) sees(other *someone, args ...string) {
	s.t.Helper()
	s.eventually(other.called+" in "+args[0], func() error {
		got := s.call(append(args, "--json")...) // nobody within --wait is exit code 4
		found, err := lines[personJSON](got.Stdout)
		if err != nil || got.Code != 0 {
			return fmt.Errorf("%+v: %v", got, err)
		}
		if slices.ContainsFunc(found, func(p personJSON) bool { return p.Name == other.called }) {
			return nil
		}
		return fmt.Errorf("it has %+v", found)
	})
}

// befriend makes two people contacts, as the README does it.
func befriend(anna, bert *someone) {
	anna.t.Helper()
	anna.sees(bert, "nearby", "--wait", "1s")
	anna.ok("add", bert.called)
	bert.sees(anna, "requests")
	bert.ok("accept", anna.called)
	anna.sees(bert, "contacts")
	bert.sees(anna, "contacts")
}

// say sends a text and waits until it is delivered.
func (s *someone) say(to *someone, text string) {
	s.t.Helper()
	s.ok("send", "--wait", "delivered", "--timeout", "30s", to.called, text)
}

// texts returns what the other person has written to s, in the conversation's order.
func (s *someone) texts(other *someone) (texts []string) {
	s.t.Helper()
	for _, m := range list[messageJSON](s, "log", other.called) {
		if m.From.Name == other.called {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// hears waits until s has exactly these texts from the other person, in this order, each once.
func (s *someone) hears(limit time.Duration, other *someone, want []string) {
	s.t.Helper()
	s.within(limit, "message", func() error {
		if got := s.texts(other); !slices.Equal(got, want) {
			return fmt.Errorf("%d messages from %s where %d were sent: first difference %s",
				len(got), other.Name, len(want), difference(got, want))
		}
		return nil
	})
}

func difference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("at %d: %q is missing", i, want[i])
		case i >= len(want):
			return fmt.Sprintf("at %d: %q is too much", i, got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("at %d: %q instead of %q", i, got[i], want[i])
		}
	}
	return "none"
}

// delivered waits until everything that s has sent to the other person says so.
func (s *someone) delivered(limit time.Duration, other *someone) {
	s.t.Helper()
	s.within(limit, "delivery of everything", func() error {
		for _, m := range list[messageJSON](s, "log", other.called) {
			if m.From.Name == s.called && m.State != "delivered" && m.State != "read" {
				return fmt.Errorf("%q is %s", m.Text, m.State)
			}
		}
		return nil
	})
}

// chat lets both say something and checks that the other has it.
func chat(anna, bert *someone) {
	anna.t.Helper()
	anna.say(bert, "is this thing private?")
	bert.say(anna, "it is. Lunch?")
	bert.hears(arriveTime, anna, []string{"is this thing private?"})
	anna.hears(arriveTime, bert, []string{"it is. Lunch?"})
}

// stateOrder is the way of a message; expired and failed end it anywhere.
var stateOrder = map[string]int{"queued": 0, "held": 1, "delivered": 2, "read": 3, "expired": 4, "failed": 4}

// watch follows the events of s from the beginning until the test ends, and returns a check that no message's state
// has gone backwards and no cursor has come twice.
func (s *someone) watch() (check func()) {
	p := s.Start(s.program, "events", "--json", "--since", "0")
	var once sync.Once
	return func() {
		s.t.Helper()
		once.Do(p.Kill)
		text := p.Output()
		text = text[:strings.LastIndex(text, "\n")+1] // the last line may be half written
		events, err := lines[eventJSON](text)
		if err != nil || len(events) == 0 {
			s.t.Fatalf("%s: %d events, %v: %s", s.Name, len(events), err, text)
		}
		last := int64(0)
		states := map[string]string{}
		for _, e := range events {
			if e.Message == nil {
				continue
			}
			if e.Cursor <= last {
				s.t.Errorf("%s: cursor %d after %d", s.Name, e.Cursor, last)
			}
			last = e.Cursor
			if before, ok := states[e.Message.ID]; ok && stateOrder[e.Message.State] < stateOrder[before] {
				s.t.Errorf("%s: %q went from %s back to %s", s.Name, e.Message.Text, before, e.Message.State)
			}
			states[e.Message.ID] = e.Message.State
		}
	}
}
