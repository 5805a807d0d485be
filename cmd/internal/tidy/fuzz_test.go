package tidy

import (
	"fmt"
	"go/ast"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// parsersFile says which fuzz target covers which parser, one pair a line: "folder:Function folder.FuzzTarget", or
// "folder:Function - reason" for one that needs none. It may also name functions that are no parsers by checkFuzz's
// rule, as the step of a state machine.
const parsersFile = "cmd/internal/tidy/testdata/parsers.txt"

// reads are the beginnings of names of functions that make something of bytes, and parses of those that make something
// of text.
var (
	reads  = regexp.MustCompile(`^(?i:parse|decode|unmarshal|decompress|unpack|unpad|load|read|open|verify|restore)`)
	parses = regexp.MustCompile(`^(?i:parse|decode|unmarshal)`)
	// plain are methods that fill a buffer of the caller and look at nothing.
	plain = regexp.MustCompile(`^Read(At|From|Full)?$`)
)

// checkFuzz wants a fuzz target for every function that reads what may come from somewhere else, and every target named.
func checkFuzz(t *tree) (findings []string) {
	parsers, functions, targets := t.parsers()
	text, err := fs.ReadFile(t.fsys, parsersFile)
	if err != nil {
		return []string{err.Error()}
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parser, target, _ := strings.Cut(line, " ")
		if named[parser], named[target] = true, true; !functions[parser] {
			findings = append(findings, fmt.Sprintf("parsers.txt: there is no %s", parser))
		}
		if !slices.Contains(targets, target) && !strings.HasPrefix(target, "- ") {
			findings = append(findings, fmt.Sprintf("parsers.txt: there is no fuzz target %q", target))
		}
	}
	for _, parser := range parsers {
		if !named[parser] {
			findings = append(findings, parser+" has no fuzz target: write one and add a line to testdata/parsers.txt")
		}
	}
	for _, target := range targets {
		if !named[target] {
			findings = append(findings, target+" is not in testdata/parsers.txt: add a line that says what it covers")
		}
	}
	return findings
}

// parsers finds, as "folder:Function", the functions that look like parsers and all functions, and as
// "folder.FuzzTarget" the fuzz targets.
func (t *tree) parsers() (parsers []string, functions map[string]bool, targets []string) {
	functions = map[string]bool{}
	for _, file := range t.files {
		for _, decl := range file.syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			switch {
			case !ok || isTestOnly(file.dir):
			case file.test:
				if strings.HasPrefix(f.Name.Name, "Fuzz") {
					targets = append(targets, file.dir+"."+f.Name.Name)
				}
			default:
				name := file.dir + ":" + functionName(f)
				functions[name] = true
				if isParser(f) && !slices.Contains(parsers, name) {
					parsers = append(parsers, name)
				}
			}
		}
	}
	return parsers, functions, targets
}

func isParser(f *ast.FuncDecl) bool {
	if plain.MatchString(f.Name.Name) {
		return false
	}
	return reads.MatchString(f.Name.Name) && takes(f, isBytes) ||
		parses.MatchString(f.Name.Name) && takes(f, func(e ast.Expr) bool { return isNamed(e, "string") })
}

func takes(f *ast.FuncDecl, kind func(ast.Expr) bool) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool { return kind(p.Type) })
}

// isBytes tells whether a type is a slice or an array of bytes, of those, or a reader of them.
func isBytes(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ArrayType:
		return isNamed(e.Elt, "byte") || isBytes(e.Elt)
	case *ast.StarExpr:
		return isBytes(e.X)
	case *ast.SelectorExpr:
		return strings.HasSuffix(e.Sel.Name, "Reader") || strings.HasSuffix(e.Sel.Name, "ReceiveStream")
	}
	return false
}

func isNamed(e ast.Expr, name string) bool {
	ident, ok := e.(*ast.Ident)
	return ok && ident.Name == name
}
