package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// Options say how the story is told.
type Options struct {
	Fast  bool // without pauses
	JSON  bool // one statement a line, without pauses
	Lines bool // one after the other, however wide the terminal is
	In    io.Reader
	Out   io.Writer
	Env   func(string) string // os.Getenv
}

// Run tells the story. It fails with a *control.Error when something of it does not happen, or ctx ends; whatever happens, the
// folder it took place in is removed.
func Run(ctx context.Context, o Options) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGPIPE) // the terminal was closed, or whoever reads
	defer stop()
	p, err := newPlay(o)
	if err != nil {
		return err
	}
	return p.run(ctx)
}

// play is a performance.
type play struct {
	*stage
	words    *catalogue
	teller   teller
	pace     *pace    // nil: without pauses
	fit      func()   // the teller to the terminal, which may have changed; nil: there is none
	keys     *os.File // what keys come from; nil: there is nothing
	patience time.Duration
	acts     []act
	now      string // the act
	told     int    // bytes since the last pause
	admitted bool   // what is wrong was told

	anna, bruno, carla *person
	secrets            [][]byte // what people wrote
	first              kept     // blob of all
}

// act is a part of the story.
type act struct {
	name string
	play func(context.Context) error
}

func newPlay(o Options) (*play, error) {
	s, err := newStage()
	if err != nil {
		return nil, control.Errorf(control.CodeFailed, "cannot make a folder for the demo: %v", err)
	}
	p := &play{stage: s, words: speaks(o.Env), patience: patience}
	p.teller = teller{out: o.Out, json: o.JSON, words: p.words}
	if out, ok := o.Out.(*os.File); ok && !o.JSON && term.IsTerminal(int(out.Fd())) {
		p.at(out, o)
		p.fit()
	}
	p.acts = []act{
		{"stage", p.raise}, {"nearby", p.meet}, {"sealed", p.talk}, {"community", p.join}, {"away", p.away}, {"delivered", p.deliver}, {"removed", p.remove},
	}
	return p, nil
}

// at fits the play to a terminal.
func (p *play) at(out *os.File, o Options) {
	p.fit = func() {
		width, _, err := term.GetSize(int(out.Fd()))
		if err != nil {
			width = 0
		}
		p.teller.shape(min(width, linesMax), o.Lines, o.Env("TERM") == "dumb", o.Env("NO_COLOR") != "")
	}
	if o.Fast {
		return
	}
	p.pace = &pace{keys: make(chan struct{})}
	if in, ok := o.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		p.keys = in
	}
}

// run plays all acts, clears the stage, and says how that went.
func (p *play) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var err error
	if p.keys != nil {
		restore, fault := p.pace.listen(p.keys, stop)
		if err = fault; err == nil {
			p.teller.raw = true
			defer restore()
		}
	}
	err = errors.Join(err, p.perform(ctx), p.clear())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errStopped), ctx.Err() != nil:
		return control.Errorf(control.CodeFailed, "stopped before the end; nothing is left of it")
	}
	return control.Errorf(control.CodeFailed, "%s", paint.OneLine(err.Error()))
}

// perform plays all acts, as long as they go well.
func (p *play) perform(ctx context.Context) error {
	p.now = "stage"
	err := p.tell(ofAll, "begins", facts{"dir": p.dir}, p.dir)
	if p.pace != nil {
		err = errors.Join(err, p.teller.linear(Statement{Says: p.words.Keys}))
	}
	for _, a := range p.acts {
		if err == nil {
			p.now = a.name
			err = errors.Join(p.teller.tell(p.statement(ofAll, "act", p.words.Acts[a.name], nil)), p.admit(ctx, a.play(ctx)))
		}
		err = errors.Join(err, p.teller.flush())
	}
	return err
}

// clear ends everything, and sees that nothing is left.
func (p *play) clear() error {
	p.now = "end"
	files, octets, _, err := search(p.dir)
	err = errors.Join(err, p.close())
	if _, gone := os.Stat(p.dir); !errors.Is(gone, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s is still there; remove it yourself", p.dir))
	}
	title := p.teller.tell(p.statement(ofAll, "act", p.words.Acts[p.now], nil))
	return errors.Join(err, title, p.tell(ofAll, "gone", facts{"dir": p.dir, "files": files, "bytes": octets}, p.dir, files, octets), p.teller.flush())
}

// admit tells an error that nothing was told of yet.
func (p *play) admit(ctx context.Context, err error) error {
	if err == nil || p.admitted || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, p.fails("failed", err.Error(), nil))
}

// fails tells what is wrong.
func (p *play) fails(event, says string, evidence facts) error {
	p.admitted = true
	return p.teller.tell(p.statement(ofAll, event, says, evidence))
}

// facts are what a statement goes by.
type facts = map[string]any

func (p *play) statement(by side, event, says string, evidence facts) Statement {
	return Statement{Time: time.Now().UTC(), Act: p.now, Event: event, Side: by, Says: says, Evidence: evidence}
}

// tell tells what was observed.
func (p *play) tell(by side, event string, evidence facts, args ...any) error {
	says := fmt.Sprintf(p.words.Steps[event].Says, args...)
	p.told += len(says)
	return p.teller.tell(p.statement(by, event, says, evidence))
}

// pause lets what was told be read.
func (p *play) pause(ctx context.Context) error {
	told := p.told
	p.told = 0
	if err := p.teller.flush(); err != nil {
		return err
	}
	if p.fit != nil {
		defer p.fit()
	}
	return p.pace.wait(ctx, told)
}

// until waits until something is so. That it does not become so is told.
func (p *play) until(ctx context.Context, event string, is func(context.Context) (bool, error), args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	for {
		so, err := is(ctx)
		if so {
			return nil
		}
		select {
		case <-time.After(look):
			continue
		case <-ctx.Done():
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return errStopped
		}
		says := fmt.Sprintf(p.words.Missing, p.patience, fmt.Sprintf(p.words.Steps[event].Wants, args...))
		evidence := facts{"event": event}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			evidence["because"] = err.Error()
		}
		return errors.Join(errors.New(says), p.fails("missing", says, evidence))
	}
}

// must tells what was searched, and fails where it is not as it has to be.
func (p *play) must(holds bool, event string, args ...any) error {
	if holds {
		return nil
	}
	says := fmt.Sprintf(p.words.Leaked, fmt.Sprintf(p.words.Steps[event].Wants, args...))
	return errors.Join(errors.New(says), p.fails("leaked", says, facts{"event": event}))
}
