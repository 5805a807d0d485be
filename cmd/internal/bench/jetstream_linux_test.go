package bench

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sottovoce/cmd/internal/netlab"
)

const (
	// jetStreamWord as first argument turns the benchmark into a JetStream server; its address and its folder follow.
	jetStreamWord = "jetstream-server"
	jetStreamPort = "4222"
	jetStreamName = "yardstick"
)

// durable is the yardstick of messages that are on a disk when their sender is answered: NATS JetStream that syncs each,
// on the second host in a process of its own, with a publisher on the first host and a subscriber on the second.
type durable struct {
	b         *testing.B
	publisher jetstream.JetStream
	received  chan time.Time
}

func newDurable(b *testing.B, from, to *node) *durable {
	b.Helper()
	to.Start(executable(b), jetStreamWord, to.IPv4.String(), filepath.Join(to.home, "jetstream"))
	d := &durable{b: b, publisher: dialDurable(b, from, to), received: make(chan time.Time, 1<<16)}
	ctx := b.Context()
	_, err := d.publisher.CreateStream(ctx, jetstream.StreamConfig{
		Name: jetStreamName, Subjects: []string{jetStreamName}, Storage: jetstream.FileStorage,
	})
	if err != nil {
		b.Fatal(err)
	}
	subscriber, err := dialDurable(b, to, to).OrderedConsumer(ctx, jetStreamName, jetstream.OrderedConsumerConfig{})
	if err != nil {
		b.Fatal(err)
	}
	listening, err := subscriber.Consume(func(jetstream.Msg) { d.received <- time.Now() })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(listening.Stop)
	return d
}

// hostDialer dials from a host.
type hostDialer struct{ *netlab.Host }

// Dial is [net.Dial] on the host.
func (d hostDialer) Dial(network, address string) (conn net.Conn, err error) {
	err = d.In(func() error { conn, err = net.Dial(network, address); return err })
	return conn, err
}

// dialDurable connects one host to the server on another, once that listens.
func dialDurable(b *testing.B, from, to *node) jetstream.JetStream {
	b.Helper()
	var conn *nats.Conn
	from.until("JetStream", func() (ok bool) {
		var err error
		conn, err = nats.Connect("nats://"+net.JoinHostPort(to.IPv4.String(), jetStreamPort), nats.SetCustomDialer(hostDialer{from.Host}))
		return err == nil
	})
	b.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		b.Fatal(err)
	}
	return js
}

// publish returns once the message is on the server's disk.
func (d *durable) publish(body []byte) {
	d.b.Helper()
	if _, err := d.publisher.Publish(d.b.Context(), jetStreamName, body); err != nil {
		d.b.Fatal(err)
	}
}

// oneWay is the time from a publication to the subscriber.
func (d *durable) oneWay(body []byte) time.Duration {
	d.b.Helper()
	start := time.Now()
	d.publish(body)
	select {
	case at := <-d.received:
		return at.Sub(start)
	case <-time.After(patience):
		d.b.Fatal("JetStream did not deliver")
		return 0
	}
}

// serveDurable runs a JetStream server that syncs every message, until it is killed.
func serveDurable(address, folder string) error {
	port, err := strconv.Atoi(jetStreamPort)
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		Host: address, Port: port, JetStream: true, StoreDir: folder, SyncAlways: true, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		return errors.New("the server is not ready")
	}
	s.WaitForShutdown()
	return errors.New("the server has ended")
}
