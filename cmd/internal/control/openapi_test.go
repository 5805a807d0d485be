package control_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sottovoce/cmd/internal/control"
)

// document is docs/openapi.json.
type document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       map[string]string                `json:"info"`
	Servers    []map[string]string              `json:"servers"`
	Paths      map[string]map[string]*operation `json:"paths"`
	Components struct {
		Responses map[string]*response `json:"responses"`
		Schemas   map[string]*schema   `json:"schemas"`
	} `json:"components"`
}

// operation is one method of one path.
type operation struct {
	Summary     string               `json:"summary"`
	Description string               `json:"description"`
	Parameters  []parameter          `json:"parameters"`
	RequestBody *requestBody         `json:"requestBody"`
	Responses   map[string]*response `json:"responses"`
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Required    bool    `json:"required"`
	Description string  `json:"description"`
	Schema      *schema `json:"schema"`
}

type requestBody struct {
	Required bool               `json:"required"`
	Content  map[string]content `json:"content"`
}

type response struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Content     map[string]content `json:"content"`
}

type content struct {
	Schema *schema `json:"schema"`
}

func readDocument(t *testing.T) *document {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(readDoc(t, "openapi.json")))
	d.DisallowUnknownFields()
	doc := new(document)
	if err := d.Decode(doc); err != nil {
		t.Fatalf("docs/openapi.json: %v", err)
	}
	return doc
}

func readDoc(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// described lists the operations as "METHOD /path".
func (d *document) described() map[string]*operation {
	all := map[string]*operation{}
	for path, operations := range d.Paths {
		for method, op := range operations {
			all[strings.ToUpper(method)+" "+path] = op
		}
	}
	return all
}

// TestDocumentHasRoutes holds the OpenAPI text against the routes in both directions, and the guide against them.
func TestDocumentHasRoutes(t *testing.T) {
	described, guide := readDocument(t).described(), string(readDoc(t, "control-api.md"))
	served := control.Served(t)
	for _, route := range served {
		if described[route] == nil {
			t.Errorf("%s is served and not described; add it to paths in docs/openapi.json", route)
		}
		if _, path, _ := strings.Cut(route, " "); !strings.Contains(guide, strings.TrimSuffix(path, "/decline")) {
			t.Errorf("docs/control-api.md says nothing of %s; add it to the table of routes", route)
		}
	}
	for route, op := range described {
		if !slices.Contains(served, route) {
			t.Errorf("%s is described in docs/openapi.json and not served", route)
		}
		if op.Summary == "" || op.Responses["default"] == nil {
			t.Errorf("%s has no summary, or no default response for errors", route)
		}
		_, path, _ := strings.Cut(route, " ")
		for _, p := range op.Parameters {
			if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
				t.Errorf("%s describes a parameter %s that is not in its path", route, p.Name)
			}
		}
	}
}

// TestDocumentHasShapes holds the described fields against those of the types.
func TestDocumentHasShapes(t *testing.T) {
	d := readDocument(t)
	for name, v := range map[string]any{
		"Person": control.Person{}, "Me": control.Me{}, "Conversation": control.Conversation{}, "Message": control.Message{},
		"Outgoing": control.Outgoing{}, "Event": control.Event{}, "Status": control.Status{}, "Version": control.Version{},
		"Diagnostics": control.Diagnostics{}, "Finding": control.Finding{}, "Interface": control.Interface{}, "Counts": control.Counts{}, "File": control.File{},
		"ErrorAnswer": control.ErrorAnswer{}, "Error": control.Error{},
	} {
		var fields, required []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous {
				continue
			}
			if fields = append(fields, field); options != "omitempty" && options != "omitzero" {
				required = append(required, field)
			}
		}
		s := d.flat(d.Components.Schemas[name])
		slices.Sort(fields)
		if got := slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, fields) {
			t.Errorf("%s has the fields %q, described are %q", name, fields, got)
		}
		slices.Sort(required)
		if slices.Sort(s.Required); !slices.Equal(s.Required, required) {
			t.Errorf("%s always has %q, described is %q", name, required, s.Required)
		}
	}
}

// TestDocumentHasWords holds the enumerations of the document against the constants of this package, in both directions.
func TestDocumentHasWords(t *testing.T) {
	d := readDocument(t)
	constants := stringConstants(t)
	for kind, where := range map[string]struct{ schema, field string }{
		"Code": {"Error", "code"}, "State": {"Message", "state"}, "Via": {"Person", "via"},
		"Direction": {"Person", "direction"}, "ConversationKind": {"Conversation", "kind"}, "EventKind": {"Event", "event"}, "Verdict": {"Finding", "verdict"},
	} {
		got, want := slices.Clone(d.Components.Schemas[where.schema].Properties[where.field].Enum), constants[kind]
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s in Go is %q; %s.%s in docs/openapi.json is %q", kind, want, where.schema, where.field, got)
		}
	}
	guide := string(readDoc(t, "control-api.md"))
	for _, code := range constants["Code"] {
		if !strings.Contains(guide, "| `"+code+"` |") {
			t.Errorf("the table of errors in docs/control-api.md has no %s", code)
		}
	}
}

// stringConstants finds the values of this package's typed string constants that are not empty, by the name of the type.
func stringConstants(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, typed := spec.Type.(*ast.Ident)
			if value, ok := spec.Values[0].(*ast.BasicLit); ok && typed && value.Kind == token.STRING && value.Value != `""` {
				word, _ := strconv.Unquote(value.Value)
				found[kind.Name] = append(found[kind.Name], word)
			}
			return true
		})
	}
	return found
}
