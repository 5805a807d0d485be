package cluster

import (
	"os"
	"testing"

	"sottovoce/cmd/internal/netlab"
)

func TestMain(m *testing.M) {
	// quic-go would write to the standard log that the kernel gives small buffers.
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	os.Exit(netlab.Main(m))
}
