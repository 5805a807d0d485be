package supernode

import (
	"fmt"
	"net"
	"testing"
)

func address(t *testing.T, cidr string) net.Addr {
	t.Helper()
	ip, n, err := net.ParseCIDR(cidr)
	if err != nil {
		t.Fatal(err)
	}
	n.IP = ip
	return n
}

// TestResetKey is the same in one place, and another one elsewhere.
func TestResetKey(t *testing.T) {
	t.Parallel()
	r, other := found(t), found(t)
	for _, one := range []*rig{r, other} {
		s, err := one.open()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		one.know(s)
	}
	loop, six := address(t, "127.0.0.1/8"), address(t, "2001:db8::17/64")
	home, more := address(t, "192.168.1.7/24"), address(t, "10.0.0.9/8")
	here := r.resetKey(4711, []net.Addr{loop, home, more})
	if r.resetKey(4711, []net.Addr{six, more, home}) != here {
		t.Error("the order of addresses, or an IPv6 one, makes another key")
	}
	for name, elsewhere := range map[string]any{
		"another port":      r.resetKey(4712, []net.Addr{home, more}),
		"another address":   r.resetKey(4711, []net.Addr{address(t, "192.168.1.8/24"), more}),
		"no address":        r.resetKey(4711, nil),
		"another supernode": other.resetKey(4711, []net.Addr{home, more}),
	} {
		if elsewhere == any(here) {
			t.Errorf("%s has the same key", name)
		}
	}
	if s := fmt.Sprintf("%v %+v %x %s", here, here, here, here); s != "(secret) (secret) (secret) (secret)" {
		t.Errorf("a key prints as %s", s)
	}
}
