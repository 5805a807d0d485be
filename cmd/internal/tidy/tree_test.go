package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

const module = "sottovoce"

// tree is a parsed tree of files. Folders named testdata, bin and hidden ones are not part of it.
type tree struct {
	fsys  fs.FS
	fset  *token.FileSet
	files []*source // in lexical order of their paths
	texts []string  // paths of the other files that people write: pages, scripts, makefiles
}

// source is one Go file.
type source struct {
	path   string // slash-separated, from the root
	dir    string // the package's import path without the module: "mesh/wire"
	test   bool
	lines  int
	syntax *ast.File
}

func load(fsys fs.FS) (*tree, error) {
	t := &tree{fsys: fsys, fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skippedDir(name) {
				return fs.SkipDir
			}
			return nil
		}
		return t.add(name)
	})
	return t, err
}

func skippedDir(name string) bool {
	base := path.Base(name)
	if base == ".ci" || name == "." {
		return false
	}
	return base == "testdata" || name == "bin" || strings.HasPrefix(base, ".")
}

func (t *tree) add(name string) error {
	switch {
	case path.Ext(name) == ".go":
	case path.Ext(name) == ".md", path.Base(name) == "Makefile", strings.HasPrefix(name, ".ci/"):
		t.texts = append(t.texts, name)
		return nil
	default:
		return nil
	}
	text, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.files = append(t.files, &source{
		path:   name,
		dir:    path.Dir(name),
		test:   strings.HasSuffix(name, "_test.go"),
		lines:  strings.Count(string(text), "\n"),
		syntax: syntax,
	})
	return nil
}

// at words a finding at a place in a Go file.
func (t *tree) at(pos token.Pos, format string, args ...any) string {
	where := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d: %s", where.Filename, where.Line, fmt.Sprintf(format, args...))
}

// imported yields the import paths of a file with their places.
func (s *source) imported(yield func(string, token.Pos) bool) {
	for _, spec := range s.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err == nil && !yield(name, spec.Pos()) {
			return
		}
	}
}

// eachCall visits every call of a function of an imported package below a node, as in time.Now().
func eachCall(below ast.Node, visit func(pkg, name string, call *ast.CallExpr)) {
	ast.Inspect(below, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			if on, ok := sel.X.(*ast.Ident); ok {
				visit(on.Name, sel.Sel.Name, call)
			}
		}
		return true
	})
}
