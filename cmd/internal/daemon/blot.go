package daemon

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
)

// Blots stand for what was taken out of a line.
const (
	blotPath    = "PATH"
	blotAddress = "ADDRESS"
	blotID      = "ID"
	blotName    = "NAME"
)

// Kinds of words that could tell a person or a machine from others.
var (
	blotPaths = regexp.MustCompile(`(?i)(?:~|\b[a-z]:)?(?:[/\\][^\s"'=:;,()]*)+`)
	blotIDs   = regexp.MustCompile(`(?i)\b(?:(?:acct|near|msg|conv|peer)-[a-z2-7]+|(?:enx)?[0-9a-f]{12,}|[a-z0-9+_-]{24,}=*|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2})`)
	blotWords = regexp.MustCompile(`[^\s"'=,;()]+`)
	blotHosts = regexp.MustCompile(`(?i)\b[a-z0-9-]+\.(?:local|lan|home|arpa|internal)\b\.?`)
)

// blot takes out of a line of the log what it should not have held anyway: paths,
// addresses, ids, keys, the machine's name, and these names of people.
func blot(line string, names []string) string {
	if host, err := os.Hostname(); err == nil {
		names = append(names[:len(names):len(names)], host)
	}
	for _, name := range names {
		line = blotWhole(line, name)
	}
	line = blotWords.ReplaceAllStringFunc(line, func(word string) string {
		if isAddress(word) {
			return blotAddress
		}
		return word
	})
	line = blotPaths.ReplaceAllString(line, blotPath)
	line = blotIDs.ReplaceAllString(line, blotID)
	return blotHosts.ReplaceAllString(line, blotName)
}

// blotWhole takes out a name where it stands as a word, in any case.
func blotWhole(line, name string) string {
	if strings.TrimSpace(name) == "" {
		return line
	}
	whole, err := regexp.Compile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(name) + `($|[^\pL\pN])`)
	if err != nil {
		return line
	}
	for whole.MatchString(line) { // two that share the sign between them take two rounds
		next := whole.ReplaceAllString(line, "${1}"+blotName+"${2}")
		if next == line {
			break
		}
		line = next
	}
	return line
}

// isAddress recognises addresses of networks, with port and zone or without.
func isAddress(word string) bool {
	word = strings.TrimSuffix(word, ":")
	if _, err := netip.ParseAddrPort(word); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(word); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(word, "[]"))
	return err == nil
}
