package statvent

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// DefaultDir is the directory for the pipes of a host. All programs use the same directory.
const DefaultDir = "/tmp/stats-pipe"

// The limits of the format. Writers must not exceed them.
const (
	MaxName  = 4000  // maximum length in bytes; the kernel writes a line of up to 4,096 bytes in one piece
	MaxNames = 65536 // maximum number of names in a Registry, and in a pipe
)

// AppendLine appends the line of a stat to dst. If the format cannot represent the stat, it returns an error and
// dst unchanged.
func AppendLine(dst []byte, name string, v Value) ([]byte, error) {
	if err := checkName(name); err != nil {
		return dst, err
	}
	line := append(append(dst, name...), ": "...)
	line, err := v.AppendText(line)
	if err != nil {
		return dst, fmt.Errorf("%w: %q", err, name)
	}
	return append(line, '\n'), nil
}

// ParseLine splits a line without its newline at the last colon. It ignores white space around the value, but not
// in the name. The returned name is a part of line, not a copy.
func ParseLine(line []byte) (name []byte, v Value, err error) {
	colon := bytes.LastIndexByte(line, ':')
	if colon < 0 {
		return nil, Value{}, fmt.Errorf("statvent: no colon in %.60q", line)
	}
	if colon == 0 || colon > MaxName {
		return nil, Value{}, fmt.Errorf("statvent: the name in %.60q has %d bytes, not 1 to %d", line, colon, MaxName)
	}
	v, ok := parseValue(bytes.TrimSpace(line[colon+1:]))
	if !ok {
		return nil, Value{}, fmt.Errorf("statvent: no decimal number after the last colon of %.60q", line)
	}
	return line[:colon], v, nil
}

func parseValue(text []byte) (Value, bool) {
	for _, c := range text {
		if (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			// Package strconv also accepts NaN, Inf, hexadecimal numbers and underscores, but the format does not allow them.
			return Value{}, false
		}
	}
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return Int(i), true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return Float(f), err == nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("statvent: the name is empty")
	case len(name) > MaxName:
		return fmt.Errorf("statvent: the name %.60q... has %d bytes, more than %d", name, len(name), MaxName)
	case bytes.IndexByte([]byte(name), '\n') >= 0:
		return fmt.Errorf("statvent: the name %.60q contains a newline", name)
	}
	return nil
}
