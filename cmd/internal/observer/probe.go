package observer

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"

	"sottovoce/mesh/handshake"
)

// Prober dials nodes as somebody who is nobody's contact can, in every way there is.
type Prober struct {
	quic *quic.Transport
	mu   sync.Mutex // guards old
	old  []byte     // a flight that was made for another connection
}

// NewProber dials from a socket, which stays its owner's.
func NewProber(conn net.PacketConn) *Prober {
	return &Prober{quic: &quic.Transport{Conn: conn}}
}

// Close ends all dials.
func (p *Prober) Close() error { return p.quic.Close() }

const (
	// answerTime is how long a prober waits for an answer.
	answerTime = 700 * time.Millisecond
	// proofTime is when a node gives up on somebody who proves nothing, and a little more.
	proofTime = 7 * time.Second
)

// tries are the ways to begin: what is sent on the first stream of a connection.
var tries = []struct {
	name  string
	first func(p *Prober, e handshake.Exporter) ([]byte, error)
}{
	{"contact", random(1, handshake.FlightSize)},
	{"open", (*Prober).open},
	{"open-replayed", func(p *Prober, _ handshake.Exporter) ([]byte, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.old, nil
	}},
	{"open-garbage", random(2, handshake.FlightSize)},
	{"member", random(3, handshake.FlightSize)},
	{"supernode", random(4, handshake.FlightSize)},
	{"carry", random(5, handshake.FlightSize)},
	{"pair", random(6, handshake.FlightSize)},
	{"unknown", random(77, handshake.FlightSize)},
	{"short", random(1, 100)},
	{"long", random(1, 3*handshake.FlightSize)},
	{"nothing", func(*Prober, handshake.Exporter) ([]byte, error) { return nil, nil }},
}

// random begins in a mode and goes on with random bytes.
func random(mode byte, size int) func(*Prober, handshake.Exporter) ([]byte, error) {
	return func(*Prober, handshake.Exporter) ([]byte, error) {
		b := make([]byte, size)
		_, err := rand.Read(b)
		b[0] = mode
		return b, err
	}
}

// open begins in open mode as it should be, with keys of our own.
func (p *Prober) open(e handshake.Exporter) ([]byte, error) {
	var statics handshake.Statics
	for _, b := range [][]byte{statics.Open[:], statics.OpenSign[:]} {
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
	}
	_, flight, err := handshake.NewInitiator(handshake.Open, e, statics, nil, rand.Reader)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.old = flight[:]
	return flight[:], err
}

// Probe tries everything on a node and tells what it answered.
func (p *Prober) Probe(ctx context.Context, at netip.AddrPort) (fields []Field) {
	var last []Field
	var wait sync.WaitGroup
	wait.Go(func() { last = p.dial(ctx, at, "last", random(1, handshake.FlightSize), true) })
	for _, try := range tries {
		fields = append(fields, p.dial(ctx, at, try.name, try.first, false)...)
	}
	wait.Wait()
	return append(fields, last...)
}

// dial makes one connection and tells all about it. To the end means that it is the far end
// that has to close it.
func (p *Prober) dial(ctx context.Context, at netip.AddrPort, name string, first func(*Prober, handshake.Exporter) ([]byte, error), toTheEnd bool) (fields []Field) {
	add := func(field string, value any) { fields = append(fields, Field{field, fmt.Sprint(value)}) }
	events := &recorder{}
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	began := time.Now()
	conn, err := p.quic.Dial(ctx, net.UDPAddrFromAddrPort(at), &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{"sottovoce/1"}, MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768},
	}, &quic.Config{Tracer: func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return events }})
	if err != nil {
		add(name+".refused", reasonOf(err))
		return fields
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	add("dial.time", octave(time.Since(began)))
	state := conn.ConnectionState().TLS
	fields = append(fields, stateFields(state)...)
	fields = append(fields, events.take()...)
	exported, err := state.ExportKeyingMaterial("EXPORTER-sottovoce-link-1", nil, len(handshake.Exporter{}))
	if err != nil {
		return fields
	}
	flight, err := first(p, handshake.Exporter(exported))
	if err != nil {
		return fields
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		add(name+".stream", reasonOf(err))
		return fields
	}
	asked := time.Now()
	_, _ = stream.Write(flight)
	if len(flight) < handshake.FlightSize {
		_ = stream.Close()
	}
	answer := make([]byte, 2*handshake.FlightSize)
	got := 0
	_ = stream.SetReadDeadline(time.Now().Add(answerTime))
	for got < handshake.FlightSize && err == nil {
		var n int
		n, err = stream.Read(answer[got:])
		got += n
	}
	add(name+".size", got)
	add(name+".time", octave(time.Since(asked)))
	for i := 0; i+pieceSize <= min(got, 64); i += pieceSize {
		add(name+".answer", fmt.Sprintf("%x", answer[i:i+pieceSize]))
	}
	if err != nil {
		add(name+".end", reasonOf(err))
	}
	if toTheEnd {
		_ = stream.SetReadDeadline(time.Now().Add(proofTime))
		n, err := stream.Read(answer)
		add(name+".more", n)
		add(name+".close", reasonOf(err))
		add(name+".closed.time", octave(time.Since(began)))
	}
	return fields
}

// reasonOf is how an end shows, without what names a connection.
func reasonOf(err error) string {
	var application *quic.ApplicationError
	var transport *quic.TransportError
	switch {
	case errors.As(err, &application):
		return fmt.Sprintf("application %d %q", application.ErrorCode, application.ErrorMessage)
	case errors.As(err, &transport):
		return fmt.Sprintf("transport %d %q", transport.ErrorCode, transport.ErrorMessage)
	case err == nil:
		return "none"
	}
	return reflect.TypeOf(err).String()
}

// stateFields is what TLS shows of the far end.
func stateFields(s tls.ConnectionState) (fields []Field) {
	add := func(name string, value any) { fields = append(fields, Field{"tls." + name, fmt.Sprint(value)}) }
	add("version", s.Version)
	add("suite", s.CipherSuite)
	add("curve", s.CurveID)
	add("protocol", s.NegotiatedProtocol)
	add("certificates", len(s.PeerCertificates))
	for _, c := range s.PeerCertificates {
		add("key", fmt.Sprintf("%x", c.RawSubjectPublicKeyInfo))
		add("serial", c.SerialNumber)
		add("serial.size", c.SerialNumber.BitLen()/8)
		add("subject", c.Subject)
		add("issuer", c.Issuer)
		add("from", c.NotBefore)
		add("to", c.NotAfter)
		add("algorithm", c.SignatureAlgorithm)
		add("size", len(c.Raw))
		for _, e := range c.Extensions {
			add("extension", fmt.Sprintf("%v %x", e.Id, e.Value))
		}
	}
	return fields
}

// recorder takes what QUIC tells about a connection: the far end's parameters.
type recorder struct {
	mu     sync.Mutex // guards fields
	fields []Field
}

// AddProducer implements qlogwriter.Trace.
func (r *recorder) AddProducer() qlogwriter.Recorder { return r }

// Close implements qlogwriter.Recorder.
func (r *recorder) Close() error { return nil }

// SupportsSchemas implements qlogwriter.Trace.
func (r *recorder) SupportsSchemas(string) bool { return false }

// RecordEvent implements qlogwriter.Recorder.
func (r *recorder) RecordEvent(e qlogwriter.Event) {
	var name string
	switch e := e.(type) {
	case qlog.ParametersSet:
		if e.Initiator != qlog.InitiatorRemote {
			return
		}
		name = "parameters"
	case *qlog.ParametersSet:
		r.RecordEvent(*e)
		return
	default:
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		field := strings.ToLower(v.Type().Field(i).Name)
		if field == "originaldestinationconnectionid" {
			continue // ours
		}
		value := v.Field(i).Interface()
		if p := v.Field(i); p.Kind() == reflect.Pointer && !p.IsNil() {
			value = p.Elem().Interface()
		}
		r.fields = append(r.fields, Field{name + "." + field, fmt.Sprint(value)})
	}
}

func (r *recorder) take() []Field {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fields
}

// rawTime is how long a prober listens for answers to packets that are not a handshake.
const rawTime = 300 * time.Millisecond

// ProbeRaw sends packets that are no handshake of ours: garbage, unknown versions and
// connections, and what was heard of the connections of others. The socket must be read by
// nobody else.
func ProbeRaw(conn net.PacketConn, at netip.AddrPort, heard [][]byte) (fields []Field) {
	long := append([]byte{0xc3, 0x1a, 0x2a, 0x3a, 0x4a, 8}, make([]byte, 1250)...)
	short := append([]byte{0x43}, make([]byte, 60)...)
	_, _ = rand.Read(long[6:])
	_, _ = rand.Read(short[1:])
	packets := map[string][][]byte{"version": {long}, "stray": {short}, "byte": {{0}}, "dns": {make([]byte, 12)}, "replay": heard}
	for _, name := range slices.Sorted(maps.Keys(packets)) {
		for _, b := range packets[name] {
			_, _ = conn.WriteTo(b, net.UDPAddrFromAddrPort(at))
		}
		answers, size := 0, 0
		_ = conn.SetReadDeadline(time.Now().Add(rawTime))
		b := make([]byte, 1500)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				break
			}
			answers, size = answers+1, size+n
		}
		fields = append(fields, Field{"raw." + name, fmt.Sprint(answers > 0)})
		if answers > 0 {
			fields = append(fields, Field{"raw." + name + ".size", fmt.Sprint(size / answers)})
		}
	}
	return fields
}
