package netlab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// captureBytesMax is what a capture keeps at most, in bytes; beyond it the test fails.
	captureBytesMax = 256 << 20
	// frameBytesMax holds any frame: veth passes segments that the kernel has not cut yet, up to 64 KiB.
	frameBytesMax = 128 << 10
	// captureQueue is the kernel's queue, in bytes, while the capture is not scheduled.
	captureQueue = 64 << 20
)

// Capture records every frame that crosses a LAN's switch, from Capture to the end of the test.
type Capture struct {
	lan    *LAN
	socket *os.File
	done   chan struct{} // closed by the goroutine that reads

	mu     sync.Mutex
	frames []Frame
	size   int
	buffer []byte
}

// Frame is one Ethernet frame as it crossed the switch.
type Frame struct {
	Time  time.Time
	Bytes []byte
}

// Capture starts to record. With NETLAB_PCAP=DIR in the environment the frames are also written to a file in DIR.
func (l *LAN) Capture() *Capture {
	l.t.Helper()
	c := &Capture{lan: l, done: make(chan struct{}), buffer: make([]byte, frameBytesMax)}
	if err := inNamespace(l.bridge, c.open); err != nil {
		l.t.Fatal(err)
	}
	raw, err := c.socket.SyscallConn()
	if err != nil {
		l.t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		// Read calls back whenever there may be frames, and ends when the socket is closed.
		_ = raw.Read(func(fd uintptr) bool { c.drain(int(fd)); return false })
	}()
	l.t.Cleanup(c.close)
	return c
}

// open makes a packet socket on the bridge that sees all that the bridge forwards.
func (c *Capture) open() error {
	bridge, err := net.InterfaceByName("lan")
	if err != nil {
		return err
	}
	all := int(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	c.socket = os.NewFile(uintptr(fd), "capture")
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureQueue); err != nil {
		return err
	}
	promiscuous := unix.PacketMreq{Ifindex: int32(bridge.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promiscuous); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: bridge.Index})
}

// drain takes all frames that wait in the kernel.
func (c *Capture) drain(fd int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		n, _, err := unix.Recvfrom(fd, c.buffer, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		if err != nil {
			return
		}
		if n > len(c.buffer) || c.size+n > captureBytesMax {
			c.lan.t.Errorf("the capture cannot hold a frame of %d bytes after %d", n, c.size)
			continue
		}
		c.size += n
		c.frames = append(c.frames, Frame{Time: time.Now(), Bytes: slices.Clone(c.buffer[:n])})
	}
}

// Frames returns what has crossed the switch so far. The test fails if frames were missed, since a capture with holes
// proves nothing.
func (c *Capture) Frames() []Frame {
	c.lan.t.Helper()
	raw, err := c.socket.SyscallConn()
	if err != nil {
		c.lan.t.Fatal(err)
	}
	var missed *unix.TpacketStats
	control := raw.Control(func(fd uintptr) {
		c.drain(int(fd))
		missed, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if control != nil || err != nil {
		c.lan.t.Fatal(control, err)
	}
	if missed.Drops > 0 {
		c.lan.t.Fatalf("the capture missed %d frames", missed.Drops)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.frames)
}

// Contains tells whether a frame holds the needle.
func (c *Capture) Contains(needle []byte) bool {
	c.lan.t.Helper()
	if len(needle) == 0 {
		c.lan.t.Fatal("looking for nothing finds nothing")
	}
	return slices.ContainsFunc(c.Frames(), func(f Frame) bool { return bytes.Contains(f.Bytes, needle) })
}

func (c *Capture) close() {
	if dir := os.Getenv("NETLAB_PCAP"); dir != "" {
		name := strings.ReplaceAll(c.lan.t.Name(), "/", "_") + "-" + c.lan.bridge + ".pcap"
		if err := os.WriteFile(filepath.Join(dir, name), pcap(c.Frames()), 0o600); err != nil {
			c.lan.t.Error(err)
		}
	}
	c.socket.Close()
	<-c.done
}

// pcap lays frames out in the classic capture file format: a header of 24 bytes, then each frame after 16 bytes
// of time and length.
func pcap(frames []Frame) []byte {
	const (
		magic    = 0xa1b2c3d4 // times in microseconds
		ethernet = 1
	)
	le := binary.LittleEndian
	file := le.AppendUint32(nil, magic)
	file = le.AppendUint16(file, 2)
	file = le.AppendUint16(file, 4)
	file = append(file, make([]byte, 8)...) // time zone and accuracy, always zero
	file = le.AppendUint32(file, frameBytesMax)
	file = le.AppendUint32(file, ethernet)
	for _, f := range frames {
		file = le.AppendUint32(file, uint32(f.Time.Unix()))
		file = le.AppendUint32(file, uint32(f.Time.Nanosecond()/1000))
		file = le.AppendUint32(file, uint32(len(f.Bytes)))
		file = le.AppendUint32(file, uint32(len(f.Bytes)))
		file = append(file, f.Bytes...)
	}
	return file
}
