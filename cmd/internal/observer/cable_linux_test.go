package observer

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh/simlan"
)

// How long a cable waits before it looks what the supernode does by itself: shortest while something happens, then ever longer.
const (
	cableQuick = 2 * time.Millisecond
	cableSlow  = 2 * time.Second
)

// cable joins a LAN in memory to a supernode in another process, whose time it leads, and captures all datagrams on it.
type cable struct {
	t       *testing.T
	conn    *simlan.Conn
	process *exec.Cmd
	steps   *gob.Encoder
	answers *gob.Decoder
	in, out *os.File // what the process reads and writes
	Invite  string

	came  chan struct{} // holds one token
	mu    sync.Mutex    // guards queue
	queue []datagram

	packets []datagram // as they crossed the supernode's interface
	asked   []request
}

// plug starts a supernode on a data directory that a community was founded in. The time of a bubble stands still while the
// process works.
func plug(t *testing.T, dir string, conn *simlan.Conn) *cable {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{t: t, conn: conn, came: make(chan struct{}, 1)}
	stdin, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fd3, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, out
	c.process = exec.Command(program, "-test.run=^TestAsShelf$")
	c.process.Env = []string{shelfEnv + "=" + dir}
	c.process.Stdin, c.process.ExtraFiles = stdin, []*os.File{fd3}
	c.process.Stdout, c.process.Stderr = os.Stderr, os.Stderr
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	fd3.Close()
	c.steps, c.answers = gob.NewEncoder(in), gob.NewDecoder(out)
	c.Invite = c.step().Invite
	return c
}

// end has the process stop.
func (c *cable) end() error {
	defer c.out.Close()
	if err := c.in.Close(); err != nil {
		return err
	}
	return c.process.Wait()
}

// step takes what has arrived to the process, and what it has sent since to the LAN.
func (c *cable) step() stepped {
	c.mu.Lock()
	s := step{Until: time.Now(), Arrived: c.queue}
	c.queue = nil
	c.mu.Unlock()
	var done stepped
	if err := c.steps.Encode(s); err != nil {
		c.t.Error(err)
	}
	if err := c.answers.Decode(&done); err != nil {
		c.t.Error(err)
	}
	c.packets = append(append(c.packets, s.Arrived...), done.Sent...)
	c.asked = append(c.asked, done.Asked...)
	for _, p := range done.Sent {
		_, _ = c.conn.WriteTo(p.Payload, net.UDPAddrFromAddrPort(p.Peer)) // whoever has left hears nothing
	}
	return done
}

// carry carries datagrams both ways until ctx ends.
func (c *cable) carry(ctx context.Context) {
	go func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := c.conn.ReadFrom(b)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.queue = append(c.queue, datagram{At: time.Now(), Peer: from.(*net.UDPAddr).AddrPort(), Payload: bytes.Clone(b[:n])})
			c.mu.Unlock()
			select {
			case c.came <- struct{}{}:
			default:
			}
		}
	}()
	for wait := cableQuick; ; {
		arrived := false
		select {
		case <-ctx.Done():
			c.conn.Close()
			return
		case <-c.came:
			arrived = true
		case <-time.After(wait):
		}
		synctest.Wait() // all that arrives in this instant has arrived
		if sent := len(c.step().Sent); arrived || sent > 0 {
			wait = cableQuick
		} else {
			wait = min(2*wait, cableSlow)
		}
	}
}

// memory is that of the process, which waits for its next step.
func (c *cable) memory() []byte {
	c.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", c.process.Process.Pid)
	maps, err := os.ReadFile(proc + "maps")
	if err != nil {
		c.t.Fatal(err)
	}
	mem, err := os.Open(proc + "mem")
	if err != nil {
		c.t.Fatal(err)
	}
	defer mem.Close()
	var all bytes.Buffer
	b := make([]byte, 64<<10)
	empty := make([]byte, len(b))
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var may string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &may); err != nil || !strings.HasPrefix(may, "rw") {
			continue
		}
		for at := from; at < to; at += int64(len(b)) {
			some := b[:min(to-at, int64(len(b)))]
			if n, err := mem.ReadAt(some, at); err == nil && !bytes.Equal(some[:n], empty[:n]) {
				all.Write(some[:n])
			}
		}
	}
	return all.Bytes()
}
