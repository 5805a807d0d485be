package mdns

import (
	"context"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Watch implements System by a subscription to the kernel's word of links,
// addresses and routes, and by a timer that the kernel ends when the clock is set or the
// machine wakes from sleep. Nothing happens while nothing changes.
func (machine) Watch(ctx context.Context) <-chan struct{} {
	links, err := openLinks()
	if err != nil {
		return nil
	}
	clock, err := openClock()
	if err != nil {
		links.Close()
		return nil
	}
	changed := make(chan struct{}, 1)
	signal := func() {
		select {
		case changed <- struct{}{}:
		default: // nobody has looked since the last
		}
	}
	var readers sync.WaitGroup
	readers.Go(func() { watchLinks(ctx, links, signal) })
	readers.Go(func() { watchClock(ctx, clock, signal) })
	go func() {
		<-ctx.Done()
		links.Close()
		clock.Close()
		readers.Wait()
		close(changed)
	}()
	return changed
}

// openLinks opens a netlink socket that hears of links, addresses and routes.
func openLinks() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

// watchLinks signals after each word of the kernel, and when there were too many
// of them (ENOBUFS). What it says is not read: the interfaces are listed anew.
func watchLinks(ctx context.Context, links *os.File, signal func()) {
	buf := make([]byte, os.Getpagesize())
	for {
		_, err := links.Read(buf)
		if ctx.Err() != nil {
			return
		}
		signal()
		if err != nil {
			pause(ctx, readRetry)
		}
	}
}

// openClock opens a timer that never ends by itself.
func openClock() (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if err := armClock(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "clock"), nil
}

// armClock lets the timer fail with ECANCELED when the clock jumps.
func armClock(fd int) error {
	far := unix.ItimerSpec{Value: unix.NsecToTimespec(1<<62 - 1)}
	return unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil)
}

func watchClock(ctx context.Context, clock *os.File, signal func()) {
	raw, err := clock.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 8)
	for {
		_, _ = clock.Read(buf) // ECANCELED is what we wait for
		if ctx.Err() != nil {
			return
		}
		signal()
		err := raw.Control(func(fd uintptr) { _ = armClock(int(fd)) })
		if err != nil {
			return
		}
		pause(ctx, readRetry)
	}
}

// pause waits, but not beyond the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
