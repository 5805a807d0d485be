package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"testing"

	"sottovoce/cmd/internal/netlab"
	"sottovoce/mesh/peer"
	"sottovoce/relay/community"
)

const (
	// folder is the data directory of a supernode, in the home of its host, and linkPort where it listens.
	folder, linkPort = "orchard", 4242
)

// Front is a process of the program that serves a supernode.
type Front struct {
	*netlab.Host
	t       testing.TB
	id      peer.ID  // of the supernode, once it was up
	flags   []string // of up
	process *netlab.Process
}

// Found founds a community on a host; its supernode, which is started by Up, has the flags. The root words are shown once.
func Found(t testing.TB, h *netlab.Host, flags ...string) (f *Front, words string) {
	t.Helper()
	f = &Front{Host: h, t: t, flags: flags}
	var made struct {
		RootWords string `json:"root_words"`
	}
	f.asks(&made, append([]string{"init", "--community", "Orchard"}, flags...)...)
	return f, made.RootWords
}

// Beside is another process of the same supernode, on another host; flags say in which store it finds everything.
func (f *Front) Beside(h *netlab.Host) *Front { return &Front{Host: h, t: f.t, flags: f.flags} }

// Up runs the supernode, and returns when it answers.
func (f *Front) Up() {
	f.t.Helper()
	f.process = f.Start(append([]string{netlab.Binary(f.t), "supernode", "up", "--data", folder}, f.flags...)...)
	eventually(f.t, "supernode that answers", func(context.Context) error {
		got, err := f.status()
		if err != nil || !got.Running {
			return errors.Join(err, errors.New(f.process.Output()))
		}
		f.id, err = peer.ParseID(got.ID)
		return err
	})
}

// status is what the operator sees.
type status struct {
	ID      string
	Running bool
	Blobs   int
}

func (f *Front) status() (got status, err error) { return got, f.tries(&got, "status") }

// Kill ends the process without a last word.
func (f *Front) Kill() { f.process.Kill() }

// Invite makes a link for so many members.
func (f *Front) Invite(uses int) *community.Link {
	f.t.Helper()
	var made struct{ Link string }
	f.asks(&made, "invite", "--uses", strconv.Itoa(uses))
	link, err := community.ParseLink(made.Link)
	if err != nil {
		f.t.Fatal(err)
	}
	return link
}

// asks runs a command about the supernode and decodes its answer, unless nil is given for it.
func (f *Front) asks(answer any, args ...string) {
	f.t.Helper()
	if err := f.tries(answer, args...); err != nil {
		f.t.Fatal(err)
	}
}

// tries is asks where there may be no answer.
func (f *Front) tries(answer any, args ...string) error {
	f.t.Helper()
	args = append([]string{netlab.Binary(f.t), "supernode"}, append(args, "--data", folder, "--json")...)
	got := f.Run(f.t.Context(), args...)
	if got.Code != 0 {
		return fmt.Errorf("%s: %q: %+v", f.Name, args, got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal([]byte(got.Stdout), answer)
}

// at is where members reach it.
func (f *Front) at() netip.AddrPort { return netip.AddrPortFrom(f.IPv4, linkPort) }
