package link

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"testing"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/wire"
)

// echo sends back every batch.
type echo struct{ link *Link }

func (echo) Frame(wire.Frame) {}

func (e echo) Blobs(blobs [][]byte) { _ = e.link.SendBlobs(context.Background(), blobs) }

// BenchmarkLinkPingPong sends a class-0 blob there and back. Its yardstick is
// BenchmarkRawQUICPingPong: the same bytes on the same kind of stream.
func BenchmarkLinkPingPong(b *testing.B) {
	one, two := newEnd(b), newEnd(b)
	befriend(one, two)
	dialed, accepted := linked(b, toward(one, two), one, two)
	in, _ := running(b, dialed)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = accepted.Run(context.Background(), echo{accepted})
	}()
	ctx := context.Background()
	batch := [][]byte{blob(1)}
	for b.Loop() {
		if err := dialed.SendBlobs(ctx, batch); err != nil {
			b.Fatal(err)
		}
		<-in.blobs
	}
	dialed.Close(ReasonBye)
	<-done
}

// BenchmarkRawQUICPingPong is the yardstick: quic-go with the same settings and nothing
// of ours.
func BenchmarkRawQUICPingPong(b *testing.B) {
	cert, err := newThrowaway(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	server := &quic.Transport{Conn: pc, ConnectionIDLength: connectionIDLength}
	ln, err := server.Listen(serverTLS(func() *throwaway { return cert }), quicConfig(streamsMax))
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept(context.Background())
		for err == nil {
			var message []byte
			if message, err = take(conn); err == nil {
				err = give(conn, message)
			}
		}
	}()
	client, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	dialler := &quic.Transport{Conn: client, ConnectionIDLength: connectionIDLength}
	conn, err := dialler.Dial(context.Background(), pc.LocalAddr(), clientTLS(nil), quicConfig(-1))
	if err != nil {
		b.Fatal(err)
	}
	message := append([]byte{1, 2, 3}, blob(1)...)
	for b.Loop() {
		if err := give(conn, message); err != nil {
			b.Fatal(err)
		}
		if _, err := take(conn); err != nil {
			b.Fatal(err)
		}
	}
	_ = conn.CloseWithError(0, "")
	<-done
	ln.Close()
	dialler.Close()
	server.Close()
	client.Close()
	pc.Close()
}

func give(conn *quic.Conn, message []byte) error {
	stream, err := conn.OpenUniStreamSync(context.Background())
	if err != nil {
		return err
	}
	if _, err := stream.Write(message); err != nil {
		return err
	}
	return stream.Close()
}

func take(conn *quic.Conn) ([]byte, error) {
	stream, err := conn.AcceptUniStream(context.Background())
	if err != nil {
		return nil, err
	}
	return io.ReadAll(stream)
}
