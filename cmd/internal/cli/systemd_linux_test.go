package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// listening stands in for systemd, whose watchdog wants to hear of us so often.
func listening(t *testing.T, period time.Duration) (told func(patience time.Duration) string) {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", address.Name)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(period.Microseconds(), 10))
	return func(patience time.Duration) string {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 1024)
		n, err := conn.Read(buf)
		if err != nil {
			return ""
		}
		return string(buf[:n])
	}
}

// TestWatchdog: systemd hears that all is well after an answer, and after nothing else.
func TestWatchdog(t *testing.T) {
	const long = 20 * time.Second
	told := listening(t, 150*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	ended := make(chan error, 1)
	go func() {
		ended <- supervised(ctx, slog.New(slog.DiscardHandler), untilDone, func(ctx context.Context) error {
			switch asked++; asked {
			case 1:
				if got := told(long); got != systemd.SdNotifyReady {
					t.Errorf("systemd is told %q first", got)
				}
			case 2:
				if got := told(long); got != systemd.SdNotifyWatchdog {
					t.Errorf("after an answer systemd is told %q", got)
				}
				return errors.New("the disk is gone")
			case 3:
				<-ctx.Done() // as a loop that hangs
				return ctx.Err()
			case 4:
				if got := told(time.Millisecond); got != "" {
					t.Errorf("after an error, and after no answer, systemd is told %q", got)
				}
			default:
				if got := told(long); got != systemd.SdNotifyWatchdog {
					t.Errorf("when it answers again systemd is told %q", got)
				}
				cancel()
			}
			return nil
		})
	}()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := told(long); got != systemd.SdNotifyStopping {
		t.Errorf("in the end systemd is told %q", got)
	}
}

// TestNoWatchdog: nobody is asked where systemd does not want to know.
func TestNoWatchdog(t *testing.T) {
	told := listening(t, 0)
	t.Setenv("WATCHDOG_USEC", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := supervised(ctx, slog.New(slog.DiscardHandler), untilDone, func(context.Context) error {
		t.Error("it is asked")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := told(time.Second); got != systemd.SdNotifyReady {
		t.Errorf("systemd is told %q", got)
	}
}

// untilDone is a program that runs until it is told to stop.
func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
