package bench

import (
	"fmt"
	"os"
	"testing"

	"sottovoce/cmd/internal/netlab"
)

// executable is this test program, which is also the far end of the yardsticks.
func executable(b *testing.B) string {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	return self
}

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == rawServerWord {
		fmt.Fprintln(os.Stderr, serveRaw(os.Args[2]))
		os.Exit(1)
	}
	if len(os.Args) == 4 && os.Args[1] == jetStreamWord {
		fmt.Fprintln(os.Stderr, serveDurable(os.Args[2], os.Args[3]))
		os.Exit(1)
	}
	code := netlab.Main(m)
	if err := results.publish(os.Stdout, os.Getenv("BENCH_JSON")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
