package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestStoppedWhileStarting: a supernode that takes long to start does not keep the program that is told to stop.
func TestStoppedWhileStarting(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	p := fakeProgram()
	p.Stderr = &said
	end := make(chan struct{})
	defer close(end)
	ctx, stop := context.WithCancel(t.Context())
	p.Supernodes.Start = func(context.Context, SupernodeOptions) (func(context.Context) error, error) {
		stop()
		<-end // as servers that say nothing
		return nil, nil
	}
	if code := Run(ctx, []string{"supernode", "up", "--data", t.TempDir()}, p); code != 1 || !strings.Contains(said.String(), "stopped before the supernode was up") {
		t.Errorf("it ends with %d: %s", code, said.String())
	}
}
