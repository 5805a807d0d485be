package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/relay/supernode"
)

// metricsTimeout bounds how long a question for figures may take to arrive, and its answer to leave.
const metricsTimeout = 5 * time.Second

// listenMetrics opens a port of this machine alone: figures are nobody else's business.
func listenMetrics(address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, control.Errorf(control.CodeUsage, "--metrics %s: give an address of this machine alone, such as 127.0.0.1:9150", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, control.Errorf(control.CodeFailed, "--metrics %s: %v; choose another port", address, err)
	}
	return l, nil
}

// serveMetrics answers GET /metrics in the text form of Prometheus until ctx ends.
func serveMetrics(ctx context.Context, l net.Listener, node *supernode.Supernode) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_ = node.Status().WriteMetrics(w) // whoever asked may be gone
	})
	srv := &http.Server{Handler: mux, ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout, MaxHeaderBytes: 4 << 10}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
