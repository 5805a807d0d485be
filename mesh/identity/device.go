package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"io"

	"sottovoce/mesh/peer"
)

// keyPairs are an Ed25519 and an X25519 private key made from one seed.
type keyPairs struct {
	seed  [64]byte
	sign  ed25519.PrivateKey
	agree *ecdh.PrivateKey
}

func newKeyPairs(seed [64]byte) keyPairs {
	agree, err := ecdh.X25519().NewPrivateKey(seed[32:])
	if err != nil {
		panic(fmt.Sprintf("identity: x25519 takes any 32 bytes: %v", err))
	}
	return keyPairs{seed: seed, sign: ed25519.NewKeyFromSeed(seed[:32]), agree: agree}
}

func (k *keyPairs) publicAgree() [32]byte { return [32]byte(k.agree.PublicKey().Bytes()) }

// erase zeroes what this package holds; the copy inside crypto/ecdh goes with
// the garbage collector.
func (k *keyPairs) erase() {
	clear(k.seed[:])
	clear(k.sign)
	k.agree = nil
}

// Device holds the private keys of this installation. They are never shared
// with another one. It is not usable after Erase.
//
// spec: 01-identity#device
type Device struct {
	_    [0]func() // not comparable
	keys hidden[keyPairs]
	pub  DeviceKeys
}

// NewDevice draws 64 bytes from rand.
func NewDevice(rand io.Reader) (*Device, error) {
	var seed DeviceSeed
	defer seed.Erase()
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("drawing device keys: %v", err)
	}
	return DeviceFromSeed(seed), nil
}

// DeviceFromSeed makes the device whose Seed returned seed.
func DeviceFromSeed(seed DeviceSeed) *Device {
	keys := newKeyPairs(seed)
	return &Device{keys: hide(keys), pub: DeviceKeys{Sign: publicSign(keys.sign), Agree: keys.publicAgree()}}
}

// Seed returns what DeviceFromSeed takes, for the key file.
func (d *Device) Seed() DeviceSeed { return d.keys.get().seed }

// Public returns the public keys.
func (d *Device) Public() DeviceKeys { return d.pub }

// ID returns the peer id.
func (d *Device) ID() peer.ID { return d.pub.ID() }

// SignKey returns the Ed25519 private key. It shares memory with d.
func (d *Device) SignKey() ed25519.PrivateKey { return d.keys.get().sign }

// AgreeKey returns the X25519 private key.
func (d *Device) AgreeKey() *ecdh.PrivateKey { return d.keys.get().agree }

// AgreeSecret returns the X25519 private key in bytes, for the link handshake.
func (d *Device) AgreeSecret() AgreeSecret { return AgreeSecret(d.keys.get().seed[32:]) }

// Erase zeroes the private keys.
func (d *Device) Erase() { d.keys.get().erase() }

// Format prints the peer id only.
func (d Device) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.pub.ID()) }

// MarshalText returns the peer id only.
func (d Device) MarshalText() ([]byte, error) { return []byte(d.pub.ID().String()), nil }

// OpenProfile holds the private keys behind a nickname: random per network and
// renewed with the handle, unrelated to device and account. It is not usable
// after Erase.
//
// spec: 01-identity#open-profile
type OpenProfile struct {
	_    [0]func() // not comparable
	keys hidden[keyPairs]
	pub  OpenKeys
}

// NewOpenProfile draws 64 bytes from rand.
func NewOpenProfile(rand io.Reader) (*OpenProfile, error) {
	var seed OpenSeed
	defer seed.Erase()
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("drawing open profile keys: %v", err)
	}
	return OpenProfileFromSeed(seed), nil
}

// OpenProfileFromSeed makes the profile whose Seed returned seed.
func OpenProfileFromSeed(seed OpenSeed) *OpenProfile {
	keys := newKeyPairs(seed)
	return &OpenProfile{keys: hide(keys), pub: OpenKeys{Sign: publicSign(keys.sign), Agree: keys.publicAgree()}}
}

// Seed returns what OpenProfileFromSeed takes, for the key file.
func (p *OpenProfile) Seed() OpenSeed { return p.keys.get().seed }

// Public returns the public keys.
func (p *OpenProfile) Public() OpenKeys { return p.pub }

// SignKey returns the Ed25519 private key. It shares memory with p.
func (p *OpenProfile) SignKey() ed25519.PrivateKey { return p.keys.get().sign }

// AgreeSecret returns the X25519 private key in bytes, for the link handshake.
func (p *OpenProfile) AgreeSecret() AgreeSecret { return AgreeSecret(p.keys.get().seed[32:]) }

// Erase zeroes the private keys.
func (p *OpenProfile) Erase() { p.keys.get().erase() }

// Format prints the handle only.
func (p OpenProfile) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.pub.Handle()) }

// MarshalText returns the handle only.
func (p OpenProfile) MarshalText() ([]byte, error) { return []byte(p.pub.Handle().String()), nil }

// Root holds the private key of an account. It is not usable after Erase.
//
// spec: 01-identity#account
type Root struct {
	_    [0]func() // not comparable
	seed hidden[RootSeed]
	pub  [32]byte
}

// NewRoot draws 32 bytes from rand.
func NewRoot(rand io.Reader) (*Root, error) {
	var seed RootSeed
	defer seed.Erase()
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("drawing an account root: %v", err)
	}
	return RootFromSeed(seed), nil
}

// RootFromSeed makes the root whose Seed returned seed.
func RootFromSeed(seed RootSeed) *Root {
	return &Root{seed: hide(seed), pub: publicSign(ed25519.NewKeyFromSeed(seed[:]))}
}

// Seed returns what RootFromSeed takes, for the key file and for words on paper.
func (r *Root) Seed() RootSeed { return *r.seed.get() }

// Public returns the Ed25519 public key.
func (r *Root) Public() [32]byte { return r.pub }

// Erase zeroes the private key.
func (r *Root) Erase() { r.seed.get().Erase() }

// key makes the private key anew; it lives as long as one signature.
func (r *Root) key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(r.seed.get()[:]) }

// Format prints "account root".
func (r Root) Format(f fmt.State, _ rune) { fmt.Fprint(f, "account root") }

// MarshalText returns "account root".
func (r Root) MarshalText() ([]byte, error) { return []byte("account root"), nil }
