package control

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// document is what the tests read of docs/openapi.json.
type document struct {
	Paths      map[string]map[string]any
	Components struct {
		Schemas map[string]schema
	}
}

type schema struct {
	Properties map[string]struct {
		Enum []string
	}
	Required []string
}

func readDocument(t *testing.T) (d document) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDocumentHasRoutes holds the OpenAPI text against the routes, and the guide against both.
func TestDocumentHasRoutes(t *testing.T) {
	var documented []string
	for path, operations := range readDocument(t).Paths {
		for method := range operations {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(documented)
	served := slices.Sorted(maps.Keys(NewServer(noNode{}, "").routes(t.Context())))
	if !slices.Equal(documented, served) {
		t.Errorf("documented: %q\nserved: %q", documented, served)
	}
	guide, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "control-api.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range served {
		if _, path, _ := strings.Cut(route, " "); !strings.Contains(string(guide), strings.TrimSuffix(path, "/decline")) {
			t.Errorf("docs/control-api.md says nothing of %s", route)
		}
	}
}

// noNode is a Node to take methods of, never asked anything.
type noNode struct{ Node }

// TestDocumentHasShapes holds the documented fields against those of the types.
func TestDocumentHasShapes(t *testing.T) {
	schemas := readDocument(t).Components.Schemas
	for name, v := range map[string]any{
		"Person": Person{}, "Conversation": Conversation{}, "Message": Message{}, "Outgoing": Outgoing{}, "Event": Event{},
		"Status": Status{}, "Version": Version{}, "ErrorAnswer": errorBody{}, "Error": Error{},
	} {
		var fields, required []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if fields = append(fields, field); options != "omitempty" {
				required = append(required, field)
			}
		}
		s := schemas[name]
		slices.Sort(fields)
		if got := slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, fields) {
			t.Errorf("%s has the fields %q, documented are %q", name, fields, got)
		}
		slices.Sort(required)
		if slices.Sort(s.Required); !slices.Equal(s.Required, required) {
			t.Errorf("%s always has %q, documented is %q", name, required, s.Required)
		}
	}
	for _, code := range schemas["Error"].Properties["code"].Enum {
		if code != string(CodeFailed) && Errorf(Code(code), "").Status() == 500 {
			t.Errorf("%s is documented and not known", code)
		}
	}
}
