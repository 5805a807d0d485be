//go:build unix

package supernode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// checkOwner refuses a directory that is another user's. Only root could work in it at all, and would leave files there that the other
// cannot read.
func checkOwner(path string) error {
	is, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	stat, ok := is.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	name := "#" + strconv.FormatUint(uint64(stat.Uid), 10) // as sudo knows one without a name
	if owner, err := user.LookupId(name[1:]); err == nil {
		name = owner.Username
	}
	return fmt.Errorf("%w: %s is %s's; run this as that user, by: sudo -u %[3]s", ErrOwner, path, name)
}
