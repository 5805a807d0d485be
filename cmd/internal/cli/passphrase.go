package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"sottovoce/cmd/internal/control"
)

// passphraseFileMax is how much of a passphrase file is read, in bytes; the longest passphrase is far below it.
const passphraseFileMax = 4096

// Run shows whether there is a passphrase, or changes it: through the node if one runs.
func (p *passphraseCommand) Run(c *call) error {
	locked, err := c.Locked(c.home)
	if err != nil {
		return err
	}
	switch {
	case p.Do == "show":
		return c.showPassphrase(locked)
	case p.Do == "set" && locked:
		return control.Errorf(control.CodeFailed, "a passphrase protects this home already; change it with: sottovoce passphrase change")
	case p.Do != "set" && !locked:
		return control.Errorf(control.CodeFailed, "no passphrase protects this home; set one with: sottovoce passphrase set")
	}
	var current, next []byte
	if locked {
		if current, err = c.passphrase("Passphrase: ", c.secret, "--passphrase-file"); err != nil {
			return err
		}
	}
	switch p.Do {
	case "set":
		next, err = c.newPassphrase(c.secret, "--passphrase-file")
	case "change":
		next, err = c.newPassphrase(p.New, "--new-passphrase-file")
	}
	defer clear(current)
	defer clear(next)
	if err != nil {
		return err
	}
	ctx, cancel := c.soon()
	defer cancel()
	err = c.node.SetPassphrase(ctx, current, next)
	if isNotRunning(err) {
		err = c.SetPassphrase(c.home, current, next)
	}
	if err != nil {
		return err
	}
	return c.showPassphrase(len(next) > 0)
}

func (c *call) showPassphrase(locked bool) error {
	if c.json {
		return c.printJSON(struct {
			Passphrase bool `json:"passphrase"`
		}{locked})
	}
	return c.printf("%s\n", protection(locked))
}

// protection says what keeps a thief of the disk from reading it.
func protection(locked bool) string {
	if locked {
		return "protects this home"
	}
	return "none: whoever has this disk can read what is on it"
}

// unlock is the passphrase that the home takes, nil if it takes none.
func (c *call) unlock() ([]byte, error) {
	locked, err := c.Locked(c.home)
	if err != nil || !locked {
		return nil, err
	}
	return c.passphrase("Passphrase: ", c.secret, "--passphrase-file")
}

// unlockToStart is unlock where a node may have to be started, nil if that is not so.
func (c *call) unlockToStart() ([]byte, error) {
	if !c.Exists(c.home) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, startTimeout)
	defer cancel()
	if _, err := c.node.Version(ctx); !isNotRunning(err) {
		return nil, err
	}
	return c.unlock()
}

// newPassphrase asks for a passphrase twice, or reads it from a file.
func (c *call) newPassphrase(file, flag string) ([]byte, error) {
	next, err := c.passphrase("New passphrase: ", file, flag)
	if err != nil || file != "" {
		return next, err
	}
	again, err := c.passphrase("Again: ", "", flag)
	defer clear(again)
	if err == nil && !bytes.Equal(next, again) {
		err = control.Errorf(control.CodeFailed, "the two are not the same; nothing has changed")
	}
	return next, err
}

// passphrase reads the first line of a file, or asks at the terminal without showing what is typed. It is never empty.
func (c *call) passphrase(prompt, file, flag string) ([]byte, error) {
	var typed []byte
	var err error
	switch {
	case file != "":
		typed, err = firstLine(file)
	case isTerminal(c.Stdin):
		typed, err = c.ask(prompt)
	default:
		return nil, control.Errorf(control.CodeUsage, "it takes a passphrase, and there is no terminal to ask at; give it with %s FILE", flag)
	}
	if err == nil && len(typed) == 0 {
		err = control.Errorf(control.CodeUsage, "the passphrase is empty; nothing has changed")
	}
	return typed, err
}

func firstLine(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, control.Errorf(control.CodeUsage, "the passphrase file: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, passphraseFileMax))
	if err != nil {
		return nil, control.Errorf(control.CodeUsage, "the passphrase file: %v", err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// ask reads a line from the terminal with echo off. Nothing can interrupt reading; Ctrl-C puts the terminal back and
// leaves the goroutine to the end of the program.
func (c *call) ask(prompt string) ([]byte, error) {
	fd := int(c.Stdin.(*os.File).Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	fmt.Fprint(c.Stderr, prompt)
	defer fmt.Fprintln(c.Stderr)
	type answer struct {
		typed []byte
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		typed, err := term.ReadPassword(fd)
		answers <- answer{typed, err}
	}()
	select {
	case a := <-answers:
		if errors.Is(a.err, io.EOF) {
			return nil, control.Errorf(control.CodeFailed, "no passphrase was given; nothing has changed")
		}
		return a.typed, a.err
	case <-c.ctx.Done():
		return nil, errors.Join(control.Errorf(control.CodeFailed, "interrupted; nothing has changed"), term.Restore(fd, before))
	}
}
