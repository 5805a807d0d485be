package control_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// schema is the part of JSON Schema that docs/openapi.json uses. A keyword that is not here fails the reading of the
// document, so that none is written and never checked.
type schema struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Type        string             `json:"type"`
	Format      string             `json:"format"`
	Enum        []string           `json:"enum"`
	Default     any                `json:"default"`
	Minimum     *float64           `json:"minimum"`
	Maximum     *float64           `json:"maximum"`
	MinLength   int                `json:"minLength"`
	Items       *schema            `json:"items"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	AllOf       []*schema          `json:"allOf"`
	OneOf       []*schema          `json:"oneOf"`
}

const schemaPath = "#/components/schemas/"

// resolve follows a reference.
func (d *document) resolve(s *schema) *schema {
	for s.Ref != "" {
		target, ok := d.Components.Schemas[strings.TrimPrefix(s.Ref, schemaPath)]
		if !ok {
			panic("docs/openapi.json refers to nothing: " + s.Ref)
		}
		s = target
	}
	return s
}

// flat joins an object schema with those that it is all of.
func (d *document) flat(s *schema) *schema {
	s = d.resolve(s)
	if len(s.AllOf) == 0 {
		return s
	}
	joined := &schema{Type: "object", Properties: maps.Clone(s.Properties), Required: slices.Clone(s.Required)}
	if joined.Properties == nil {
		joined.Properties = map[string]*schema{}
	}
	for _, part := range s.AllOf {
		part = d.flat(part)
		maps.Copy(joined.Properties, part.Properties)
		joined.Required = append(joined.Required, part.Required...)
	}
	return joined
}

// validate holds JSON against a schema and is stricter than a reader has to be: a field that is not described is wrong.
func (d *document) validate(raw []byte, s *schema) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	return d.check("", v, s)
}

func (d *document) check(at string, v any, s *schema) error {
	s = d.resolve(s)
	if len(s.OneOf) > 0 {
		return d.checkOneOf(at, v, s.OneOf)
	}
	s = d.flat(s)
	switch v := v.(type) {
	case map[string]any:
		if s.Type == "object" {
			return d.checkObject(at, v, s)
		}
	case []any:
		for i, item := range v {
			if s.Type != "array" {
				break
			}
			if err := d.check(fmt.Sprint(at, "/", i), item, s.Items); err != nil {
				return err
			}
		}
		if s.Type == "array" {
			return nil
		}
	case string:
		if s.Type == "string" {
			return checkString(at, v, s)
		}
	case float64:
		if whole := v == float64(int64(v)); s.Type == "number" || s.Type == "integer" && whole {
			return checkNumber(at, v, s)
		}
	case bool:
		if s.Type == "boolean" {
			return nil
		}
	}
	return fmt.Errorf("%s: %v is not the %s that is described", at, v, s.Type)
}

func (d *document) checkOneOf(at string, v any, choice []*schema) error {
	var fits int
	var errs []string
	for _, s := range choice {
		if err := d.check(at, v, s); err != nil {
			errs = append(errs, err.Error())
		} else {
			fits++
		}
	}
	if fits != 1 {
		return fmt.Errorf("%s: fits %d of what it should be one of: %s", at, fits, strings.Join(errs, "; or "))
	}
	return nil
}

func (d *document) checkObject(at string, v map[string]any, s *schema) error {
	for _, field := range s.Required {
		if _, ok := v[field]; !ok {
			return fmt.Errorf("%s: the field %q is described as required and is missing", at, field)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(v)) {
		described := s.Properties[field]
		if described == nil {
			return fmt.Errorf("%s: the field %q is not described; add it to docs/openapi.json", at, field)
		}
		if err := d.check(at+"/"+field, v[field], described); err != nil {
			return err
		}
	}
	return nil
}

func checkString(at, v string, s *schema) error {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %q is not one of the described %q", at, v, s.Enum)
	}
	if len(v) < s.MinLength {
		return fmt.Errorf("%s: %q is shorter than %d", at, v, s.MinLength)
	}
	switch s.Format {
	case "":
	case "date-time":
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil || !strings.HasSuffix(v, "Z") {
			return fmt.Errorf("%s: %q is not a time in UTC", at, v)
		}
	default:
		return fmt.Errorf("%s: no test knows the format %q", at, s.Format)
	}
	return nil
}

func checkNumber(at string, v float64, s *schema) error {
	if s.Minimum != nil && v < *s.Minimum || s.Maximum != nil && v > *s.Maximum {
		return fmt.Errorf("%s: %v is outside the described range", at, v)
	}
	return nil
}

// TestValidator shows that the validator of this test finds each kind of difference.
func TestValidator(t *testing.T) {
	d := readDocument(t)
	for _, test := range []struct{ schema, text, says string }{
		{"Version", `{"version":"1","api":1}`, ""},
		{"Version", `{"version":"1"}`, `"api" is described as required`},
		{"Version", `{"version":"1","api":"1"}`, "not the integer"},
		{"Version", `{"version":"1","api":1.5}`, "not the integer"},
		{"Version", `{"version":"1","api":1,"more":true}`, `"more" is not described`},
		{"Version", `[]`, "not the object"},
		{"Me", `{"id":"a","name":"A","verified":false,"contact":false,"online":true,"via":"none","link":"","share":"nothing"}`, ""},
		{"Me", `{"id":"a","name":"A","verified":0,"contact":false,"online":true,"via":"none","link":"","share":"nothing"}`, "/verified: 0 is not the boolean"},
		{"Me", `{"id":"a","name":"A","verified":false,"contact":false,"online":true,"via":"pigeon","link":"","share":"nothing"}`, "/via: \"pigeon\" is not one of"},
		{"ErrorAnswer", `{"error":{"code":"failed","message":"m","candidates":[{}]}}`, `/error/candidates/0: the field "id"`},
		{"ErrorAnswer", `{"error":{"code":"failed","message":"m","candidates":null}}`, "not the array"},
		{"Outgoing", `{"to":"Bob","text":""}`, "shorter"},
	} {
		err := d.validate([]byte(test.text), d.Components.Schemas[test.schema])
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %s: %v", test.schema, test.text, err)
		}
	}
	either := &schema{OneOf: []*schema{{Ref: schemaPath + "Version"}, {Ref: schemaPath + "ErrorAnswer"}}}
	if err := d.validate([]byte(`{"version":"1","api":1}`), either); err != nil {
		t.Error(err)
	}
	if err := d.validate([]byte(`{}`), either); err == nil {
		t.Error("nothing passes for one of two")
	}
	if err := d.validate([]byte(`"yesterday"`), &schema{Type: "string", Format: "date-time"}); err == nil {
		t.Error("yesterday passes for a time")
	}
}
