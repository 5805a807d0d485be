//go:build unix

package tui

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/tui/paint"
)

// stopTime is how long the kernel may take to stop us, and then to tell that we go on.
const stopTime = 250 * time.Millisecond

// errNoShell says that the kernel has stopped nobody: there is no shell above us that could bring us back (an orphaned
// process group, as with ssh -t), or SIGTSTP is ignored.
var errNoShell = errors.New("nothing would bring it back")

// putAside gives the terminal back to the shell until that lets us go on.
func (m *Model) putAside() tea.Cmd {
	return tea.Exec(&aside{}, func(err error) tea.Msg {
		return then(func(m *Model) tea.Cmd {
			if err != nil {
				return m.say(paint.Caution, m.words.NoShell)
			}
			return m.lookedAt()
		})
	})
}

// aside stops the process; the terminal is as it was found meanwhile.
type aside struct{ out io.Writer }

// SetStdin and the others implement tea.ExecCommand.
func (*aside) SetStdin(io.Reader)        {}
func (a *aside) SetStdout(out io.Writer) { a.out = out }
func (*aside) SetStderr(io.Writer)       {}

// Run returns when we go on; with errNoShell if we were never stopped.
func (a *aside) Run() error {
	_, _ = io.WriteString(a.out, bidiByTerminal) // a terminal that is gone is found out by reading
	back := make(chan os.Signal, 1)
	signal.Notify(back, syscall.SIGCONT)
	defer signal.Stop(back)
	err := syscall.Kill(0, syscall.SIGTSTP)
	if err == nil {
		err = goesOn(back)
	}
	_, _ = io.WriteString(a.out, bidiByUs)
	return err
}

// goesOn waits for the word that we go on. While we are stopped time goes by, too: only the second wait in vain tells.
func goesOn(back <-chan os.Signal) error {
	for range 2 {
		select {
		case <-back:
			return nil
		case <-time.After(stopTime):
		}
	}
	return errNoShell
}
