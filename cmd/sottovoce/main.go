// Command sottovoce is private chat for the network one is standing in.
//
// It hands the arguments to the command line, and the nodes of the daemon to what needs one; it leaves all else to them.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"sottovoce/cmd/internal/cli"
	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/daemon"
	"sottovoce/cmd/internal/demo"
)

// version is set when a release is built.
var version string

func main() { os.Exit(run()) }

func run() int {
	// The QUIC library advises everybody who is not root to change a kernel setting; a chat does well without.
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		ends = append(ends, syscall.SIGHUP) // the terminal is closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	return cli.Run(ctx, os.Args[1:], &cli.Program{
		Stdin:         os.Stdin,
		Stdout:        os.Stdout,
		Stderr:        os.Stderr,
		Version:       versionText(),
		Exists:        daemon.Exists,
		Locked:        daemon.Locked,
		SetPassphrase: daemon.SetPassphrase,
		Diagnose:      func(home string) (control.Diagnostics, error) { return daemon.Diagnose(home, versionText()) },
		Doctor:        daemon.Doctor,
		Restore:       daemon.Restore,
		Init:          daemon.InitSeen,
		Start:         start,
		Demo:          func(ctx context.Context, d cli.Demo) error { return demo.Run(ctx, demo.Options(d)) },
		Supernodes: cli.Supernodes{
			Init:  initSupernode,
			Start: startSupernode,
			Open: func(data string, store cli.SupernodeStore) (control.Supernode, func() error, error) {
				return daemon.OpenSupernode(data, daemon.SupernodeStore(store), versionText())
			},
		},
	})
}

// initSupernode makes a supernode.
func initSupernode(ctx context.Context, o cli.SupernodeInit) (cli.SupernodeMade, error) {
	made, err := daemon.FoundSupernode(ctx, daemon.Founding{Data: o.Data, Store: daemon.SupernodeStore(o.Store), Community: o.Community, Join: o.Join, RootWords: o.RootWords, Told: o.Told, Log: slog.New(slog.DiscardHandler)})
	return cli.SupernodeMade{ID: made.ID, Community: made.Community, CommunityID: made.CommunityID, RootWords: made.RootWords, Data: o.Data}, err
}

// startSupernode brings up a supernode; run serves until ctx ends.
func startSupernode(_ context.Context, o cli.SupernodeOptions) (run func(context.Context) error, err error) {
	r, err := daemon.StartSupernode(daemon.SupernodeOptions{
		Data: o.Data, Store: daemon.SupernodeStore(o.Store), Listen: o.Listen, Interfaces: o.Interfaces, Advertise: o.Advertise, Allow: o.Allow, Of: o.Of, Metrics: o.Metrics, Version: versionText(), Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	return r.Run, nil
}

// start brings up a node; run waits for it and ends it with ctx.
func start(ctx context.Context, o cli.Options) (run func(context.Context) error, err error) {
	d, err := daemon.Start(context.WithoutCancel(ctx), daemon.Options{
		Home: o.Home, Passphrase: o.Passphrase, Listen: o.Listen, Interfaces: o.Interfaces, Visibility: o.Visibility, LocalOnly: o.LocalOnly, Version: versionText(), Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return d.Close()
		case <-d.Done():
			return d.Wait()
		}
	}, nil
}

// versionText is the version of a release, or of the source it was built from.
func versionText() string {
	if version != "" {
		return version
	}
	build, ok := debug.ReadBuildInfo()
	if !ok || build.Main.Version == "" {
		return "unknown"
	}
	return build.Main.Version
}
