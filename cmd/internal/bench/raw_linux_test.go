package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sys/unix"

	"sottovoce/cmd/internal/netlab"
)

const (
	// rawServerWord as first argument turns the benchmark into the far end of the raw connection; the second is its address.
	rawServerWord = "raw-quic-server"
	rawPort       = "4433"
	rawSize       = 4096 // bytes: what a short message takes on the wire
	rawALPN       = "raw"
)

// raw is the yardstick of everything that crosses the network or reaches the disk: quic-go between the same hosts and in
// processes of its own, and a file in the same folder, with nothing of ours.
type raw struct {
	b      *testing.B
	server *netlab.Process
	stream *quic.Stream
	file   *os.File
	page   [rawSize]byte
}

// newRaw connects two hosts and makes a file in the first one's home.
func newRaw(b *testing.B, from, to *node) *raw {
	b.Helper()
	at := net.JoinHostPort(to.IPv4.String(), rawPort)
	r := &raw{b: b, server: to.Start(executable(b), rawServerWord, at)}
	var socket *net.UDPConn
	err := from.In(func() (err error) {
		socket, err = net.ListenUDP("udp4", nil)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	transport := &quic.Transport{Conn: socket}
	b.Cleanup(func() { transport.Close(); socket.Close() })
	remote, err := net.ResolveUDPAddr("udp", at)
	if err != nil {
		b.Fatal(err)
	}
	var conn *quic.Conn
	from.until("raw connection", func() bool {
		ctx, cancel := context.WithTimeout(b.Context(), time.Second) // the server may not listen yet
		defer cancel()
		conn, err = transport.Dial(ctx, remote, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{rawALPN}}, nil)
		return err == nil
	})
	if r.stream, err = conn.OpenStreamSync(b.Context()); err != nil {
		b.Fatal(err)
	}
	if r.file, err = os.Create(filepath.Join(from.home, "yardstick")); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.file.Close() })
	return r
}

// serveRaw sends back what one connection after the other brings, until it is killed.
func serveRaw(at string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}, NextProtos: []string{rawALPN},
	}
	listener, err := quic.ListenAddr(at, config, nil)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept(context.Background())
		if err != nil {
			return err
		}
		stream, err := conn.AcceptStream(context.Background())
		if err != nil {
			continue
		}
		page := make([]byte, rawSize)
		for err == nil {
			if _, err = io.ReadFull(stream, page); err == nil {
				_, err = stream.Write(page)
			}
		}
	}
}

// oneWay is half of the time that a page takes there and back.
func (r *raw) oneWay() time.Duration {
	start := time.Now()
	_, err := r.stream.Write(r.page[:])
	if err == nil {
		_, err = io.ReadFull(r.stream, r.page[:])
	}
	if err != nil {
		r.b.Fatal(err)
	}
	return time.Since(start) / 2
}

// sync is the time that a page takes to the disk.
func (r *raw) sync() time.Duration {
	start := time.Now()
	_, err := r.file.Write(r.page[:])
	if err == nil {
		err = unix.Fdatasync(int(r.file.Fd()))
	}
	if err != nil {
		r.b.Fatal(err)
	}
	return time.Since(start)
}
