package daemon

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"syscall"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// carriedPause is how often it is told how far a file is.
const carriedPause = 200 * time.Millisecond

// Export implements control.Supernode.
func (o *operator) Export(ctx context.Context, file string) iter.Seq2[control.Carried, error] {
	return o.carry(ctx, file, os.O_RDWR|os.O_CREATE, func(ctx context.Context, f *os.File, tell func(mailbox.Progress)) (all control.Carried, err error) {
		return all, o.node.Export(ctx, f, tell)
	})
}

// Import implements control.Supernode.
func (o *operator) Import(ctx context.Context, file string) iter.Seq2[control.Carried, error] {
	return o.carry(ctx, file, os.O_RDONLY, func(ctx context.Context, f *os.File, tell func(mailbox.Progress)) (control.Carried, error) {
		i, err := o.node.Import(ctx, f, tell)
		return control.Carried{New: i.New, Known: i.Known, Refused: i.Refused + i.Strange, Cut: i.Cut}, err
	})
}

// carry opens a file and brings blobs to it or from it. What is told in between is told now and then, and the end in any case.
func (o *operator) carry(ctx context.Context, file string, mode int, bring func(context.Context, *os.File, func(mailbox.Progress)) (control.Carried, error)) iter.Seq2[control.Carried, error] {
	return func(yield func(control.Carried, error) bool) {
		f, err := os.OpenFile(file, mode, 0o600)
		if err != nil {
			yield(control.Carried{}, o.carryFailure(file, err))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		heard, last := true, time.Now()
		all, err := bring(ctx, f, func(p mailbox.Progress) {
			if heard && time.Since(last) >= carriedPause {
				last = time.Now()
				if heard = yield(control.Carried{Done: p.Done, Total: p.Total}, nil); !heard {
					cancel() // nobody waits for it any more
				}
			}
		})
		if info, statErr := f.Stat(); statErr == nil {
			all.Done, all.Total = info.Size(), info.Size()
		}
		if err = errors.Join(err, f.Close()); heard {
			yield(all, o.carryFailure(file, err))
		}
	}
}

// carryFailure words what went wrong with a file.
func (o *operator) carryFailure(file string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return control.Errorf(control.CodeFailed, "%s: the supernode may not open it; it runs as another user, or is kept to its own folder: choose a place that it may use", file)
	case errors.Is(err, fs.ErrNotExist):
		return control.Errorf(control.CodeFailed, "%s is not there", file)
	case errors.Is(err, syscall.ENOSPC):
		return control.Errorf(control.CodeFull, "%s: there is no room left for it; what is written is whole: go on with a larger stick, or empty this one", file)
	case errors.Is(err, mailbox.ErrFull):
		return control.Errorf(control.CodeFull, "there is no room left for what is in %s; give the supernode more with --disk, then import again", file)
	case errors.Is(err, mailbox.ErrStick):
		return control.Errorf(control.CodeFailed, "%s: %v", file, err)
	case errors.Is(err, wire.ErrNewer):
		return control.Errorf(control.CodeFailed, "%s: a newer version wrote it; update this program", file)
	}
	return supernodeFailure(o.data, err)
}
