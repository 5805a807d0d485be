package controltest

import (
	"context"
	"fmt"
	"io"
	"iter"

	"sottovoce/cmd/internal/control"
)

// Passphrases that make Backup fail after its beginning, and wait there until nobody wants it any more.
const (
	BrokenPassphrase = "break"
	StuckPassphrase  = "stick"
)

// Backup is control.Node's. The file is a line of text.
func (f *Fake) Backup(ctx context.Context, passphrase control.Passphrase, w io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := fmt.Fprintf(w, "%s and %d messages\n", f.me.Name, len(f.messages)); err != nil {
		return err
	}
	switch string(passphrase) {
	case BrokenPassphrase:
		return control.Errorf(control.CodeFailed, "the disk is broken")
	case StuckPassphrase:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// Export is control.Node's.
func (f *Fake) Export(ctx context.Context, to string) (iter.Seq2[control.Message, error], error) {
	messages, err := f.Log(ctx, to, control.LogQuery{})
	if err != nil {
		return nil, err
	}
	return func(yield func(control.Message, error) bool) {
		for _, m := range messages {
			if !yield(m, nil) {
				return
			}
		}
	}, nil
}
