package jetstream

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// nameDefault is what a store is called in its cluster where the address does not say.
const nameDefault = "sottovoce"

// nameForm is what names of streams and subjects may be made of.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// address is where a store is: the servers, and its name there. It may hold a password and is not for printing.
type address struct {
	servers []string // with scheme, and whom to log in as
	name    string
}

// String shows nothing of who logs in.
func (a address) String() string { return "the store " + a.name }

// errAddress says how an address looks; what was given may hold a password.
var errAddress = errors.New("the address of a store looks like nats://HOST1,HOST2,HOST3 or tls://HOST1,HOST2,HOST3, with [USER:PASSWORD@] before the hosts, [:PORT] behind each and [/NAME] at the end")

// parseAddress reads the address of a store.
func parseAddress(s string) (address, error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || scheme != "nats" && scheme != "tls" {
		return address{}, errAddress
	}
	rest, name, named := strings.Cut(rest, "/")
	if !named || name == "" {
		name = nameDefault
	}
	user := ""
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, rest = rest[:at+1], rest[at+1:]
	}
	a := address{name: name}
	for host := range strings.SplitSeq(rest, ",") {
		u, err := url.Parse(scheme + "://" + user + host)
		if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return address{}, errAddress
		}
		a.servers = append(a.servers, u.String())
	}
	if !nameForm.MatchString(name) {
		return address{}, errAddress
	}
	return a, nil
}

// CheckAddress finds out whether an address of a store can be one, without asking anybody.
func CheckAddress(s string) error {
	_, err := parseAddress(s)
	return err
}

// credentials are the options by which a file lets us in. It may also hold what files are sealed by.
func (s *server) credentials(file string) ([]nats.Option, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials of the store: %w", err)
	}
	defer clear(b)
	if s.seal, err = newSeal(b, s.name); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	options, err := parseCredentials(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	switch {
	case strings.Contains(string(b), "BEGIN NATS USER JWT"):
		options = append(options, nats.UserCredentials(file))
	case strings.Contains(string(b), "BEGIN USER NKEY SEED"):
		key, err := nats.NkeyOptionFromSeed(file)
		if err != nil {
			return nil, fmt.Errorf("%s holds no key of a NATS user", file)
		}
		options = append(options, key)
	}
	return options, nil
}

// errCredentials says what a file of credentials may hold, and nothing of what it does.
var errCredentials = errors.New("holds neither the credentials of a NATS user, nor certificates in PEM, nor one line USER:PASSWORD, nor a " + keyBlock)

// parseCredentials reads a file of credentials: what a NATS user is given as .creds, the certificate of the authority that vouches for the servers,
// a certificate of our own with its key, or one line with user and password; several of them may stand one after the other, what files are sealed by
// as the last.
func parseCredentials(b []byte) (options []nats.Option, err error) {
	before, _, sealed := strings.Cut(string(b), "-----BEGIN "+keyBlock)
	if line := strings.TrimSpace(before); !strings.ContainsAny(line, "\n\r ") {
		if user, password, found := strings.Cut(line, ":"); found && user != "" {
			return []nats.Option{nats.UserInfo(user, password)}, nil
		}
		if sealed && line == "" {
			return nil, nil
		}
		return nil, errCredentials
	}
	var authorities, own, key []byte
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, errors.New("holds a certificate that cannot be read")
			}
			if certificate.IsCA {
				authorities = append(authorities, pem.EncodeToMemory(block)...)
			} else {
				own = append(own, pem.EncodeToMemory(block)...)
			}
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			key = pem.EncodeToMemory(block)
			defer clear(key)
		}
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(authorities) > 0 {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(authorities)
	}
	if len(own) > 0 || len(key) > 0 {
		pair, err := tls.X509KeyPair(own, key)
		if err != nil {
			return nil, errors.New("holds a certificate and a key that do not belong together")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if c.RootCAs != nil || c.Certificates != nil {
		return []nats.Option{nats.Secure(c)}, nil
	}
	if !slices.ContainsFunc([]string{"BEGIN NATS USER JWT", "BEGIN USER NKEY SEED"}, func(s string) bool { return strings.Contains(string(b), s) }) {
		return nil, errCredentials
	}
	return nil, nil
}
