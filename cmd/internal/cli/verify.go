package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

// partingTimeout is how long the node may take to hear that the person went away.
const partingTimeout = 2 * time.Second

type verifyCommand struct {
	Who     string `arg:"" help:"Name or id of a contact."`
	Confirm bool   `xor:"decide" help:"Say that the safety words are the same at the other side."`
	Undo    bool   `xor:"decide" help:"Take back that you have compared."`
	Accept  bool   `xor:"decide" name:"accept-change" help:"Go on with a contact whose keys have changed, once you have asked them in person."`
}

// Help explains the command to a person.
func (verifyCommand) Help() string {
	return explain("Shows whether somebody stands between you and a contact and only passes on what you two write. At a terminal both of you see seven emoji, and compare them aloud; for that both of you type this command. "+
		"Without a terminal, or when the other is away, it shows sixteen safety words that must be the same on both sides: read them to each other, then confirm with --confirm.",
		"sottovoce verify Bob")
}

// Run compares with a contact, or takes what the person has decided.
func (v *verifyCommand) Run(c *call) error {
	switch {
	case v.Confirm:
		return c.decideVerification(v.Who, control.AnswerWords, confirmed)
	case v.Undo:
		return c.decideVerification(v.Who, control.AnswerUndo, unverified)
	case v.Accept:
		return c.decideVerification(v.Who, control.AnswerAccept, keysAccepted)
	case c.json || !isTerminal(c.Stdin):
		return v.show(c)
	}
	return v.compare(c)
}

func (c *call) decideVerification(who string, a control.Answer, tell func(control.Person) string) error {
	return c.decide(func(ctx context.Context, who string) (control.Person, error) {
		return c.node.Decide(ctx, who, control.Decision{Answer: a})
	}, who, tell)
}

// show prints what a person can go by.
func (v *verifyCommand) show(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	found, err := c.node.Verification(ctx, v.Who)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(found)
	}
	return c.printf("%s: %s\n%s\nIf they are the same on both sides: sottovoce verify %q --confirm\n",
		name(found.Person), standing(found.Person), safetyWords(found.Words), name(found.Person))
}

// safetyWords are the words as they are read aloud, in each language.
func safetyWords(words []control.Symbol) string {
	const perLine = 4
	var b strings.Builder
	for _, language := range []struct {
		title string
		of    func(control.Symbol) string
	}{
		{"Safety words", func(s control.Symbol) string { return s.English }},
		{"Parole di sicurezza", func(s control.Symbol) string { return s.Italian }},
	} {
		fmt.Fprintf(&b, "%s:\n", language.title)
		for line := range slices.Chunk(words, perLine) {
			var names []string
			for _, s := range line {
				names = append(names, language.of(s))
			}
			fmt.Fprintf(&b, "    %s\n", strings.Join(names, ", "))
		}
	}
	return b.String()
}

// emojiLines are the emoji as they are compared, each with its names.
func emojiLines(emoji []control.Symbol) []string {
	lines := make([]string, len(emoji))
	for i, s := range emoji {
		lines[i] = fmt.Sprintf("    %s  %s / %s", s.Emoji, s.English, s.Italian)
	}
	return lines
}

// compare compares emoji at a terminal, and ends when the person has answered.
func (v *verifyCommand) compare(c *call) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	me, err := c.node.Me(ctx)
	if err != nil {
		return err
	}
	events, err := c.node.Events(ctx, nil)
	if err != nil {
		return err
	}
	p, err := c.node.Contact(ctx, v.Who)
	if err != nil {
		return err
	}
	now, err := c.node.Compare(ctx, p.ID)
	if control.AsError(err) != nil && control.AsError(err).Code == control.CodeTimeout {
		if shown := v.show(c); shown != nil {
			return shown
		}
	}
	if err != nil {
		return err
	}
	d := &comparing{c: c, me: name(me.Person), with: p}
	err = d.run(ctx, now, events)
	if ctx.Err() != nil { // Ctrl-C: the other side need not wait
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), partingTimeout)
		defer done()
		_, _ = c.node.Decide(ctx, p.ID, control.Decision{Answer: control.AnswerStop})
	}
	return err
}

// comparing is a comparison of emoji at a terminal.
type comparing struct {
	c      *call
	me     string
	with   control.Person
	now    control.Comparison
	answer chan string // what the person typed; nil before they are asked
}

func (d *comparing) run(ctx context.Context, now control.Comparison, events iter.Seq2[control.Event, error]) error {
	happening := make(chan control.Event)
	var broken error
	go func() {
		defer close(happening)
		for e, err := range events {
			if broken = err; err != nil {
				return
			}
			if e.Event != control.EventVerification || e.Person.ID != d.with.ID {
				continue
			}
			select {
			case happening <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	for over, err := d.became(ctx, now); ; {
		if over || err != nil {
			return err
		}
		select {
		case e, ok := <-happening:
			if !ok {
				return broken
			}
			over, err = d.became(ctx, *e.Comparison)
		case typed := <-d.answer:
			over, err = d.answered(ctx, typed)
		}
	}
}

// became shows how far the comparison is.
func (d *comparing) became(ctx context.Context, now control.Comparison) (over bool, err error) {
	before := d.now
	if d.now = now; now.State == before.State && (now.ID == before.ID || now.State == control.ComparisonAsked) {
		return false, nil
	}
	switch now.State {
	case control.ComparisonAsked:
		return false, d.c.printf("Waiting for %s. Ask them to type, on their side: sottovoce verify %q\n", name(d.with), d.me)
	case control.ComparisonShown:
		err := d.c.printf("%s\nAre these the same on the side of %s, in the same order? Type yes or no: ", strings.Join(emojiLines(now.Emoji), "\n"), name(d.with))
		if d.answer == nil {
			d.answer = make(chan string)
			go d.read(ctx)
		}
		return false, err
	case control.ComparisonMatched: // at another face of ours
		return true, d.c.printf("\n%s\n", confirmed(d.with))
	case control.ComparisonEnded:
		return true, control.Errorf(control.CodeFailed, "the comparison has ended: %s", now.Reason)
	}
	return false, nil
}

// read hands on what the person types. Nothing can interrupt reading: it ends with the input, or with the program.
func (d *comparing) read(ctx context.Context) {
	in := bufio.NewReader(io.LimitReader(d.c.Stdin, lineMax))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			line = "stop"
		}
		select {
		case d.answer <- strings.ToLower(strings.TrimSpace(line)):
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// answered takes what the person typed.
func (d *comparing) answered(ctx context.Context, typed string) (over bool, err error) {
	decide := func(a control.Answer) (control.Person, error) {
		return d.c.node.Decide(ctx, d.with.ID, control.Decision{Answer: a, Comparison: d.now.ID})
	}
	switch typed {
	case "yes", "y", "sì", "si", "s":
		p, err := decide(control.AnswerMatch)
		if err != nil {
			return true, err
		}
		return true, d.c.printf("%s\n", confirmed(p))
	case "no", "n":
		p, err := decide(control.AnswerDiffer)
		if err != nil {
			return true, err
		}
		return true, control.Errorf(control.CodeFailed, "%s", differs(p))
	case "stop":
		if _, err := decide(control.AnswerStop); err != nil {
			return true, err
		}
		return true, control.Errorf(control.CodeFailed, "nothing was decided")
	}
	return false, d.c.printf("Type yes or no: ")
}

func confirmed(p control.Person) string {
	return name(p) + " is verified: nobody stands between you two."
}

func unverified(p control.Person) string { return name(p) + " does not count as verified any more." }

func keysAccepted(p control.Person) string {
	return "You go on with " + name(p) + ", and what waited goes out. They are not verified: compare when you can."
}

func differs(p control.Person) string {
	return "they are not the same: somebody may be between you and " + name(p) + ", reading and changing what you two write. " +
		"Write nothing that others must not see, and compare once more when you stand beside each other"
}
