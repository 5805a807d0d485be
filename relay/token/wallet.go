package token

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// Contact names, to the wallet, somebody who is given tokens.
type Contact [32]byte

// Wallet holds the tokens that a persona has drawn for its community at one supernode. All days
// are by the supernode's clock. What is saved never holds a token that was taken out, as long as
// its owner saves where Take, Give and Settle say so, before anything is sent.
//
// A Wallet is not safe for concurrent use.
//
// spec: 11-tokens#wallet
type Wallet struct {
	_     [0]func() // not comparable
	state hidden[wallet]
}

type wallet struct {
	stock  stock   // what is saved
	pocket []Token // written off already, and not used yet
	drawn  uint16  // day of the last draw; 0: none
	owed   int     // tokens that contacts were to be given since, and were not
	gifts  uint16  // the day that given counts
	given  map[Contact]int
}

// NewWallet returns an empty wallet.
func NewWallet() *Wallet {
	return &Wallet{state: hide(wallet{stock: make(stock), given: make(map[Contact]int)})}
}

// Add puts the tokens of a draw in. Beyond StockMax the oldest are dropped. The owner saves
// after it.
func (w *Wallet) Add(tokens []Token, today uint16) {
	s := w.state.get()
	s.stock.expire(today)
	s.stock.add(tokens, StockMax)
	s.drawn, s.owed = today, 0
}

// Count returns how many tokens are good today.
func (w *Wallet) Count(today uint16) int {
	s := w.state.get()
	n := s.stock.count(today)
	for _, t := range s.pocket {
		if Good(t.Day(), today) {
			n++
		}
	}
	return n
}

// Take takes n tokens out for good, or none if there are not as many. Where save is true the
// wallet must be saved before they are sent: some that are saved are among them.
func (w *Wallet) Take(n int, today uint16) (tokens []Token, save bool) {
	s := w.state.get()
	s.pocket = slices.DeleteFunc(s.pocket, func(t Token) bool { return !Good(t.Day(), today) })
	if n < 1 || n > w.Count(today) {
		return nil, false
	}
	if lack := n - len(s.pocket); lack > 0 {
		s.pocket = append(s.pocket, s.stock.take(max(lack, pocketSize), today, toSpend(today))...)
		save = true
	}
	tokens, s.pocket = s.pocket[:n:n], s.pocket[n:]
	return tokens, save
}

// Settle puts back what was written off and not used, before an orderly end, and reports whether
// the wallet is to be saved.
func (w *Wallet) Settle() (save bool) {
	s := w.state.get()
	save = len(s.pocket) > 0
	s.stock.add(s.pocket, StockMax)
	s.pocket = nil
	return save
}

// Give takes out, for good, what a contact may be given today: up to GiveMax a day, and only what
// leaves a few for ourselves. The owner saves before they are sent, if there are any.
//
// spec: 11-tokens#given-tokens
func (w *Wallet) Give(to Contact, today uint16) []Token {
	s := w.state.get()
	if s.gifts != today {
		s.gifts = today
		clear(s.given)
	}
	before := s.given[to]
	if before == 0 && len(s.given) >= receiversMax {
		return nil
	}
	tokens := s.stock.take(min(GiveMax-before, w.Count(today)-reserve), today, toGive)
	if len(tokens) > 0 {
		s.given[to] = before + len(tokens)
	}
	s.owed += GiveMax - before - len(tokens)
	return tokens
}

// Wanted returns how many tokens to draw, 0 to DrawMax, while deposits that wait lack so many. now
// says that they are to be drawn at once, since somebody waits; else after Delay.
//
// spec: 11-tokens#when-to-draw
func (w *Wallet) Wanted(today uint16, lacking int) (n int, now bool) {
	switch {
	case lacking > 0:
		return min((lacking+DrawStep-1)/DrawStep*DrawStep, DrawMax), true
	case w.state.get().owed > 0:
		return min((w.state.get().owed+DrawStep-1)/DrawStep*DrawStep, DrawMax), false
	case w.state.get().drawn != today || w.Count(today) < low:
		return DrawStep, false
	}
	return 0, false
}

// Delay draws how long to wait before a draw that nobody waits for, from 8 bytes of rand: so that
// it has nothing to do with the deposits of the same moment.
//
// spec: 11-tokens#when-to-draw
func Delay(rand io.Reader) (time.Duration, error) {
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return 0, fmt.Errorf("drawing a delay: %v", err)
	}
	return DelayMin + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(DelayMax-DelayMin)), nil
}

// savedWallet is the form in which a wallet is kept.
type savedWallet struct {
	Days  []savedDay   `cbor:"1,keyasint,omitempty"`
	Drawn uint16       `cbor:"2,keyasint,omitempty"`
	Gifts uint16       `cbor:"3,keyasint,omitempty"`
	Given []savedGiven `cbor:"4,keyasint,omitempty"`
}

type savedGiven struct {
	_     struct{} `cbor:",toarray"`
	To    Contact
	Count uint8
}

// Save returns the wallet as bytes, canonical CBOR of at most 64 KiB. They hold tokens.
func (w *Wallet) Save() []byte {
	s := w.state.get()
	saved := savedWallet{Days: s.stock.save(), Drawn: s.drawn}
	if len(s.given) > 0 {
		saved.Gifts = s.gifts
	}
	for _, to := range sortedContacts(s.given) {
		saved.Given = append(saved.Given, savedGiven{To: to, Count: uint8(s.given[to])})
	}
	return marshalSaved(saved)
}

// LoadWallet reads what Save wrote.
func LoadWallet(b []byte) (*Wallet, error) {
	var saved savedWallet
	if err := unmarshalSaved(b, &saved); err != nil {
		return nil, fmt.Errorf("saved wallet: %w", err)
	}
	stock, err := loadStock(saved.Days, StockMax)
	if err != nil {
		return nil, fmt.Errorf("%w: saved wallet: %v", wire.ErrMalformed, err)
	}
	w := wallet{stock: stock, drawn: saved.Drawn, gifts: saved.Gifts, given: make(map[Contact]int, len(saved.Given))}
	for i, g := range saved.Given {
		if g.Count < 1 || g.Count > GiveMax || i >= receiversMax || i > 0 && compareContacts(saved.Given[i-1].To, g.To) >= 0 {
			return nil, fmt.Errorf("%w: saved wallet: gifts", wire.ErrMalformed)
		}
		w.given[g.To] = int(g.Count)
	}
	return &Wallet{state: hide(w)}, nil
}

// Erase forgets all tokens.
func (w *Wallet) Erase() { w.state.get().erase() }

func (s *wallet) erase() {
	for _, tokens := range s.stock {
		clear(tokens)
	}
	clear(s.stock)
	clear(s.pocket)
	s.pocket = nil
}

// Format prints "wallet" and nothing else.
func (w Wallet) Format(f fmt.State, _ rune) { fmt.Fprint(f, "wallet") }

// MarshalText returns what Format prints.
func (w Wallet) MarshalText() ([]byte, error) { return []byte("wallet"), nil }
