package wire

import (
	"errors"
	"slices"
	"testing"
)

// onePeer and mostPeers are frames of one announcement and of as many as there may be.
func onePeer() Peers {
	return Peers{Told: []Told{{
		Instance: [8]byte(counted(1, 8)), Epoch: 493_000, Nonce: [8]byte(counted(0x11, 8)), Fingerprint: [16]byte(counted(0x20, 16)),
		Slots: [48]byte(counted(0x40, 48)), Port: 40000, Addresses: [][]byte{{192, 168, 1, 7}, counted(0x80, 16)},
	}}}
}

func mostPeers() Peers {
	f := Peers{Told: make([]Told, ToldMax)}
	for i := range f.Told {
		address := counted(byte(i), 16)
		f.Told[i] = Told{
			Instance: [8]byte(counted(byte(i), 8)), Epoch: 1<<32 - 1, Slots: [48]byte(counted(1, 48)), Port: 1<<16 - 1,
			Addresses: slices.Repeat([][]byte{address}, ToldAddressesMax),
		}
	}
	return f
}

func TestPeersRefused(t *testing.T) {
	for name, change := range map[string]func(*Peers){
		"no peers":        func(f *Peers) { f.Told = []Told{} },
		"port 0":          func(f *Peers) { f.Told[0].Port = 0 },
		"no address":      func(f *Peers) { f.Told[0].Addresses = [][]byte{} },
		"five addresses":  func(f *Peers) { f.Told[0].Addresses = slices.Repeat([][]byte{{10, 0, 0, 1}}, 5) },
		"a short address": func(f *Peers) { f.Told[0].Addresses[0] = []byte{1, 2, 3} },
		"the same twice":  func(f *Peers) { f.Told = append(f.Told, f.Told[0]) },
		"descending":      func(f *Peers) { f.Told = append(f.Told, f.Told[0]); f.Told[1].Instance[0]-- },
		"too many":        func(f *Peers) { f.Told = slices.Repeat(f.Told, ToldMax+1) },
	} {
		f := onePeer()
		change(&f)
		if _, err := AppendFrame(nil, f); err == nil {
			t.Errorf("%s: sent", name)
		}
		body, err := Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(framed(FramePeers, body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := read(framed(FramePeers, make([]byte, peersFrameMax+1))); !errors.Is(err, ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
	if b := encode(t, mostPeers()); len(b) > peersFrameMax {
		t.Errorf("the most that may be told has %d bytes", len(b))
	}
}
