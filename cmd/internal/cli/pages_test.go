package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shown are the command lines of pages: in a block, perhaps behind a prompt; as another user; in a unit.
var shown = regexp.MustCompile(`(?:^ {4,}(?:[a-z0-9]*[$] )?|-u sottovoce |echo-bot -- |ExecStart=/usr/(?:local/)?bin/)sottovoce( .*)?$`)

// named are those in the middle of a sentence, some without the program's name, or what a command cannot do without.
var named = regexp.MustCompile("`(?:sottovoce( [^`]*)?|((?:up|add|send|log|me|supernode|community|backup|export|invite)(?: [^`]*)? --[^`]+))`")

// lacks is in an error about a command that is not whole.
var lacks = regexp.MustCompile(`missing|expect`)

// TestPages: every command that a page shows is one that we have, with flags that it has.
func TestPages(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	lines := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && path != "." || entry.Name() == "testdata" || entry.Name() == "bin"):
			return fs.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		page, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(page)) {
			line = strings.TrimSuffix(line, "\n")
			for _, found := range append(shown.FindAllStringSubmatch(line, -1), named.FindAllStringSubmatch(line, -1)...) {
				words := wordsOf(strings.Join(found[1:], ""))
				_, _, err := newParser(&grammar{}).Parse(words)
				short := len(found) > 2 && err != nil && lacks.MatchString(err.Error())
				if err != nil && !short && !slices.Contains(words, "COMMAND") {
					t.Errorf("%s shows %s: %v", path, found[0], err)
				}
				lines++
			}
		}
		return nil
	})
	if err != nil || lines < 100 {
		t.Fatalf("%d commands on the pages, %v", lines, err)
	}
	t.Log(lines, "commands")
}

// wordOf is a word of a shell's command line, or what ends the command.
var wordOf = regexp.MustCompile(`"[^"]*"|'[^']*'|[|&<>#]|[^\s"'|&<>]+`)

// wordsOf are the words behind the program's name as a shell takes them apart.
func wordsOf(line string) (words []string) {
	for _, word := range wordOf.FindAllString(line, -1) {
		if strings.Contains("|&<>#", word) {
			break
		}
		words = append(words, strings.Trim(word, `"'`))
	}
	return words
}
