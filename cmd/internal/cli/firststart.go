package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"sottovoce/cmd/internal/control"
)

const (
	// firstFileMax bounds the file of a first start, in bytes; a join link has 300 or so.
	firstFileMax = 16 << 10
	// inviteLife is how long a join link can be used where nothing is said, inviteLifeMax how long at the most: whoever has it can join.
	inviteLife    = 7 * 24 * time.Hour
	inviteLifeMax = 90 * 24 * time.Hour
	// invitePicture is the invitation of a first start, in the data directory.
	invitePicture = "invite.png"
	// networkPause is how often a machine without an address is looked at again.
	networkPause = 2 * time.Second
)

// firstFile is what a person has written for the first start of a supernode that has no keyboard, on another machine.
type firstFile struct {
	community, join string
	invite          supernodeInviteCommand
}

// parseFirstFile reads lines such as "community = Orchard"; empty ones, and those that begin with #, say nothing. An error names
// the line, from 1.
func parseFirstFile(text []byte) (f firstFile, err error) {
	f.invite = supernodeInviteCommand{Uses: 1, Expires: inviteLife}
	if !utf8.Valid(text) {
		return f, errors.New("it is no text in UTF-8")
	}
	said, n := map[string]bool{}, 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) { // as Windows begins texts
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(string(line), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok || value == "":
			return f, fmt.Errorf("line %d: a line is such as: community = Orchard", n)
		case strings.ContainsAny(value[:1], `"'`):
			return f, fmt.Errorf("line %d: write what is meant without quotes", n)
		case said[key]:
			return f, fmt.Errorf("line %d: %s is said twice", n, key)
		}
		said[key] = true
		if err := f.set(key, value); err != nil {
			return f, fmt.Errorf("line %d: %w", n, err)
		}
	}
	switch {
	case said["community"] == said["join"]:
		return f, errors.New("say one of the two: community = NAME founds a community, join = LINK makes a further supernode of one")
	case said["join"] && (said["uses"] || said["expires"]):
		return f, errors.New("uses and expires are of the invitation to a new community; they do not go with join")
	}
	return f, nil
}

// set takes one value.
func (f *firstFile) set(key, value string) (err error) {
	switch key {
	case "community":
		f.community = value
	case "join":
		f.join = value
	case "uses":
		if f.invite.Uses, err = strconv.Atoi(value); err != nil {
			return errors.New("uses is a number such as 20")
		}
		return f.invite.check()
	case "expires":
		if f.invite.Expires, err = time.ParseDuration(value); err != nil {
			return errors.New("expires is a time such as 48h")
		}
		return f.invite.check()
	case "root-words", "root-words-file":
		return errors.New("root words do not belong on a card; found the community anew at a keyboard, by: sottovoce supernode init --root-words-file")
	default:
		return fmt.Errorf("%q is unknown; there are community, join, uses and expires", key)
	}
	return nil
}

// readFirstFile reads the file of that name.
func readFirstFile(name string) (f firstFile, err error) {
	file, err := os.Open(name)
	if err != nil {
		return f, control.Errorf(control.CodeUsage, "%v", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, firstFileMax+1))
	if err == nil && len(text) > firstFileMax {
		err = fmt.Errorf("it has more than %d bytes", firstFileMax)
	}
	if err == nil {
		f, err = parseFirstFile(text)
	}
	if err != nil {
		return f, control.Errorf(control.CodeUsage, "%s: %v", name, err)
	}
	return f, nil
}

// first does what a file says, as far as it is not done yet. It may be cut short anywhere, and run again. systemd hears when that is done,
// or waits for a network.
//
// spec: 10-communities#first-start
func (i *supernodeInitCommand) first(c *call, s *supernodeCommand) error {
	err := i.firstSteps(c, s)
	if err == nil {
		notify(c.log(), systemd.SdNotifyReady)
	}
	return err
}

func (i *supernodeInitCommand) firstSteps(c *call, s *supernodeCommand) error {
	if i.Community != "" || i.Join != "" || i.RootWordsFile != "" {
		return control.Errorf(control.CodeUsage, "--from FILE stands for --community and --join")
	}
	file, err := readFirstFile(i.From)
	if err != nil {
		return err
	}
	served, err := s.serves(c)
	if err != nil {
		return err
	}
	if !served {
		if err := awaitNetwork(c); err != nil {
			return err
		}
		i.Community, i.Join = file.community, file.join
		if err := i.found(c, s); err != nil {
			return err
		}
	}
	picture := filepath.Join(s.Data, invitePicture)
	switch _, err := os.Lstat(picture); {
	case err == nil || served && file.join != "":
		if c.json {
			return nil
		}
		return c.printf("Nothing is left to do: %s holds a supernode.\n", s.Data)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case file.join != "":
		return nil
	}
	return file.invites(c, s, picture)
}

// serves reports whether the data directory serves a community.
func (s *supernodeCommand) serves(c *call) (served bool, err error) {
	err = s.ask(c, func(ctx context.Context, node control.Supernode) error {
		status, err := node.Status(ctx)
		served = len(status.Communities) > 0
		return err
	})
	if err != nil && control.AsError(err).Code == control.CodeNoIdentity {
		return false, nil
	}
	return served, err
}

// invites makes the first invitation, as a picture and as a code for consoles and logs.
func (f firstFile) invites(c *call, s *supernodeCommand, picture string) error {
	return s.ask(c, func(ctx context.Context, node control.Supernode) error {
		made, err := node.Invite(ctx, f.invite.terms())
		if err != nil {
			return err
		}
		code, err := newCode(made.Link)
		if err != nil {
			return err
		}
		if _, err := c.writeFile(picture, code.writePNG); err != nil {
			return err
		}
		if err := c.showJoinLink(made); err != nil || c.json {
			return err
		}
		if !isTerminal(c.Stdout) {
			if err := c.printf("%s", code.plain()); err != nil {
				return err
			}
		}
		return c.printf("The same as a picture: %s\n", picture)
	})
}

// awaitNetwork waits until this machine has an address that a link could name, however long that takes.
func awaitNetwork(c *call) error {
	if reachable() {
		return nil
	}
	fmt.Fprintln(c.Stderr, "This machine has no address on any network yet, so that nobody could be invited to it. This goes on as soon as it has one.")
	notify(c.log(), systemd.SdNotifyReady) // what is to start after us, and who has installed us, need not wait
	for !reachable() {
		select {
		case <-time.After(networkPause):
		case <-c.ctx.Done():
			return control.Errorf(control.CodeFailed, "stopped before it had one; nothing was done")
		}
	}
	return nil
}

// reachable reports whether this machine has an address that a link could name.
func reachable() bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range all {
		if at, ok := a.(*net.IPNet); ok && at.IP.IsGlobalUnicast() {
			return true
		}
	}
	return false
}
