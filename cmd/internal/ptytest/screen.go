package ptytest

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

const (
	// AltScreen, CursorShown, Mouse, Focus and Paste are modes of a terminal that a face turns on or off (DECSET).
	AltScreen, CursorShown, Mouse, Focus, Paste = 1049, 25, 1002, 1004, 2004
	autoWrap                                    = 7
	// strangeMax is how many sequences that nobody knows are noted.
	strangeMax = 20
	// tabStop is how far tabs go.
	tabStop = 8
)

// ours are the modes that our programs may set, private ones and others.
var (
	private = []int{AltScreen, CursorShown, Mouse, Focus, Paste, 1003, 1006, 2026, 2027, autoWrap}
	public  = []int{4, 8} // insert; who orders what is read from right to left
)

// Screen is what a terminal shows of the bytes written to it. It is safe for concurrent use.
type Screen struct {
	mu      sync.Mutex
	grown   chan struct{} // closed and made anew by each write
	width   int
	height  int
	rows    [][]string // a cell is a character with its marks; the right half of a wide one is empty
	before  [][]string // what the usual screen showed when the alternate one was taken
	x, y    int        // x is width where the next character goes on in the next row
	top     int
	bottom  int
	modes   map[int]bool
	titles  []string
	link    string // of what is printed now
	strange []string
	rest    []byte
	bytes   int
}

// NewScreen makes an empty one.
func NewScreen(columns, rows int) *Screen {
	s := &Screen{modes: map[int]bool{CursorShown: true, autoWrap: true}, grown: make(chan struct{})}
	s.Resize(columns, rows)
	return s
}

// Resize changes its size; what does not fit any more is gone.
func (s *Screen) Resize(columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width, s.height = columns, rows
	s.rows = fit(s.rows, columns, rows)
	if s.before != nil {
		s.before = fit(s.before, columns, rows)
	}
	s.x, s.y, s.top, s.bottom = min(s.x, columns-1), min(s.y, rows-1), 0, rows-1
}

func fit(rows [][]string, columns, n int) [][]string {
	out := make([][]string, n)
	for y := range out {
		out[y] = slices.Repeat([]string{" "}, columns)
		if y < len(rows) {
			copy(out[y], rows[y])
		}
	}
	return out
}

// Write takes in what a program writes.
func (s *Screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += len(b)
	all := append(s.rest, b...)
	for len(all) > 0 {
		n := s.take(all)
		if n == 0 {
			break
		}
		all = all[n:]
	}
	s.rest = slices.Clone(all)
	close(s.grown)
	s.grown = make(chan struct{})
	return len(b), nil
}

// take does what the first sequence or character says and tells how long it is; 0 where more is to come.
func (s *Screen) take(b []byte) int {
	switch c := b[0]; {
	case c == '\x1b':
		return s.escape(b)
	case c < ' ' || c == 0x7f:
		s.control(c)
		return 1
	case !utf8.FullRune(b):
		return 0
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 || r >= 0x80 && r < 0xa0 {
		s.note(b[:n])
		return n
	}
	if s.link != "" && !strings.ContainsRune(s.link, r) { // what is seen is where it leads
		s.note([]byte(s.link + " under " + string(r)))
	}
	s.print(string(r))
	return n
}

func (s *Screen) note(b []byte) {
	if len(s.strange) < strangeMax {
		s.strange = append(s.strange, strconv.Quote(string(b)))
	}
}

func (s *Screen) control(c byte) {
	switch c {
	case '\r':
		s.x = 0
	case '\n':
		s.x = min(s.x, s.width-1)
		s.down()
	case '\b':
		s.x = max(0, min(s.x, s.width-1)-1)
	case '\t':
		s.x = min(s.width-1, (s.x/tabStop+1)*tabStop)
	case '\a':
	default:
		s.note([]byte{c})
	}
}

func (s *Screen) down() {
	if s.y == s.bottom {
		s.scroll(s.top, 1)
	} else {
		s.y = min(s.y+1, s.height-1)
	}
}

// scroll moves the rows from one to the lower margin up by n, down where n is negative.
func (s *Screen) scroll(from, n int) {
	if from > s.bottom {
		return
	}
	part, count := s.rows[from:s.bottom+1], s.bottom+1-from
	n = max(-count, min(count, n))
	fresh := fit(nil, s.width, max(n, -n))
	if n >= 0 {
		copy(part, part[n:])
		copy(part[count-n:], fresh)
	} else {
		copy(part[-n:], part[:count+n])
		copy(part, fresh)
	}
}

// print puts a character where the cursor is; one without a width of its own joins the one before.
func (s *Screen) print(c string) {
	w := ansi.StringWidthWc(c)
	if w == 0 {
		if x := s.x - 1; x >= 0 {
			for x > 0 && s.rows[s.y][x] == "" {
				x--
			}
			s.rows[s.y][x] += c
		}
		return
	}
	switch {
	case s.x+w <= s.width:
	case s.modes[autoWrap]:
		s.x = 0
		s.down()
	default:
		s.x = s.width - w
	}
	for i := range w {
		s.set(s.x+i, " ")
	}
	s.rows[s.y][s.x] = c
	for i := 1; i < w; i++ {
		s.rows[s.y][s.x+i] = ""
	}
	s.x += w
}

// set changes a cell; half a wide character is none.
func (s *Screen) set(x int, c string) {
	row := s.rows[s.y]
	if row[x] == "" && x > 0 {
		row[x-1] = " "
	}
	if x+1 < s.width && row[x+1] == "" {
		row[x+1] = " "
	}
	row[x] = c
}

// Text is what it shows, row by row, without the spaces at the ends.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text()
}

func (s *Screen) text() string {
	var b strings.Builder
	for _, row := range s.rows {
		b.WriteString(strings.TrimRight(strings.Join(row, ""), " ") + "\n")
	}
	return b.String()
}

// Has tells whether a mode is on.
func (s *Screen) Has(mode int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modes[mode]
}

// Strange is what was written that none of our programs has a reason to write.
func (s *Screen) Strange() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.strange)
}

// Titles are those that the window was given.
func (s *Screen) Titles() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.titles)
}

// Bytes is how many were written.
func (s *Screen) Bytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Await waits until the screen is as wanted, for so long; what it shows in the end is returned.
func (s *Screen) Await(limit time.Duration, as func(text string) bool) (text string, ok bool) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		text, grown := s.text(), s.grown
		s.mu.Unlock()
		if as(text) {
			return text, true
		}
		select {
		case <-grown:
		case <-timeout.C:
			return text, false
		}
	}
}
