package daemon

import (
	"errors"
	"net"
	"testing"

	"sottovoce/mesh/fence"
)

// TestLocalOnlySockets: while the node is local only no name is looked up for a supernode, and the sockets of links to one are behind
// the fence, as that of the node is.
func TestLocalOnlySockets(t *testing.T) {
	var around fence.Fence
	resolve, listen := resolver(&around), relisten("", &around)
	conn, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
	if _, err := conn.WriteTo([]byte{1}, to); err != nil {
		t.Error("with the fence open:", err)
	}
	around.Close()
	if _, err := resolve(t.Context(), "localhost"); !errors.Is(err, fence.ErrOutside) {
		t.Error("a name is looked up:", err)
	}
	if _, err := conn.WriteTo([]byte{1}, to); !errors.Is(err, fence.ErrOutside) {
		t.Error("a packet leaves:", err)
	}
}
