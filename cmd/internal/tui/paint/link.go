package paint

import "strings"

// addressMax is the longest address that becomes a link, in bytes: terminals take twice as many, and each row of one repeats it.
const addressMax = 1000

// Linked cuts the rows that Wrap has made of a safe text where addresses of pages begin and end. Those are links then, to what is
// seen and to nothing else: plain ASCII, nobody's name before the host, whole in a text that is read from left to right.
func Linked(text string, rows []string) []Line {
	lines := make([]Line, len(rows))
	for i, row := range rows {
		lines[i] = Text(Plain, row)
	}
	all := addresses(text)
	if len(all) == 0 || turns(text) {
		return lines
	}
	at := 0
	for i, row := range rows {
		skipped := strings.Index(text[at:], row) // the spaces and the newline between two rows
		if skipped < 0 {
			return lines
		}
		from := at + skipped
		at = from + len(row)
		lines[i] = nil
		for _, a := range all {
			begin, end := max(a.begin, from), min(a.end, at)
			if begin >= end {
				continue
			}
			lines[i] = append(lines[i], Span{Text: text[from:begin]}, Span{Text: text[begin:end], link: text[a.begin:a.end]})
			from = end
		}
		lines[i] = append(lines[i], Span{Text: text[from:at]})
	}
	return lines
}

// IsLink tells whether a span is one, or a part of one.
func (s Span) IsLink() bool { return s.link != "" }

// address is where one stands in a text.
type address struct{ begin, end int }

// addresses finds what may become a link.
func addresses(text string) (all []address) {
	for from := 0; ; {
		at := strings.Index(text[from:], "://")
		if at < 0 {
			return all
		}
		behind := from + at + len("://")
		begin := strings.LastIndexFunc(text[from:from+at], func(r rune) bool { return r < 'a' || r > 'z' }) + 1 + from
		scheme := text[begin : from+at]
		end := behind
		for end < len(text) && isAddress(text[end]) {
			end++
		}
		from = end
		whole := end == len(text) || text[end] < 0x80 // a mark on its last letter would not be in it
		end = behind + len(strings.TrimRight(text[behind:end], ".,:;!?'*_~)]"))
		host, _, _ := strings.Cut(text[behind:end], "/")
		alone := begin == 0 || !isWord(text[begin-1])
		if (scheme == "http" || scheme == "https") && alone && whole && host != "" && !strings.Contains(host, "@") && end-begin <= addressMax {
			all = append(all, address{begin, end})
		}
	}
}

// isAddress tells of the characters of an address.
func isAddress(c byte) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune("\"<>\\^`{|}", rune(c))
}

// isWord tells of what, before a scheme, makes it another one.
func isWord(c byte) bool {
	return c >= 0x80 || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '+' || c == '-' || c == '.'
}
