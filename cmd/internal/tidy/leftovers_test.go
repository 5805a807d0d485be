package tidy

import (
	"fmt"
	"go/ast"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// leftover finds words of unfinished work. They are put together here so that this file does not hold them.
var leftover = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "X" + "XX"}, "|") + `)\b`)

func checkLeftovers(t *tree) (findings []string) {
	paths := slices.Clone(t.texts)
	for _, file := range t.files {
		paths = append(paths, file.path)
	}
	for _, name := range paths {
		text, err := fs.ReadFile(t.fsys, name)
		if err != nil {
			return []string{err.Error()}
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if word := leftover.FindString(line); word != "" {
				findings = append(findings, fmt.Sprintf("%s:%d: %s", name, number, word))
			}
		}
	}
	return findings
}

func checkInits(t *tree) (findings []string) {
	for _, file := range t.files {
		for _, decl := range file.syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				findings = append(findings, t.at(f.Pos(), "init function"))
			}
		}
	}
	return findings
}

// checkSkips wants words from every skipped test, and that the function that skips asks for CI, where it is to fail
// instead. Vectors that lie beside the repository may be absent there too.
func checkSkips(t *tree) (findings []string) {
	for _, file := range t.files {
		for _, decl := range file.syntax.Decls {
			asks := mentions(decl, `"CI"`) || mentions(decl, "beside the repository") || mentions(decl, "rapid")
			eachCall(decl, func(on, name string, call *ast.CallExpr) {
				if !slices.Contains([]string{"t", "b", "f", "tb", "ts"}, on) || name != "Skip" && name != "Skipf" && name != "SkipNow" {
					return
				}
				wordless := len(call.Args) == 0
				if !wordless {
					word, ok := call.Args[0].(*ast.BasicLit)
					wordless = ok && (word.Value == `""` || word.Value == "``")
				}
				switch {
				case wordless:
					findings = append(findings, t.at(call.Pos(), "a skip without a reason"))
				case !asks:
					findings = append(findings, t.at(call.Pos(), "a skip that CI=true does not turn into a failure"))
				}
			})
		}
	}
	return findings
}

// mentions tells whether an identifier or a literal below a node contains a text.
func mentions(node ast.Node, text string) (found bool) {
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			found = found || n.Name == text
		case *ast.BasicLit:
			found = found || strings.Contains(n.Value, text)
		}
		return !found
	})
	return found
}
