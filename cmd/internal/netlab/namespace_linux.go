package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaceDir is where iproute2 keeps named network namespaces.
const namespaceDir = "/run/netns"

// prefix opens the name of everything we leave outside this process, followed by the process id and a hyphen.
const prefix = "sottovoce-lab-"

// count numbers what this process makes, so that parallel tests do not collide.
var count atomic.Int64

// ownName makes a name that no other process and no other test has.
func ownName(what string) string {
	return fmt.Sprintf("%s%d-%d-%s", prefix, os.Getpid(), count.Add(1), what)
}

// ownerOf returns the process id in a name made by ownName.
func ownerOf(name string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return pid, err == nil && pid > 0
}

// sweep removes the namespaces, processes and folders of runs whose process is gone. Others may sweep at the same time.
func sweep() error {
	namespaces, err := filepath.Glob(filepath.Join(namespaceDir, prefix+"*"))
	if err != nil {
		return err
	}
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return err
	}
	for _, name := range namespaces {
		if abandoned(name) {
			err := deleteNamespace(filepath.Base(name))
			if _, gone := os.Stat(name); err != nil && !errors.Is(gone, os.ErrNotExist) {
				return err
			}
		}
	}
	for _, name := range folders {
		if abandoned(name) {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func abandoned(path string) bool {
	pid, ok := ownerOf(filepath.Base(path))
	return ok && syscall.Kill(pid, 0) == syscall.ESRCH
}

// deleteNamespace kills what still runs in a namespace of ours and removes it.
func deleteNamespace(name string) error {
	pids, err := command("ip", "netns", "pids", name)
	if err != nil {
		return err
	}
	for _, word := range strings.Fields(pids) {
		if pid, err := strconv.Atoi(word); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
		}
	}
	_, err = command("ip", "netns", "delete", name)
	return err
}

// command runs a system tool in the machine's own namespace and returns its output; an error carries what it said.
func command(args ...string) (string, error) {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %v: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// inNamespace runs fn on an OS thread inside a network namespace. Sockets that fn opens and processes that it
// starts stay there. fn must not start goroutines that count on the namespace.
//
// The thread is moved back afterwards and lives on: children ask to be killed when the thread that started them ends.
func inNamespace(name string, fn func() error) error {
	there, err := os.Open(filepath.Join(namespaceDir, name))
	if err != nil {
		return err
	}
	defer there.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		here, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer here.Close()
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("enter namespace %s: %w", name, err)
			return
		}
		err = fn()
		if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
			panic("netlab: a thread cannot leave its namespace: " + back.Error())
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}
