package cli

import (
	"context"
	"log/slog"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// watchesPerPeriod is how often in the time after which systemd takes us for dead we show that we are not: one may be late.
const watchesPerPeriod = 3

// supervised runs what answers to ask until ctx ends. It tells systemd, if that is who started us: that it is ready, as often as
// the unit's WatchdogSec wants that it is well, which is when ask is answered, and that it stops.
func supervised(ctx context.Context, log *slog.Logger, run, ask func(context.Context) error) error {
	period, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not understood", "err", err)
	}
	notify(log, systemd.SdNotifyReady)
	stop := context.AfterFunc(ctx, func() { notify(log, systemd.SdNotifyStopping) })
	defer stop()
	watching, end := context.WithCancel(ctx)
	var watch sync.WaitGroup
	if period > 0 {
		watch.Go(func() { watchdog(watching, log, period/watchesPerPeriod, ask) })
	}
	defer watch.Wait()
	defer end()
	return run(ctx)
}

// watchdog tells systemd that all is well, as long as ask is answered within each pause. ask goes through the control socket, as
// a face does: whatever hangs behind it, systemd kills us and starts us anew.
func watchdog(ctx context.Context, log *slog.Logger, pause time.Duration, ask func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		answer, cancel := context.WithTimeout(ctx, pause)
		err := ask(answer)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("systemd's watchdog gets no answer from us", "err", err)
		default:
			notify(log, systemd.SdNotifyWatchdog)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// notify tells systemd, if that is who started us.
func notify(log *slog.Logger, state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		log.Warn("systemd does not hear us", "err", err)
	}
}
