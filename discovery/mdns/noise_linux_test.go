package mdns

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestForeignNoise floods the group with what other programs and attackers
// send; two nodes must find each other all the same.
func TestForeignNoise(t *testing.T) {
	l := newLAN(t)
	a, b, loud := l.host(), l.host(), l.host()
	one := a.start(sample(1))
	stop := make(chan struct{})
	done := make(chan struct{})
	go within(loud.name, func() {
		defer close(done)
		conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 0, 3)}, &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1), Port: mdnsPort})
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		group, err := machine{}.Open(t.Context(), Interface{Name: "eth0", Index: index(t, "eth0")}, IPv4, mdnsPort)
		if err != nil {
			t.Error(err)
			return
		}
		defer group.Close()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				packet := noise(t)[i%len(noise(t))]
				_ = group.Send(packet, netip.AddrPort{})
				_, _ = conn.Write(packet)
			}
		}
	})
	time.Sleep(300 * time.Millisecond)
	starter := b.start(sample(2))
	one.await(sample(2).Instance, 1500*time.Millisecond, "through the noise", present)
	starter.await(sample(1).Instance, 1500*time.Millisecond, "through the noise", present)
	time.Sleep(300 * time.Millisecond)
	close(stop)
	<-done
	left := time.Now()
	starter.stop()
	one.await(sample(2).Instance, time.Second, "goodbye", after(left, gone))
	one.stop()
	one.mu.Lock()
	defer one.mu.Unlock()
	if len(one.seen) != 1 {
		t.Errorf("sightings of %d instances, want 1", len(one.seen))
	}
	if lines := strings.Count(one.logged.String(), "malformed"); lines > 1 {
		t.Errorf("%d lines about malformed packets within a minute:\n%s", lines, one.logged)
	}
}

func index(t *testing.T, name string) int {
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}
