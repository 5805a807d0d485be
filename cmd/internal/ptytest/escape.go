package ptytest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// sequenceMax is the longest sequence that is waited for, in bytes: a link that is copied.
const sequenceMax = 1 << 16

// escape does what a sequence says.
func (s *Screen) escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '[':
		return s.csi(b)
	case ']':
		return s.osc(b)
	case 'M': // up, and the rows down where the cursor is at the top
		if s.y == s.top {
			s.scroll(s.top, -1)
		} else {
			s.y = max(0, s.y-1)
		}
		return 2
	}
	s.note(b[:2])
	return 2
}

// osc takes a title, a link, a notification or something for the clipboard.
func (s *Screen) osc(b []byte) int {
	end := bytes.IndexAny(b[2:], "\a\x1b")
	if end < 0 || b[2+end] == '\x1b' && len(b) < end+4 {
		if len(b) < sequenceMax {
			return 0
		}
		s.note(b[:32])
		return 2
	}
	text, n := string(b[2:2+end]), end+3
	if b[2+end] == '\x1b' {
		n++
		if b[n-1] != '\\' {
			s.note(b[:n])
			return n
		}
	}
	number, rest, _ := strings.Cut(text, ";")
	switch {
	case strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }):
		s.note(b[:n])
	case number == "2":
		s.titles = append(s.titles, rest)
	case number == "52" && strings.HasPrefix(rest, "c;") && base64Only(rest[2:]):
	case number == "8" && (rest == ";" || strings.HasPrefix(rest, ";http://") || strings.HasPrefix(rest, ";https://")):
		s.link = rest[1:]
	case number == "9", number == "777" && strings.HasPrefix(rest, "notify;Sottovoce;"):
	default:
		s.note(b[:n])
	}
	return n
}

func base64Only(text string) bool {
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == ""
}

// csi reads one control sequence: ESC [ parameters, intermediates, a final.
func (s *Screen) csi(b []byte) int {
	n := 2
	for n < len(b) && b[n] >= 0x20 && b[n] < 0x40 {
		n++
	}
	switch {
	case n == len(b) && n < sequenceMax:
		return 0
	case n == len(b) || b[n] < 0x40 || b[n] > 0x7e:
		s.note(b[:min(n, 32)])
		return n
	}
	body, final := string(b[2:n]), b[n]
	if !s.asks(body, final) && !s.sets(body, final) && !s.moves(body, final) {
		s.note(b[:n+1])
	}
	return n + 1
}

// asks tells of a question to the terminal, of keys to be told in more detail and of the shape of the cursor.
func (s *Screen) asks(body string, final byte) bool {
	switch final {
	case 'p':
		return body == "?2026$" || body == "?2027$"
	case 'u':
		return body == "?" || strings.HasPrefix(body, ">") || strings.HasPrefix(body, "<") || strings.HasPrefix(body, "=")
	case 'm':
		return body == ">4;2" || body == ">4"
	case 'q':
		return strings.HasSuffix(body, " ")
	case 'W':
		return body == "?5" // tabs every eight columns
	}
	return false
}

// sets turns modes on and off.
func (s *Screen) sets(body string, final byte) bool {
	if final != 'h' && final != 'l' {
		return false
	}
	numbers, known := strings.CutPrefix(body, "?")
	allowed := public
	if known {
		allowed = private
	}
	for _, number := range strings.Split(numbers, ";") {
		mode, err := strconv.Atoi(number)
		if err != nil || !slices.Contains(allowed, mode) {
			return false
		}
		if known {
			s.turn(mode, final == 'h')
		}
	}
	return true
}

func (s *Screen) turn(mode int, on bool) {
	if mode == AltScreen && on != s.modes[mode] {
		if on {
			s.before, s.rows = s.rows, fit(nil, s.width, s.height)
		} else {
			s.rows, s.before = s.before, nil
		}
		s.x, s.y = 0, 0
	}
	s.modes[mode] = on
}

// moves moves the cursor, erases, or changes how characters look.
func (s *Screen) moves(body string, final byte) bool {
	if strings.Trim(body, "0123456789;:") != "" {
		return false
	}
	first, second, _ := strings.Cut(body, ";")
	n, _ := strconv.Atoi(first) // none is 0
	m, _ := strconv.Atoi(second)
	by := max(n, 1)
	s.x = min(s.x, s.width-1+btoi(final == 'm'))
	switch final {
	case 'm':
	case 'A':
		s.y = max(0, s.y-by)
	case 'B':
		s.y = min(s.height-1, s.y+by)
	case 'C':
		s.x = min(s.width-1, s.x+by)
	case 'D':
		s.x = max(0, s.x-by)
	case 'Z':
		s.x = max(0, (s.x+tabStop-1)/tabStop-by) * tabStop
	case 'G':
		s.x = min(s.width, by) - 1
	case 'd':
		s.y = min(s.height, by) - 1
	case 'H':
		s.y, s.x = min(s.height, by)-1, min(s.width, max(m, 1))-1
	case 'r':
		s.top, s.bottom, s.x, s.y = by-1, s.height-1, 0, 0
		if m > 0 {
			s.bottom = min(m, s.height) - 1
		}
	case 'S':
		s.scroll(s.top, by)
	case 'T':
		s.scroll(s.top, -by)
	case 'L':
		s.scroll(s.y, -by)
	case 'M':
		s.scroll(s.y, by)
	default:
		return s.erases(n, by, final)
	}
	return true
}

// erases takes cells away, or moves those at the right of the cursor.
func (s *Screen) erases(n, by int, final byte) bool {
	row := s.rows[s.y]
	by = min(by, s.width-s.x)
	switch final {
	case 'J':
		switch n {
		case 0:
			s.wipe(s.x, s.width)
			copy(s.rows[s.y+1:], fit(nil, s.width, s.height-s.y-1))
		case 2:
			copy(s.rows, fit(nil, s.width, s.height))
		default:
			return false
		}
	case 'K':
		switch n {
		case 0:
			s.wipe(s.x, s.width)
		case 1:
			s.wipe(0, s.x+1)
		case 2:
			s.wipe(0, s.width)
		default:
			return false
		}
	case 'X':
		s.wipe(s.x, s.x+by)
	case 'P':
		copy(row[s.x:], row[s.x+by:])
		s.wipe(s.width-by, s.width)
	case '@':
		copy(row[s.x+by:], row[s.x:])
		s.wipe(s.x, s.x+by)
	default:
		return false
	}
	return true
}

func (s *Screen) wipe(from, to int) {
	for x := from; x < to; x++ {
		s.set(x, " ")
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
