package netlab

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StartOff is Start with a wall clock that is ahead by some time, or behind where that is negative, in whole seconds; what measures how long something
// takes goes right. It works for programs that ask the kernel's own library for the time, as those of Go do, and for none that they start.
func (h *Host) StartOff(ahead time.Duration, args ...string) *Process {
	h.lan.t.Helper()
	p := h.process(args)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	p.launchBy(func() error {
		runtime.LockOSThread() // who starts it holds it
		defer runtime.UnlockOSThread()
		if err := p.cmd.Start(); err != nil {
			return err
		}
		return setOff(p.PID(), ahead)
	})
	return p
}

// setOff puts another clock_gettime into a process that is stopped before its first instruction, and lets it go.
func setOff(pid int, ahead time.Duration) error {
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		return fmt.Errorf("%v is no stop: %w", status, err)
	}
	at, err := clockOf(pid)
	if err != nil {
		return err
	}
	code := []byte{
		0xb8, unix.SYS_CLOCK_GETTIME, 0, 0, 0, // mov eax, clock_gettime
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi: is it the wall clock?
		0x75, 0x0d, // jne to the end
		0x49, 0xb8, // mov r8, seconds
	}
	code = binary.LittleEndian.AppendUint64(code, uint64(ahead/time.Second))
	code = append(code,
		0x4c, 0x01, 0x06, // add [rsi], r8
		0xc3, // ret
	)
	if _, err := unix.PtracePokeText(pid, at, code); err != nil {
		return err
	}
	return unix.PtraceDetach(pid)
}

// clockOf is where a process has the clock_gettime that the kernel gives it.
func clockOf(pid int) (uintptr, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil || !strings.HasSuffix(line, "[vdso]\n") {
			continue
		}
		library := make([]byte, to-from)
		if _, err := unix.PtracePeekText(pid, from, library); err != nil {
			return 0, err
		}
		file, err := elf.NewFile(bytes.NewReader(library))
		if err != nil {
			return 0, err
		}
		symbols, err := file.DynamicSymbols()
		if err != nil {
			return 0, err
		}
		for _, s := range symbols {
			if s.Name == "__vdso_clock_gettime" {
				return from + uintptr(s.Value), nil
			}
		}
	}
	return 0, errors.New("the kernel gives it no clock")
}
