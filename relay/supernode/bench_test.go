package supernode

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/quic-go/quic-go"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

// Yardsticks run in processes of their own, as the supernode does; these name them.
const (
	jetStreamEnv = "SOTTOVOCE_TEST_JETSTREAM" // its folder
	bulkEnv      = "SOTTOVOCE_TEST_BULK"      // bytes that each stream gets
)

// serveYardstick is what such a process does; false if it is none.
func serveYardstick() bool {
	if folder := os.Getenv(jetStreamEnv); folder != "" {
		s, err := server.NewServer(&server.Options{
			Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: folder, SyncAlways: true, NoLog: true, NoSigs: true,
		})
		if err != nil {
			panic(err)
		}
		s.Start()
		if !s.ReadyForConnections(time.Minute) {
			panic("JetStream does not start")
		}
		fmt.Println("at", s.Addr())
		s.WaitForShutdown()
		return true
	}
	if size := os.Getenv(bulkEnv); size != "" {
		n, err := strconv.Atoi(size)
		if err == nil {
			err = serveBulk(n)
		}
		panic(err)
	}
	return false
}

// serveBulk sends n bytes on each stream that is opened: quic-go with nothing of ours.
func serveBulk(n int) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: private}}, NextProtos: []string{"raw"}}
	listener, err := quic.ListenAddr("127.0.0.1:0", config, nil)
	if err != nil {
		return err
	}
	fmt.Println("at", listener.Addr())
	for {
		conn, err := listener.Accept(context.Background())
		if err != nil {
			return err
		}
		go func() {
			page := make([]byte, pageSize)
			for {
				stream, err := conn.AcceptStream(context.Background())
				for left := n; err == nil && left > 0; left -= len(page) {
					_, err = stream.Write(page[:min(left, len(page))])
				}
				if err != nil {
					return
				}
				_ = stream.Close()
			}
		}()
	}
}

// yardstick starts such a process and returns where it listens.
func yardstick(b *testing.B, env, value string) string {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), env+"="+value)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "at "))
}

// benchBlobs is how many blobs of 4 KiB a run has.
const benchBlobs = 10_240

// benched is a supernode in a process of its own, and a member. With SOTTOVOCE_MILLION=1 it keeps a million blobs of 4 KiB of 58
// days already, which take 4.3 GB of disk.
func benched(b *testing.B) (*rig, *person) {
	b.Helper()
	r := &rig{t: b, dir: b.TempDir(), logs: &logged{}, from: net.IPv4(127, 0, 0, 1)}
	var err error
	generous := community.Policy{Days: 58, Disk: 1 << 40, Tokens: 60_000}
	if r.made, err = Found(r.dir, Charter{Name: "Casa", Policy: generous}, Config{Rand: rand.Reader}); err != nil {
		b.Fatal(err)
	}
	s, err := r.open()
	if err != nil {
		b.Fatal(err)
	}
	r.know(s)
	invite, err := s.Invite(r.made.Community, 1, time.Hour)
	if err = errors.Join(err, s.Close()); err != nil {
		b.Fatal(err)
	}
	if os.Getenv("SOTTOVOCE_MILLION") != "" {
		r.fill(1_000_000)
	}
	b.Cleanup(r.spawn())
	p := r.joinBy(invite)
	return r, p
}

// deposits leaves all blobs, eight requests of 32 blobs at a time, and returns how long the receipts took.
func (r *rig) deposits(p *person, l *link.Link) time.Duration {
	const each = 32
	work := make(chan wire.Deposit, benchBlobs/each)
	blobs := make(chan [][]byte, cap(work))
	for range cap(work) {
		work <- wire.Deposit{Blobs: each, Tokens: p.take(each)}
		blobs <- r.blobs(each)
	}
	close(work)
	begun := time.Now()
	var depositors sync.WaitGroup
	for range 8 {
		depositors.Go(func() {
			for f := range work {
				if _, err := r.tryDeposit(l, f, <-blobs); err != nil {
					r.t.Error(err)
				}
			}
		})
	}
	depositors.Wait()
	return time.Since(begun)
}

// published is how long JetStream takes for as many messages of 4 KiB, of which 256 wait for their
// acknowledgement at a time.
func published(b *testing.B, address string) time.Duration {
	b.Helper()
	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		b.Fatal(err)
	}
	_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "y", Subjects: []string{"y"}, Storage: jetstream.FileStorage})
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 4096)
	_, _ = rand.Read(body)
	begun := time.Now()
	for range benchBlobs {
		if _, err := js.PublishAsync("y", body, jetstream.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	return time.Since(begun)
}

// BenchmarkDeposits measures durable deposits with tokens beside JetStream that syncs each message.
func BenchmarkDeposits(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		r, p := benched(b)
		p.draw(benchBlobs)
		l := p.mustMember()
		b.StartTimer()
		ours := r.deposits(p, l)
		theirs := published(b, yardstick(b, jetStreamEnv, b.TempDir()))
		b.ReportMetric(benchBlobs/ours.Seconds(), "deposits/s")
		b.ReportMetric(benchBlobs/theirs.Seconds(), "jetstream/s")
		b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
	}
}

// BenchmarkRange measures how fast a log is collected beside quic-go that sends as many bytes, in turns: medians.
func BenchmarkRange(b *testing.B) {
	r, p := benched(b)
	p.draw(benchBlobs)
	l := p.mustMember()
	r.deposits(p, l)
	address := yardstick(b, bulkEnv, strconv.Itoa(benchBlobs*4096))
	conn, err := quic.DialAddr(b.Context(), address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"raw"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	var ours, theirs []float64 // MB/s
	for b.Loop() {
		begun := time.Now()
		n := 0
		s := r.request(l, wire.RangeFrame{})
		for end := false; !end; {
			page := r.next(s)
			n += len(page.blobs)
			end = page.End
		}
		ours = append(ours, benchBlobs*4096/1e6/time.Since(begun).Seconds())
		if n != benchBlobs {
			b.Fatalf("%d blobs are collected", n)
		}
		begun = time.Now()
		stream, err := conn.OpenStreamSync(b.Context())
		if err == nil {
			_, err = stream.Write([]byte{1})
		}
		if err == nil {
			_, err = io.Copy(io.Discard, stream)
		}
		if err != nil {
			b.Fatal(err)
		}
		theirs = append(theirs, benchBlobs*4096/1e6/time.Since(begun).Seconds())
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	b.ReportMetric(ours[len(ours)/2], "MB/s")
	b.ReportMetric(theirs[len(theirs)/2], "raw-MB/s")
	b.ReportMetric(ours[len(ours)/2]/theirs[len(theirs)/2], "ratio")
}
