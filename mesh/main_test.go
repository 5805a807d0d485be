package mesh

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// sideBySide is how many parallel tests run at a time, where -parallel does not say otherwise: they wait more than they work.
const sideBySide = "6"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
