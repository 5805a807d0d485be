package link

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"sottovoce/mesh/peer"
)

// The same for everybody, so that a certificate tells nothing. spec: 03-links#certificate
var (
	notBefore = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2120, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// throwaway is the TLS identity of a transport between two calls of Rotate.
type throwaway struct {
	certificate tls.Certificate
	fingerprint peer.Fingerprint
}

// newThrowaway makes a self-signed Ed25519 certificate with no names and a random serial.
func newThrowaway(rand io.Reader) (*throwaway, error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("our certificate: %v", err)
	}
	key := ed25519.NewKeyFromSeed(seed[:])
	clear(seed[:])
	var serial [16]byte
	if _, err := io.ReadFull(rand, serial[:]); err != nil {
		return nil, fmt.Errorf("our certificate: %v", err)
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive, and of one length
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		Subject:      pkix.Name{},
		NotBefore:    notBefore,
		NotAfter:     notAfter,
	}
	der, err := x509.CreateCertificate(rand, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("our certificate: %v", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("our certificate: %v", err)
	}
	return &throwaway{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		fingerprint: fingerprintOf(leaf),
	}, nil
}

func fingerprintOf(leaf *x509.Certificate) peer.Fingerprint {
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return peer.Fingerprint(sum[:len(peer.Fingerprint{})])
}

// serverTLS answers with whatever certificate current returns.
// spec: 03-links#tls
func serverTLS(current func() *throwaway) *tls.Config {
	c := commonTLS()
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &current().certificate, nil }
	c.ClientAuth = tls.NoClientCert
	return c
}

// clientTLS accepts the certificate with the given fingerprint, any if it is nil: then
// the handshake inside is the only proof, as it is in any case the only proof of who.
// spec: 03-links#tls
func clientTLS(want *peer.Fingerprint) *tls.Config {
	c := commonTLS()
	c.InsecureSkipVerify = true // there is no authority; VerifyConnection below decides
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) != 1 {
			return errors.New("they sent more than one certificate")
		}
		leaf := state.PeerCertificates[0]
		if _, ok := leaf.PublicKey.(ed25519.PublicKey); !ok {
			return errors.New("their certificate is not of Ed25519")
		}
		if want == nil {
			return nil
		}
		if got := fingerprintOf(leaf); subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return ErrFingerprint
		}
		return nil
	}
	return c
}

func commonTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519MLKEM768},
		NextProtos:             []string{alpn},
		SessionTicketsDisabled: true,
	}
}
