package xmlrpc

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ValueOf converts plain data to a Value. Like encoding/json, it names the fields of structs by their json tags, and
// honours omitempty and "-".
//
//   - A time is converted to a String in the format of RFC 3339. The zero time is an empty String.
//   - An int is converted to an Int. An int64 or a uint64 may need more than 32 bits, so it is always a Double.
//   - A float that is infinite or not a number is converted to the type NaN.
//   - A map with string keys is converted to a Struct that is sorted by the keys.
//   - A nil pointer or interface in a struct is left out. A nil slice is an empty Array.
//
// Other types, such as functions, are a programming error. ValueOf converts them to a String with the name of the type.
func ValueOf(v any) Value { return valueOf(reflect.ValueOf(v)) }

var timeType = reflect.TypeFor[time.Time]()

func valueOf(v reflect.Value) Value {
	if v.IsValid() && v.Type() == timeType {
		return timeOf(v.Interface().(time.Time))
	}
	switch v.Kind() {
	case reflect.Invalid:
		return String("")
	case reflect.Pointer, reflect.Interface:
		return valueOf(v.Elem())
	case reflect.String:
		return String(v.String())
	case reflect.Bool:
		return Bool(v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int16, reflect.Int8:
		return Int(v.Int())
	case reflect.Uint8, reflect.Uint16:
		return Int(v.Uint())
	case reflect.Int64:
		return Double(v.Int())
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return Double(v.Uint())
	case reflect.Float64, reflect.Float32:
		return doubleOf(v.Float())
	case reflect.Slice, reflect.Array:
		return arrayOf(v)
	case reflect.Map:
		return mapOf(v)
	case reflect.Struct:
		return appendFields(Struct{}, v)
	}
	return String(fmt.Sprintf("<%s>", v.Type()))
}

func timeOf(t time.Time) Value {
	if t.IsZero() {
		return String("")
	}
	return String(t.UTC().Format(time.RFC3339Nano))
}

func doubleOf(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return NaN{}
	}
	return Double(f)
}

func arrayOf(v reflect.Value) Array {
	a := make(Array, v.Len())
	for i := range a {
		a[i] = valueOf(v.Index(i))
	}
	return a
}

func mapOf(v reflect.Value) Struct {
	s := make(Struct, 0, v.Len())
	for _, key := range v.MapKeys() {
		s = append(s, Member{key.String(), valueOf(v.MapIndex(key))})
	}
	slices.SortFunc(s, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// appendFields appends the fields of a struct. Fields of an embedded struct without a tag are
// treated like fields of the outer struct.
func appendFields(s Struct, v reflect.Value) Struct {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported() && !field.Anonymous:
			continue
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			s = appendFields(s, value)
			continue
		case !field.IsExported() || absent(value) || options == "omitempty" && value.IsZero():
			continue
		}
		s = append(s, Member{cmp.Or(name, field.Name), valueOf(value)})
	}
	return s
}

// absent reports whether v is a nil pointer or a nil interface.
func absent(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil()
}
