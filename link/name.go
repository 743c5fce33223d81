package link

import (
	"errors"
	"fmt"
	"strings"
)

// maxName is the maximum length of the name of a member in bytes. It is the same as in package
// partial.
const maxName = 255

const nameMarks = "._-:@"

// CheckName returns an error if name cannot be the name of an edge or an owner. Only plain characters are allowed,
// because names appear in logs, in the answers of the monitor, and in keys under which engines store data.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name has %d bytes, and at most %d are allowed", len(name), maxName)
	}
	for _, r := range name {
		if !isPlain(r) && !strings.ContainsRune(nameMarks, r) {
			return fmt.Errorf("may contain only a-z, A-Z, 0-9, \".\", _, -, : and @, not %q", r)
		}
	}
	return nil
}

// isPlain reports whether r is an ASCII letter or digit.
func isPlain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
