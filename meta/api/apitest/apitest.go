// Package apitest compares answers of the JSON API with the API's OpenAPI description.
package apitest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Description is an OpenAPI description.
type Description struct {
	root   map[string]any
	faults []string
}

// Parse parses a description.
func Parse(t testing.TB, text string) *Description {
	t.Helper()
	d := &Description{}
	if err := json.Unmarshal([]byte(text), &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// Check compares an answer with the description, and returns all differences.
func (d *Description) Check(method, path string, code int, body string) (faults []string) {
	name := "default"
	if code == 200 {
		name = "200"
	}
	schema := d.At("paths", path, strings.ToLower(method), "responses", name, "content", "application/json", "schema")
	if schema == nil {
		return []string{fmt.Sprintf("%s %s: the answer %d is not described", method, path, code)}
	}
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return []string{fmt.Sprintf("%s %s: %v in %s", method, path, err, body)}
	}
	d.faults = nil
	d.validate(schema, v, path)
	return d.faults
}

// At returns a member of nested objects. It returns nil if there is no such member.
func (d *Description) At(names ...string) map[string]any {
	v := d.root
	for _, name := range names {
		v, _ = v[name].(map[string]any)
	}
	return v
}

// validate checks a value against a schema. It supports only the parts of JSON Schema that the
// descriptions use. A member that the schema does not name is a fault.
func (d *Description) validate(schema map[string]any, v any, where string) {
	wrong := func(format string, args ...any) {
		d.faults = append(d.faults, where+": "+fmt.Sprintf(format, args...))
	}
	if ref, ok := schema["$ref"].(string); ok {
		names := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		if schema = d.At(names...); schema == nil {
			wrong("%s is not defined", ref)
			return
		}
	}
	if any, ok := schema["anyOf"].([]any); ok {
		d.validateAny(any, v, where)
		return
	}
	if !hasType(schema["type"], v) {
		wrong("%v does not have the type %v", v, schema["type"])
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

func (d *Description) validateAny(schemas []any, v any, where string) {
	for _, s := range schemas {
		one := Description{root: d.root}
		if one.validate(s.(map[string]any), v, where); one.faults == nil {
			return
		}
	}
	d.faults = append(d.faults, where+": matches nothing")
}

func (d *Description) validateObject(schema map[string]any, v map[string]any, where string) {
	properties, _ := schema["properties"].(map[string]any)
	others, open := schema["additionalProperties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, there := v[name.(string)]; !there {
			d.faults = append(d.faults, fmt.Sprint(where, ": no member ", name))
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
			d.faults = append(d.faults, where+": unexpected member "+name)
		}
	}
}

// hasType reports whether a value has one of the wanted types. If no type is wanted, every value is
// accepted.
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
