package bench

import (
	"fmt"
	"os"
	"testing"

	"sottovoce/cmd/internal/netlab"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == rawServerWord {
		fmt.Fprintln(os.Stderr, serveRaw(os.Args[2]))
		os.Exit(1)
	}
	code := netlab.Main(m)
	if err := results.publish(os.Stdout, os.Getenv("BENCH_JSON")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
