package daemon

import (
	"fmt"
	"net"
	"strings"
)

// missing says of each interface that was asked for by name and is not there that it is
// waited for: it may be plugged in later.
func missing(named []string) (notices []string) {
	for _, name := range named {
		if _, err := net.InterfaceByName(name); err != nil {
			notices = append(notices, fmt.Sprintf("there is no network interface %s; nobody is found on it until there is%s", name, others()))
		}
	}
	return notices
}

// others names what could have been meant.
func others() string {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		return ""
	}
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = n.Name
	}
	return " (there are: " + strings.Join(names, ", ") + ")"
}
