// Package session: DRAFT of signatures, bodies follow.
package session

import (
	"crypto/mlkem"
	"io"
	"iter"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

type Encapsulate func(ek *mlkem.EncapsulationKey768, rand io.Reader) (secret, ciphertext []byte, err error)

type Bundle struct{}

func ParseBundle(object []byte, keys identity.DeviceKeys, now time.Time) (*Bundle, error) { panic("draft") }
func (b *Bundle) ID() wire.Hash                                                           { panic("draft") }

type BundleSecrets struct{}

func NewBundle(dev *identity.Device, heads []wire.Hash, oneTime int, now time.Time, rand io.Reader) (*BundleSecrets, error) {
	panic("draft")
}
func LoadBundle(state []byte) (*BundleSecrets, error) { panic("draft") }
func (s *BundleSecrets) Public() []byte               { panic("draft") }
func (s *BundleSecrets) Save() []byte                 { panic("draft") }
func (s *BundleSecrets) Erase()                       { panic("draft") }

type PairConfig struct {
	Our                      *identity.Device
	OurAccount, TheirAccount identity.AccountID
	OurHeads, TheirHeads     []wire.Hash
	Their                    identity.DeviceKeys
	Secret                   [32]byte
	OurBundle                *BundleSecrets
	TheirBundle              []byte
	Encapsulate              Encapsulate // nil: the standard library's
}

type Pair struct{}

func NewPair(cfg PairConfig, now time.Time) (*Pair, error)                                      { panic("draft") }
func LoadPair(our *identity.Device, state []byte, encapsulate Encapsulate) (*Pair, error)       { panic("draft") }
func (p *Pair) Save() []byte                                                                    { panic("draft") }
func (p *Pair) Erase()                                                                          { panic("draft") }
func (p *Pair) Expire(now time.Time) (gone [][8]byte)                                           { panic("draft") } // drop skipped keys of these sessions
func (p *Pair) NeedsStart(now time.Time) bool                                                   { panic("draft") } // none yet, its blob expired unreceipted, or ResetDue
func (p *Pair) ResetDue(now time.Time) bool                                                     { panic("draft") }
func (p *Pair) Start(now time.Time, rand io.Reader) (Sealed, error)                             { panic("draft") }
func (p *Pair) Seal(now time.Time, c Content, rand io.Reader) (Sealed, error)                   { panic("draft") }
func (p *Pair) Room(class wire.Class) int                                                       { panic("draft") }
func (p *Pair) Open(now time.Time, blob []byte, ref Ref, skipped *SkippedKey) (Opened, error)   { panic("draft") }
func (p *Pair) Receipted(now time.Time, r wire.Receipt) (changed bool)                          { panic("draft") } // the node also calls it for Opened.Receipts
func (p *Pair) BundleDue(now time.Time) bool                                                    { panic("draft") } // then Content.Bundle = Offer(…)
func (p *Pair) Offer(now time.Time, rand io.Reader) ([]byte, error)                             { panic("draft") }
func (p *Pair) Tags() iter.Seq2[[16]byte, Ref]                                                  { panic("draft") }
func (p *Pair) FarTags() iter.Seq2[[16]byte, Ref]                                               { panic("draft") }
func (p *Pair) StartTags(expiryDay uint16) iter.Seq2[[16]byte, Ref]                             { panic("draft") }
func (p *Pair) DialSecret() [32]byte                                                            { panic("draft") }
func (p *Pair) AcceptSecrets() [][32]byte                                                       { panic("draft") }
func (p *Pair) Sending() (session [8]byte, ok bool)                                             { panic("draft") }
func (p *Pair) Overtaken(session [8]byte) bool                                                  { panic("draft") }

type Content struct {
	Payload  []byte
	Receipts []wire.Receipt
	Bundle   []byte
}

type Ref struct {
	Session  [8]byte
	Start    bool
	Chain, N uint32
}

type Sealed struct {
	Blob []byte
	Ref         // Session, Start, Chain, N
	Delete [16]byte
}

type Opened struct {
	Content
	Ref // Session, Start, Chain, N
	Skipped []SkippedKey
	Reseal  bool
}

type SkippedKey struct {
	Tag [16]byte
	Ref
	Key   Secret
	Until uint16 // day
}

type Secret [32]byte
