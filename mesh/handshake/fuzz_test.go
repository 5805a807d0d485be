package handshake

import "testing"

func FuzzAnswer(f *testing.F) {
	c := newCast()
	for _, mode := range builtModes {
		i, first, err := NewInitiator(mode, c.e, c.anna, c.pair(mode), c.annaRand)
		if err != nil {
			f.Fatal(err)
		}
		i.Erase()
		f.Add(first[:])
		f.Add(first[:100])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, flight []byte) {
		for _, mode := range []Mode{Contact, Supernode} {
			c := newCast()
			r := c.answerer(mode, c.e)
			second, _, err := r.Answer(flight)
			if err != nil || second == (Flight{}) {
				t.Fatalf("no answer at all: %v", err)
			}
			if _, err := r.Finish(flight); err == nil {
				t.Fatal("rubbish proved something")
			}
		}
	})
}

func FuzzFinish(f *testing.F) {
	c := newCast()
	i, first, err := NewInitiator(Contact, c.e, c.anna, &c.annaSees, c.annaRand)
	if err != nil {
		f.Fatal(err)
	}
	i.Erase()
	second, _, err := c.responder(Exporter{1}).Answer(first[:])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(second[:])
	f.Add(second[:KeySize])
	f.Fuzz(func(t *testing.T, flight []byte) {
		for _, mode := range builtModes {
			i, _ := newCast().dial(t, mode)
			if _, _, err := i.Finish(flight); err == nil {
				t.Fatal("rubbish proved something")
			}
		}
	})
}

func FuzzPayload(f *testing.F) {
	f.Add(appendPayload(nil, 40, payloadMap{}))
	f.Add([]byte{1, 0, 3, 0xa1, 5, 7, 0, 0})
	f.Add([]byte{1, 0xff, 0xff})
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parsePayload(b) })
}
