package netlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// botsDir has the bots that docs/bots.md shows.
var botsDir = filepath.Join("..", "..", "..", "docs", "bots", "echo")

// TestBots runs the bots of docs/bots.md on hosts of their own. Each echoes what a contact writes; what is written
// while the bot is down, and while its node is down too, is echoed after it comes back, in order and once. An answer
// that is refused is the only one that is missing.
func TestBots(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna := settle(t, lan.Host("anna"))
	scripts, err := filepath.Abs(botsDir)
	if err != nil {
		t.Fatal(err)
	}
	goBot := filepath.Join(t.TempDir(), "echo")
	if out, err := exec.Command("go", "build", "-o", goBot, filepath.Join(scripts, "echo.go")).CombinedOutput(); err != nil {
		t.Fatalf("build echo.go: %v\n%s", err, out)
	}
	for name, command := range map[string][]string{
		"go":     {goBot},
		"python": {"python3", filepath.Join(scripts, "echo.py")},
		"api":    {"python3", filepath.Join(scripts, "echo_api.py")},
		"shell":  {"sh", filepath.Join(scripts, "echo.sh")},
	} {
		if _, err := exec.LookPath(command[0]); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Logf("no %s here: the bot for it is not run", command[0])
			continue
		}
		bot := settle(t, lan.Host(name))
		bot.Env = append(bot.Env, "SOTTOVOCE_HOME="+filepath.Join(bot.Home, "share", "sottovoce"),
			"PATH="+filepath.Dir(bot.program)+":"+os.Getenv("PATH"))
		befriend(anna, bot)
		t.Run(name, func(t *testing.T) { echoes(t, anna, bot, command) })
	}
}

func echoes(t *testing.T, anna, bot *someone, command []string) {
	anna, bot = anna.in(t), bot.in(t)
	var texts []string
	write := func(more ...string) {
		for _, text := range more {
			texts = append(texts, text)
			anna.say(bot, text)
		}
	}
	running := bot.startGroup(command...)
	write("hello", `she said: "C:\new\0101" 'é' $HOME %s`, "two\nlines\n\nand a tab\t.")
	anna.hears(arriveTime, bot, texts)

	running.killGroup()
	write("while the bot is away", "and once more")
	running = bot.startGroup(command...)
	anna.hears(arriveTime, bot, texts)

	// Only the bot's own process is told to stop: nothing of it goes on answering beside the next.
	if err := running.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	bot.eventually("end of the bot", func() error {
		if running.cmd.Process.Signal(syscall.Signal(0)) == nil {
			return errors.New("it is still there")
		}
		return nil
	})
	cursor := filepath.Join(bot.Home, "echo.cursor")
	addNewline(t, cursor) // as an editor does
	running = bot.startGroup(command...)
	write("after a stop")
	anna.hears(arriveTime, bot, texts)

	// Anna is blocked before the bot gets to what she wrote: it cannot answer, and goes on.
	running.signalGroup(syscall.SIGSTOP)
	anna.say(bot, "never answered")
	bot.ok("block", anna.called)
	running.signalGroup(syscall.SIGCONT)
	bot.eventually("bot that has come to the end", func() error { return atEnd(bot, cursor) })
	if !strings.Contains(running.Output(), "blocked") {
		t.Errorf("the bot does not say why it cannot answer: %s", running.Output())
	}
	bot.ok("unblock", anna.called)
	write("after the block")
	anna.hears(arriveTime, bot, texts)

	// The node stops under the bot, which ends by itself, and both come back.
	bot.node.Stop()
	<-running.Done()
	if code := running.cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("the node has stopped, and the bot ends with exit code %d", code)
	}
	bot.up()
	for i := range 3 {
		write(fmt.Sprint("again ", i))
	}
	running = bot.startGroup(command...)
	anna.hears(arriveTime, bot, texts)
	running.killGroup()
}

// startGroup starts a command in a process group of its own, as systemd starts what it keeps together.
func (h *Host) startGroup(args ...string) *Process {
	h.lan.t.Helper()
	p := h.process(args)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.launch()
	return p
}

// signalGroup sends a signal to a process started by startGroup and to everything that it has started.
func (p *Process) signalGroup(s syscall.Signal) {
	_ = syscall.Kill(-p.PID(), s) // it may have ended
}

// killGroup kills a process started by startGroup with everything that it has started.
func (p *Process) killGroup() {
	p.signalGroup(syscall.SIGKILL)
	<-p.done
}

// atEnd wants the file with a bot's cursor to have that of the newest event.
func atEnd(bot *someone, file string) error {
	var status struct{ Cursor int64 }
	if err := json.Unmarshal([]byte(bot.ok("status", "--json")), &status); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if got := strings.TrimSpace(string(text)); err != nil || got != fmt.Sprint(status.Cursor) {
		return fmt.Errorf("the bot has come to %q and the node to %d: %v", got, status.Cursor, err)
	}
	return nil
}

func addNewline(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// in is the same person in a sub-test, which then is the one that fails.
func (s *someone) in(t *testing.T) *someone {
	other := *s
	other.t = t
	return &other
}

// TestBotsPage wants docs/bots.md to show the bots as they are.
func TestBotsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(botsDir, "..", "..", "bots.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, language := range map[string]string{"echo.go": "go", "echo.py": "python", "echo_api.py": "python", "echo.sh": "sh"} {
		text, err := os.ReadFile(filepath.Join(botsDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "```"+language+"\n"+string(text)+"```\n") {
			t.Errorf("docs/bots.md does not show %s as it is", name)
		}
	}
}
