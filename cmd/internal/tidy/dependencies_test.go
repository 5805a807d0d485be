package tidy

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// topLevel is what may stand at the root, beside dotfiles and what git ignores.
var topLevel = []string{
	"cmd", "mesh", "discovery", "relay", "docs", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "bin",
}

func checkTopLevel(t *tree) (findings []string) {
	entries, err := fs.ReadDir(t.fsys, ".")
	if err != nil {
		return []string{err.Error()}
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) {
			findings = append(findings, name+": not one of the agreed top-level entries")
		}
	}
	return findings
}

var requirement = regexp.MustCompile(`^(?:require )?([a-z0-9.-]+\.[a-z]+/\S+|[a-z0-9.-]+\.[a-z]+) v\S+$`)

// checkDependencies wants every direct requirement of go.mod named, as `module`, in docs/dependencies.md. The page may
// name more: a library is agreed upon before the first import.
func checkDependencies(t *tree) (findings []string) {
	mod, err := fs.ReadFile(t.fsys, "go.mod")
	if err != nil {
		return []string{err.Error()}
	}
	page, err := fs.ReadFile(t.fsys, "docs/dependencies.md")
	if err != nil {
		return []string{err.Error()}
	}
	for line := range strings.Lines(string(mod)) {
		found := requirement.FindStringSubmatch(strings.TrimSpace(line)) // an indirect one ends in a comment
		if found != nil && !strings.Contains(string(page), "`"+found[1]+"`") {
			findings = append(findings, fmt.Sprintf("docs/dependencies.md does not name %s", found[1]))
		}
	}
	return findings
}
