package netlab

import (
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
// while the bot is down, and while its node is down too, is echoed after it comes back, in order and once.
func TestBots(t *testing.T) {
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

	// The node stops under the bot, which ends by itself, and both come back.
	bot.node.Stop()
	<-running.Done()
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

// killGroup kills a process started by startGroup with everything that it has started.
func (p *Process) killGroup() {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // it may have ended
	<-p.done
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
