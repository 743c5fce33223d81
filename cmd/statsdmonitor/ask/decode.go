package ask

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

// decode stores the values of an XML-RPC response in the parameter to. A member of the response is
// stored in the field with the same json tag. Unknown members are ignored. A field without a member
// is zero. Errors contain the name of the member.
func decode(from any, to reflect.Value, path string) error {
	if from == nil { // the XML-RPC library returns nil for an empty string
		return nil
	}
	if to.Type() == reflect.TypeFor[time.Time]() {
		return decodeTime(from, to, path)
	}
	switch to.Kind() {
	case reflect.Interface:
		to.Set(reflect.ValueOf(from))
		return nil
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return decode(from, to.Elem(), path)
	case reflect.Struct:
		members, ok := from.(map[string]any)
		if !ok {
			return unexpected(path, "a struct", from)
		}
		return decodeStruct(members, to, path)
	case reflect.Slice:
		return decodeArray(from, to, path)
	case reflect.Map:
		return decodeMap(from, to, path)
	}
	return decodeScalar(from, to, path)
}

func unexpected(path, want string, from any) error {
	return fmt.Errorf("the answer does not come from a monitor: %s: must be %s, not %T", strings.TrimPrefix(path, "."), want, from)
}

func decodeTime(from any, to reflect.Value, path string) error {
	text, ok := from.(string)
	if !ok {
		return unexpected(path, "a time", from)
	}
	if text == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return unexpected(path, "a time", from)
	}
	to.Set(reflect.ValueOf(t))
	return nil
}

func decodeStruct(members map[string]any, to reflect.Value, path string) error {
	for i := range to.NumField() {
		field := to.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		var err error
		switch {
		case field.Anonymous && name == "":
			err = decodeStruct(members, to.Field(i), path)
		case name != "" && name != "-":
			err = decode(members[name], to.Field(i), path+"."+name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func decodeArray(from any, to reflect.Value, path string) error {
	items, ok := from.([]any)
	if !ok {
		return unexpected(path, "an array", from)
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, item := range items {
		if err := decode(item, to.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func decodeMap(from any, to reflect.Value, path string) error {
	members, ok := from.(map[string]any)
	if !ok {
		return unexpected(path, "a struct", from)
	}
	to.Set(reflect.MakeMapWithSize(to.Type(), len(members)))
	for name, member := range members {
		value := reflect.New(to.Type().Elem()).Elem()
		if err := decode(member, value, path+"."+name); err != nil {
			return err
		}
		to.SetMapIndex(reflect.ValueOf(name), value)
	}
	return nil
}

// decodeScalar stores a number, a string or a boolean. It returns an error if a number does not fit. Only a
// question.Number can store NaN.
func decodeScalar(from any, to reflect.Value, path string) error {
	n, isNumber := number(from)
	switch to.Kind() {
	case reflect.String:
		if text, ok := from.(string); ok {
			to.SetString(text)
			return nil
		}
		return unexpected(path, "a string", from)
	case reflect.Bool:
		if yes, ok := from.(bool); ok {
			to.SetBool(yes)
			return nil
		}
		return unexpected(path, "a boolean", from)
	case reflect.Float64:
		if isNumber && (to.Type() == reflect.TypeFor[question.Number]() || !math.IsNaN(n)) {
			to.SetFloat(n)
			return nil
		}
	case reflect.Int, reflect.Int64:
		if isNumber && math.Abs(n) <= 1<<53 {
			to.SetInt(int64(n))
			return nil
		}
	case reflect.Uint64:
		if isNumber && n >= 0 && n < 1<<64 {
			to.SetUint(uint64(n))
			return nil
		}
	}
	return unexpected(path, "a number", from)
}

func number(from any) (float64, bool) {
	switch n := from.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
