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
		}
	}
}

func main() {
	since, _ := os.ReadFile("echo.cursor") // the first time there is none: begin with the first event
	events := exec.Command("sottovoce", "events", "--since", cmp.Or(string(since), "0"))
	out, err := events.StdoutPipe()
	check(err)
	check(events.Start())
	for lines := json.NewDecoder(out); ; {
		var e event
		check(lines.Decode(&e))
		if e.Event == "message" && e.Message.From.Contact {
			send := exec.Command("sottovoce", "send", e.Message.From.ID)
			send.Stdin = strings.NewReader(e.Message.Text + "\n")
			check(send.Run())
		}
		check(os.WriteFile("echo.new", fmt.Append(nil, e.Cursor), 0o600))
		check(os.Rename("echo.new", "echo.cursor"))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
