package api

import (
	"cmp"
	"reflect"
	"strings"
)

// member is a member of the JSON object of a struct.
type member struct {
	name     string
	index    []int // for reflect.Value.FieldByIndex
	kind     reflect.Type
	optional bool
}

// membersOf returns the members by the rules of encoding/json: json tags, and the fields of embedded
// structs as own ones.
func membersOf(t reflect.Type) (all []member) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
			continue
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			for _, m := range membersOf(field.Type) {
				m.index = append([]int{i}, m.index...)
				all = append(all, m)
			}
			continue
		}
		all = append(all, member{cmp.Or(name, field.Name), []int{i}, field.Type, strings.Contains(options, "omit")})
	}
	return all
}
