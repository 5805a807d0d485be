package cluster

import (
	"flag"
	"os"
	"testing"

	"sottovoce/cmd/internal/netlab"
)

// sideBySide is how many tests run at a time, where -parallel does not say otherwise: they wait for elections most of the time.
const sideBySide = "6"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err)
	}
	// quic-go would write to the standard log that the kernel gives small buffers.
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	os.Exit(netlab.Main(m))
}
