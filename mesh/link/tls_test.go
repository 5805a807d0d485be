package link

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
)

// What does not speak exactly our TLS does not get through its handshake.
func TestOtherTLS(t *testing.T) {
	t.Parallel()
	b := newEnd(t)
	for name, test := range map[string]struct {
		change func(*tls.Config)
		refuse bool
	}{
		"ours":               {nil, false},
		"another protocol":   {func(c *tls.Config) { c.NextProtos = []string{"h3"} }, true},
		"no protocol":        {func(c *tls.Config) { c.NextProtos = nil }, true},
		"classical keys":     {func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256} }, true},
		"another hybrid":     {func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.SecP256r1MLKEM768} }, true},
		"a certificate":      {func(c *tls.Config) { c.Certificates = []tls.Certificate{b.current.Load().certificate} }, false},
		"a name for us":      {func(c *tls.Config) { c.ServerName = "example.org" }, false},
		"a place for ticket": {func(c *tls.Config) { c.ClientSessionCache = noTickets{t} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStranger(t, "127.0.5.1")
			conn, err := s.dial(b, test.change)
			if (err != nil) != test.refuse {
				t.Fatalf("got %v, want refused: %v", err, test.refuse)
			}
			if err != nil {
				return
			}
			state := conn.ConnectionState()
			if state.TLS.Version != tls.VersionTLS13 || state.TLS.CurveID != tls.X25519MLKEM768 || state.TLS.NegotiatedProtocol != alpn {
				t.Errorf("spoke %x, %v, %q", state.TLS.Version, state.TLS.CurveID, state.TLS.NegotiatedProtocol)
			}
			if state.Used0RTT || state.TLS.DidResume || state.Version != quic.Version1 {
				t.Errorf("%+v", state)
			}
			time.Sleep(20 * time.Millisecond) // a ticket would come now
			_ = conn.CloseWithError(0, "")
		})
	}
}

// noTickets fails the test if a session could be resumed.
type noTickets struct{ t *testing.T }

func (noTickets) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (n noTickets) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		n.t.Error("a session ticket was issued")
	}
}

// A certificate tells nothing but its key, which is new.
func TestCertificateTellsNothing(t *testing.T) {
	one, err := newThrowaway(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := newThrowaway(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, d := one.certificate.Leaf, two.certificate.Leaf
	if c.Subject.String() != "" || c.Issuer.String() != "" || len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) != 0 {
		t.Errorf("names: %+v", c.Subject)
	}
	if !c.NotBefore.Equal(d.NotBefore) || !c.NotAfter.Equal(d.NotAfter) || c.NotBefore.After(time.Unix(1577836800, 0)) {
		t.Error("the validity tells when it was made")
	}
	if c.SerialNumber.Cmp(d.SerialNumber) == 0 || one.fingerprint == two.fingerprint || len(c.Raw) != len(d.Raw) {
		t.Error("two certificates are alike where they should differ, or differ in length")
	}
	if len(c.Extensions) != 0 {
		t.Errorf("extensions: %+v", c.Extensions)
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	if one.fingerprint != peer.Fingerprint(sum[:16]) {
		t.Error("the fingerprint is not the hash of the key")
	}
	if _, err := newThrowaway(bytes.NewReader(nil)); err == nil {
		t.Error("made without randomness")
	}
	if _, err := newThrowaway(bytes.NewReader(make([]byte, ed25519.SeedSize))); err == nil {
		t.Error("made without a serial number")
	}
}

// foreign is a server that speaks our TLS and nothing else of ours.
func foreign(t *testing.T, cfg *tls.Config) peer.Endpoint {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &quic.Transport{Conn: pc}
	ln, err := tr.Listen(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept(context.Background())
			if err != nil {
				return
			}
			if n := len(conn.ConnectionState().TLS.PeerCertificates); n != 0 {
				t.Errorf("the dialler showed %d certificates", n)
			}
			if stream, err := conn.AcceptStream(context.Background()); err == nil {
				_, _ = stream.Write(make([]byte, handshake.FlightSize))
			}
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		tr.Close()
		pc.Close()
		<-done
	})
	return endpointOf(pc.LocalAddr())
}

// The dialler names nobody, shows no certificate even if asked, and offers nothing but
// the hybrid key exchange.
func TestDiallerShowsNothing(t *testing.T) {
	t.Parallel()
	a := newEnd(t)
	cert, err := newThrowaway(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hello := make(chan *tls.ClientHelloInfo, 1)
	cfg := serverTLS(func() *throwaway { return cert })
	cfg.ClientAuth = tls.RequestClientCert
	cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello <- h
		return nil, nil
	}
	at := foreign(t, cfg)
	_, err = a.Dial(within(t, 10*time.Second), Target{Endpoints: []peer.Endpoint{at}, Fingerprint: &cert.fingerprint, Mode: handshake.Open})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("dialling: %v", err)
	}
	h := next(t, hello)
	if h.ServerName != "" || len(h.SupportedProtos) != 1 || h.SupportedProtos[0] != alpn {
		t.Errorf("said %q and %q", h.ServerName, h.SupportedProtos)
	}
	if len(h.SupportedCurves) != 1 || h.SupportedCurves[0] != tls.X25519MLKEM768 {
		t.Errorf("offered %v", h.SupportedCurves)
	}
}

// The dialler takes one Ed25519 certificate and no other kind.
func TestForeignCertificates(t *testing.T) {
	t.Parallel()
	a := newEnd(t)
	own, err := newThrowaway(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two := own.certificate
	two.Certificate = append([][]byte{two.Certificate[0]}, two.Certificate[0])
	for name, cert := range map[string]tls.Certificate{"of another kind": ecdsaCertificate(t), "two": two} {
		cfg := serverTLS(func() *throwaway { return &throwaway{certificate: cert} })
		at := foreign(t, cfg)
		_, err := a.Dial(within(t, 10*time.Second), Target{Endpoints: []peer.Endpoint{at}, Mode: handshake.Open})
		if err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want it refused before any flight", name, err)
		}
	}
}

func ecdsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notBefore, NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
