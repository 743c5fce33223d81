package plainjson

import (
	"cmp"
	"reflect"
	"strings"
)

// Member is a member of the JSON object that a struct is encoded as.
type Member struct {
	Name     string
	Index    []int // field index for reflect.Value.FieldByIndex
	Type     reflect.Type
	Optional bool // the member is omitted if its value is zero
}

// MembersOf returns the members of a struct type by the rules of encoding/json. It honours json
// tags, and treats fields of embedded structs like fields of the struct itself.
func MembersOf(t reflect.Type) (all []Member) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
			continue
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			for _, m := range MembersOf(field.Type) {
				m.Index = append([]int{i}, m.Index...)
				all = append(all, m)
			}
			continue
		}
		all = append(all, Member{cmp.Or(name, field.Name), []int{i}, field.Type, strings.Contains(options, "omit")})
	}
	return all
}
