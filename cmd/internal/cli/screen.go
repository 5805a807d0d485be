package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"sottovoce/cmd/internal/control"
)

// lineMax is the longest line taken from a pipe, in bytes: the longest message and a command before it.
const lineMax = control.TextMax + 1024

// screen is where the chat prints and reads lines. Only print and prompt may be called, by one goroutine, while another
// is in read.
type screen interface {
	// print shows one or more whole lines.
	print(text string)
	// prompt says what stands before the line being typed.
	prompt(text string)
	// read waits for the next line; io.EOF is Ctrl-C, Ctrl-D or the end of a pipe.
	read() (string, error)
	// keys gives the line as it is being typed; nil where that is not known. What nobody takes in time is left out.
	keys() <-chan string
	// close puts the terminal back as it was. A read that waits stays until the program or its pipe ends.
	close() error
}

// openScreen finds out what we are talking to: a terminal keeps the line being typed whole while others speak; anything
// else gets plain lines.
func openScreen(c *call) (screen, error) {
	in, out, ok := wholeTerminal(c)
	if !ok {
		return &pipe{in: bufio.NewReaderSize(c.Stdin, 4096), out: c.Stdout}, nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	t := &tty{in: in, out: out, before: before, typed: make(chan string, 1)}
	t.line = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "> ")
	t.line.AutoCompleteCallback = t.pressed
	t.fit()
	return t, nil
}

// wholeTerminal is what we talk to when that has a cursor.
func wholeTerminal(c *call) (in, out *os.File, ok bool) {
	in, inOK := c.Stdin.(*os.File)
	out, outOK := c.Stdout.(*os.File)
	ok = inOK && outOK && isTerminalFile(in) && isTerminalFile(out) && os.Getenv("TERM") != "dumb"
	return in, out, ok
}

// pipe is a screen without a cursor.
type pipe struct {
	in  *bufio.Reader
	out io.Writer
}

// A pipe whose reader is gone ends the program by itself.
func (p *pipe) print(text string) { _, _ = io.WriteString(p.out, text+"\n") }

func (p *pipe) prompt(string) {}

func (p *pipe) read() (string, error) {
	var line strings.Builder
	for {
		part, err := p.in.ReadSlice('\n')
		if line.Len()+len(part) > lineMax {
			return "", fmt.Errorf("a line is longer than %d bytes", lineMax)
		}
		line.Write(part)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && line.Len() == 0 {
			return "", err
		}
		return strings.TrimRight(line.String(), "\r\n"), nil
	}
}

func (p *pipe) keys() <-chan string { return nil }

func (p *pipe) close() error { return nil }

// tty is a terminal in raw mode; what is printed appears above the line being typed.
type tty struct {
	in, out *os.File
	before  *term.State
	line    *term.Terminal
	typed   chan string // holds one
}

// fit learns the width of the window, which may have changed.
func (t *tty) fit() {
	if width, height, err := term.GetSize(int(t.out.Fd())); err == nil && width > 0 {
		// It fails only where the terminal cannot be written to.
		_ = t.line.SetSize(width, height)
	}
}

func (t *tty) print(text string) {
	t.fit()
	_, _ = t.line.Write([]byte(text + "\n"))
}

// prompt also changes what stands there already, when reading has begun.
func (t *tty) prompt(text string) {
	t.line.SetPrompt(text)
	_, _ = t.line.Write(nil)
}

// pressed is called for each key, before it counts; it completes nothing. What was typed
// last takes the place of what nobody has looked at yet.
func (t *tty) pressed(line string, _ int, key rune) (string, int, bool) {
	if unicode.IsPrint(key) {
		select {
		case <-t.typed:
		default:
		}
		t.typed <- line + string(key)
	}
	return "", 0, false
}

func (t *tty) keys() <-chan string { return t.typed }

func (t *tty) read() (string, error) { return t.line.ReadLine() }

func (t *tty) close() error {
	t.line.SetPrompt("")
	return term.Restore(int(t.in.Fd()), t.before)
}
