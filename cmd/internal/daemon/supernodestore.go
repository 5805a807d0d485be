package daemon

import (
	"context"
	"log/slog"

	"sottovoce/cmd/internal/control"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/supernode"
)

// SupernodeStore says where a supernode keeps everything, if not in its data directory.
type SupernodeStore struct {
	URL         string // of NATS servers; may hold a password. Empty: in the directory
	Credentials string // file that lets us in there
}

// check finds what cannot be an address.
func (s SupernodeStore) check() error {
	switch {
	case s.URL == "" && s.Credentials != "":
		return control.Errorf(control.CodeUsage, "--store-credentials goes with --store")
	case s.URL == "":
		return nil
	}
	if err := jetstream.CheckAddress(s.URL); err != nil {
		return control.Errorf(control.CodeUsage, "--store: %v", err)
	}
	return nil
}

// open is how a supernode opens the store; nil where it is in its directory.
func (s SupernodeStore) open(log *slog.Logger) func(limit int64) (supernode.Shared, error) {
	if s.URL == "" {
		return nil
	}
	return func(limit int64) (supernode.Shared, error) {
		ctx, cancel := context.WithTimeout(context.Background(), storeTime)
		defer cancel()
		store, err := jetstream.Open(ctx, jetstream.Config{URL: s.URL, Credentials: s.Credentials, Limit: limit, Log: log})
		if err != nil {
			return nil, control.Errorf(control.CodeFailed, "%v", err)
		}
		return store, nil
	}
}
