package tidy

import (
	"go/ast"
	"slices"
	"strings"
)

// impureImports may not appear in a pure package; net/netip is the one exception below net.
var impureImports = []string{
	"net", "os", "log", "math/rand", "crypto/rand", "syscall", "golang.org/x/sys", "golang.org/x/net", "golang.org/x/time",
}

// clockCalls read or wait for the machine's clock.
var clockCalls = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}

func checkPurity(t *tree) (findings []string) {
	for _, file := range t.files {
		if file.test || !slices.Contains(pure, file.dir) {
			continue
		}
		for name, pos := range file.imported {
			if name == "net/netip" {
				continue
			}
			for _, impure := range impureImports {
				if name == impure || strings.HasPrefix(name, impure+"/") {
					findings = append(findings, t.at(pos, "a pure package imports %s", name))
				}
			}
		}
		// Not only calls: time.Now passed as a value reads the clock as well.
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.GoStmt:
				findings = append(findings, t.at(node.Pos(), "a pure package starts a goroutine"))
			case *ast.SelectorExpr:
				on, ok := node.X.(*ast.Ident)
				if ok && on.Name == "time" && slices.Contains(clockCalls, node.Sel.Name) {
					findings = append(findings, t.at(node.Pos(), "a pure package uses time.%s", node.Sel.Name))
				}
			}
			return true
		})
	}
	return findings
}
