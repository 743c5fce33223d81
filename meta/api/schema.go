package api

import (
	"reflect"
	"time"

	"github.com/statsd-ops/statsd/internal/plainjson"
	"github.com/statsd-ops/statsd/meta/question"
)

var timeType = reflect.TypeFor[time.Time]()

// schemas collects the JSON schemas of Go types. Named structs are defined once, under their names.
type schemas struct{ defined object }

// of returns the schema of the JSON that plainjson.Encode writes for the values of a type.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t == nil:
		return object{}
	case t == timeType:
		return object{"type": []string{"string", "null"}, "format": "date-time"}
	case t == reflect.TypeFor[question.Number]():
		return object{"type": []string{"number", "null"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return object{"anyOf": []any{s.of(t.Elem()), object{"type": "null"}}}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.define(t)
	}
	return object{} // an empty schema allows any value
}

// define defines the schema of a named struct, and returns a reference to it.
func (s *schemas) define(t reflect.Type) object {
	if t.Name() == "" {
		return s.members(t)
	}
	if s.defined[t.Name()] == nil {
		s.defined[t.Name()] = object{} // set first, because a type may contain itself
		s.defined[t.Name()] = s.members(t)
	}
	return object{"$ref": "#/components/schemas/" + t.Name()}
}

func (s *schemas) members(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, m := range plainjson.MembersOf(t) {
		properties[m.Name] = s.of(m.Type)
		if !m.Optional {
			required = append(required, m.Name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}
