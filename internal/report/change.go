package report

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Change writes what the daemon answered to a change: a line for each member of the JSON object.
func Change(p Page, what string, data []byte) string {
	s := &sheet{Page: &p}
	s.line(span{what + ": done", good})
	for _, m := range members(data) {
		if m[1] != "" {
			s.spaced(span{text: "  " + m[0]}, 16, m[1])
		}
	}
	return s.String()
}

// members returns the names and values of an object, in their order. Other values have no name.
func members(data []byte) (all [][2]string) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		if text := plainly(data); text != "" {
			all = append(all, [2]string{"", text})
		}
		return all
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return all
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return all
		}
		if text, ok := name.(string); ok {
			all = append(all, [2]string{strings.ReplaceAll(text, "_", " "), plainly(value)})
		}
	}
	return all
}

// plainly writes a JSON value for people: a text without quotes, a whole number with separators, a list
// with commas.
func plainly(value []byte) string {
	var text string
	var whole uint64
	var list []json.RawMessage
	switch {
	case json.Unmarshal(value, &whole) == nil && whole > 0:
		return count(whole)
	case json.Unmarshal(value, &text) == nil:
		return text
	case json.Unmarshal(value, &list) == nil:
		parts := make([]string, len(list))
		for i, one := range list {
			parts[i] = plainly(one)
		}
		return strings.Join(parts, ", ")
	}
	return string(bytes.TrimSpace(value))
}
