// Command echo answers every message with its own text; the file echo.cursor remembers how far it has come.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
)

type event struct {
	Cursor  int64
	Event   string
	Message struct {
		Text string
		From struct {
			ID      string
			Contact bool // false in what we have sent ourselves
			Blocked bool
		}
	}
}

func main() {
	since, _ := os.ReadFile("echo.cursor") // the first time there is none: begin with the first event
	events := exec.Command("sottovoce", "events", "--since", cmp.Or(strings.TrimSpace(string(since)), "0"))
	events.Stderr = os.Stderr
	out, err := events.StdoutPipe()
	check(err)
	check(events.Start())
	for lines := json.NewDecoder(out); lines.More(); {
		var e event
		check(lines.Decode(&e))
		if from := e.Message.From; e.Event == "message" && from.Contact && !from.Blocked {
			send(from.ID, e.Message.Text)
		}
		check(os.WriteFile("echo.new", fmt.Append(nil, e.Cursor), 0o600))
		check(os.Rename("echo.new", "echo.cursor"))
	}
	_ = events.Wait() // the exit code says it
	os.Exit(events.ProcessState.ExitCode())
}

// send ends the bot when there is no node any more; other failures are of this answer only.
func send(who, text string) {
	cmd := exec.Command("sottovoce", "send", who)
	cmd.Stdin, cmd.Stderr = strings.NewReader(text+"\n"), os.Stderr
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code < 0 || code > 4 {
		log.Print(err)
		os.Exit(code)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
