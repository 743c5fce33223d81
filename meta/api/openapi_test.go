package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// description is an OpenAPI description, read again.
type description struct {
	root    map[string]any
	missing []string // what a value lacks
}

func describe(t testing.TB, text string) *description {
	t.Helper()
	d := &description{}
	if err := json.Unmarshal([]byte(text), &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// at returns the member of nested objects.
func (d *description) at(names ...string) map[string]any {
	v := d.root
	for _, name := range names {
		v, _ = v[name].(map[string]any)
	}
	return v
}

// validate checks a value against a schema, with the parts of JSON Schema that descriptions use. It
// refuses members that the schema does not name.
func (d *description) validate(schema map[string]any, v any, where string) {
	wrong := func(format string, args ...any) {
		d.missing = append(d.missing, where+": "+fmt.Sprintf(format, args...))
	}
	if ref, ok := schema["$ref"].(string); ok {
		names := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		if schema = d.at(names...); schema == nil {
			wrong("%s is not defined", ref)
			return
		}
	}
	if any, ok := schema["anyOf"].([]any); ok {
		d.validateAny(any, v, where)
		return
	}
	if !hasType(schema["type"], v) {
		wrong("%v has not the type %v", v, schema["type"])
		return
	}
	switch v := v.(type) {
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, one := range v {
			d.validate(items, one, fmt.Sprint(where, "[", i, "]"))
		}
	case map[string]any:
		d.validateObject(schema, v, where)
	}
}

func (d *description) validateAny(schemas []any, v any, where string) {
	for _, s := range schemas {
		one := description{root: d.root}
		if one.validate(s.(map[string]any), v, where); one.missing == nil {
			return
		}
	}
	d.missing = append(d.missing, where+": matches nothing")
}

func (d *description) validateObject(schema map[string]any, v map[string]any, where string) {
	properties, _ := schema["properties"].(map[string]any)
	others, open := schema["additionalProperties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, there := v[name.(string)]; !there {
			d.missing = append(d.missing, fmt.Sprint(where, ": no member ", name))
		}
	}
	for name, one := range v {
		member, known := properties[name].(map[string]any)
		switch {
		case known:
			d.validate(member, one, where+"."+name)
		case open:
			d.validate(others, one, where+"."+name)
		case properties != nil:
			d.missing = append(d.missing, where+": a member too many, "+name)
		}
	}
}

// hasType reports whether a value has a type, or one of several. No type means any.
func hasType(want, v any) bool {
	var types []any
	switch want := want.(type) {
	case nil:
		return true
	case string:
		types = []any{want}
	case []any:
		types = want
	}
	is := map[bool]string{}
	switch v := v.(type) {
	case nil:
		is[true] = "null"
	case string:
		is[true] = "string"
	case bool:
		is[true] = "boolean"
	case float64:
		if is[true] = "number"; v == float64(int64(v)) && slices.Contains(types, any("integer")) {
			return true
		}
	case []any:
		is[true] = "array"
	case map[string]any:
		is[true] = "object"
	}
	return slices.Contains(types, any(is[true]))
}

// TestOpenAPI compares the description with what every path answers.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := start(t)
	d := describe(t, s.get(t, "openapi.json").text)
	if d.root["openapi"] != "3.1.0" || d.at("components", "securitySchemes", "token")["scheme"] != "bearer" {
		t.Errorf("%v", d.root)
	}
	queries := map[string]string{"explain": "?text=a", "tail": "?seconds=0"}
	bodies := map[string]string{"names/mute": `{"match":"a"}`}
	for name, p := range s.api.paths {
		method, body := "GET", ""
		if p.change != nil {
			method, body = "POST", bodies[name]
			if body == "" {
				body = "{}"
			}
		}
		if name == "live" || name == "openapi.json" {
			if d.at("paths", Root+name, "get") == nil {
				t.Errorf("%s is not described", name)
			}
			continue
		}
		for _, query := range []string{queries[name], "?nonsense=1"} {
			got := s.request(t, method, "/api/v1/"+name+query, body, operating, asJSON, "Accept: application/json")
			code := "200"
			if got.code != 200 {
				code = "default"
			}
			schema := d.at("paths", Root+name, strings.ToLower(method), "responses", code, "content", "application/json", "schema")
			if schema == nil {
				t.Fatalf("%s %s: the answer %s is not described", method, name, code)
			}
			var v any
			if err := json.Unmarshal([]byte(got.text), &v); err != nil {
				t.Fatalf("%s: %v in %s", name, err, got.text)
			}
			d.missing = nil
			if d.validate(schema, v, name+query); d.missing != nil {
				t.Errorf("%s answers %s\n%s", name, got.text, strings.Join(d.missing, "\n"))
			}
		}
	}
	for _, tt := range []struct{ path, method, want string }{
		{"values", "get", `{"description":"most","in":"query","name":"limit","required":false,"schema":{"default":50,"maximum":1000,"minimum":1,"type":"integer"}}`},
		{"values", "get", `"enum":["name","value"]`},
		{"explain", "get", `"name":"text","required":true,"schema":{"maxLength":1024,"minLength":1,"type":"string"}`},
		{"names/mute", "post", `"additionalProperties":false`},
		{"names/mute", "post", `"security":[{"token":[]}]`},
		{"names/mute", "post", `"required":["match"]`},
		{"tail", "get", `"text/event-stream":`},
		{"health", "get", `"$ref":"#/components/schemas/Health"`},
	} {
		text, err := json.Marshal(d.at("paths", Root+tt.path, tt.method))
		if err != nil || !strings.Contains(string(text), tt.want) {
			t.Errorf("%s lacks %s: %s", tt.path, tt.want, text)
		}
	}
}
