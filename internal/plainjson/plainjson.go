// Package plainjson encodes plain data as JSON. The HTTP API and "statsdmonitor --json" use it, so
// both print the same JSON.
package plainjson

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Encode returns plain data as JSON. It differs from encoding/json in ways that simplify clients: a
// nil slice or map is encoded as an empty one, NaN, infinities and zero times are null, times are
// in UTC, and all text is ASCII.
func Encode(v any) []byte { return encoder{}.appendValue(nil, reflect.ValueOf(v)) }

// encoder caches the members of struct types.
type encoder map[reflect.Type][]Member

var timeType = reflect.TypeFor[time.Time]()

func (e encoder) appendValue(dst []byte, v reflect.Value) []byte {
	if v.IsValid() && v.Type() == timeType {
		return appendTime(dst, v.Interface().(time.Time))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(dst, "null"...)
		}
		return e.appendValue(dst, v.Elem())
	case reflect.String:
		return appendText(dst, v.String())
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return appendFloat(dst, v.Float())
	case reflect.Slice, reflect.Array:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.appendValue(dst, v.Index(i))
		}
		return append(dst, ']')
	case reflect.Map:
		return e.appendMap(dst, v)
	case reflect.Struct:
		return e.appendStruct(dst, v)
	}
	return append(dst, "null"...)
}

func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, "null"...)
	}
	dst = t.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano)
	return append(dst, '"')
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

func (e encoder) appendMap(dst []byte, v reflect.Value) []byte {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, k), ':')
		dst = e.appendValue(dst, v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key())))
	}
	return append(dst, '}')
}

func (e encoder) appendStruct(dst []byte, v reflect.Value) []byte {
	members, met := e[v.Type()]
	if !met {
		members = MembersOf(v.Type())
		e[v.Type()] = members
	}
	dst = append(dst, '{')
	first := true
	for _, m := range members {
		value := v.FieldByIndex(m.Index)
		if m.Optional && value.IsZero() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendText(dst, m.Name), ':')
		dst = e.appendValue(dst, value)
	}
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// appendText appends text as a JSON string in ASCII.
func appendText(dst []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // encoding a string never fails
	for i := 0; i < len(quoted); {
		c := quoted[i]
		if c < 0x7f {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(quoted[i:])
		i += n
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			dst = appendEscape(appendEscape(dst, high), low)
			continue
		}
		dst = appendEscape(dst, r)
	}
	return dst
}

func appendEscape(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
