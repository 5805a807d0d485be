package tidy

import (
	"fmt"
	"go/ast"
	"io/fs"
	"strconv"
	"strings"
)

const (
	fileLinesMax     = 500
	functionLinesMax = 70

	ratchetFile = "cmd/internal/tidy/testdata/ratchet.txt"
)

// checkRatchet holds files and functions to their size. The ratchet file lists the exceptions, one a line:
// "path lines reason" or "path:Function lines reason". An exception may shrink but not grow, and one that is no
// longer needed must go.
func checkRatchet(t *tree) (findings []string) {
	sizes := t.sizes()
	excepted := map[string]bool{}
	text, err := fs.ReadFile(t.fsys, ratchetFile)
	if err != nil {
		return []string{err.Error()}
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		number, reason, _ := strings.Cut(rest, " ")
		allowed, err := strconv.Atoi(number)
		if err != nil || reason == "" {
			findings = append(findings, fmt.Sprintf("ratchet: %q is not \"name lines reason\"", line))
			continue
		}
		excepted[name] = true
		switch size := sizes[name]; {
		case size <= limitOf(name):
			findings = append(findings, fmt.Sprintf("ratchet: %s is no longer needed", name))
		case size < allowed:
			findings = append(findings, fmt.Sprintf("ratchet: %s has shrunk to %d lines, say so", name, size))
		case size > allowed:
			findings = append(findings, fmt.Sprintf("%s has grown from %d to %d lines", name, allowed, size))
		}
	}
	for name, size := range sizes {
		if limit := limitOf(name); size > limit && !excepted[name] {
			findings = append(findings, fmt.Sprintf("%s has %d lines, more than %d", name, size, limit))
		}
	}
	return findings
}

func limitOf(name string) int {
	if strings.HasSuffix(name, ".go") {
		return fileLinesMax
	}
	return functionLinesMax
}

// sizes returns the lines of every file ("a/b.go") and function ("a/b.go:F" or "a/b.go:T.F").
func (t *tree) sizes() map[string]int {
	sizes := map[string]int{}
	for _, file := range t.files {
		if ast.IsGenerated(file.syntax) {
			continue
		}
		sizes[file.path] = file.lines
		for _, decl := range file.syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				first, last := t.fset.Position(f.Pos()).Line, t.fset.Position(f.End()).Line
				sizes[file.path+":"+functionName(f)] = last - first + 1
			}
		}
	}
	return sizes
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
