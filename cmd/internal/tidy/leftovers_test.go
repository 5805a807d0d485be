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

// checkSkips wants words from every skipped test. Whether a skip fails with CI=true is up to the one who skips.
func checkSkips(t *tree) (findings []string) {
	for _, file := range t.files {
		file.calls(func(on, name string, call *ast.CallExpr) {
			if on != "t" && on != "b" && on != "f" && on != "tb" {
				return
			}
			wordless := len(call.Args) == 0
			if !wordless {
				word, ok := call.Args[0].(*ast.BasicLit)
				wordless = ok && (word.Value == `""` || word.Value == "``")
			}
			if name == "SkipNow" || (name == "Skip" || name == "Skipf") && wordless {
				findings = append(findings, t.at(call.Pos(), "a skip without a reason"))
			}
		})
	}
	return findings
}
