// Package access decides who may send requests to the monitor, and who may change the daemon.
//
//	tokens, err := access.ReadTokens("/etc/statsd/tokens")
//	guard := access.NewGuard(tokens)
//	guard.Bound(listener.Addr())
//	who, refused := guard.Check(request, access.Guarded)
//
// The rules depend on the address of the monitor:
//
//	loopback address, all queries                 everybody may ask
//	other address without tokens, Reading         everybody may ask
//	other address without tokens, Guarded         refused
//	other address with tokens, all queries        a token is needed, except for health checks
//	any address, changes                          a token with the role operate is needed
//
// A Trail keeps the changes that operators requested, including refused ones.
package access

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// Role is what the owner of a token may do.
type Role uint8

// These are the roles. Each role includes the rights of the roles before it.
const (
	Nobody Role = iota
	Reader
	Operator
)

// roles maps the words in a token file to roles.
var roles = map[string]Role{"read": Reader, "operate": Operator}

// These are the limits of a token file.
const (
	maxFile   = 64 << 10 // in bytes
	maxTokens = 256
	maxName   = 64 // in bytes
)

// Tokens are the tokens of a file. They do not change. The file contains only the SHA-256 of each
// token, not the token.
type Tokens struct{ all []token }

type token struct {
	role Role
	name string
	hash [sha256.Size]byte
}

// ReadTokens reads a token file. The owner of the file must be the daemon's user or root. Other
// users must not have access to it.
func ReadTokens(path string) (*Tokens, error) {
	text, err := safefile.ReadPrivate(path, maxFile)
	if err != nil {
		return nil, err
	}
	t, err := ParseTokens(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// ParseTokens reads tokens. Each line has a role (read or operate), a name, and the SHA-256 of the
// token in hexadecimal. Empty lines and lines that start with # are ignored.
func ParseTokens(text []byte) (*Tokens, error) {
	t, number := &Tokens{}, 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		read, err := parseToken(string(line))
		if err == nil {
			err = t.add(read)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if len(t.all) == 0 {
		return nil, errors.New("there is no token: add a line such as operate alice SHA256")
	}
	return t, nil
}

// parseToken reads a line. An error does not contain the line, because the line may contain a
// secret.
func parseToken(line string) (t token, err error) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return t, fmt.Errorf("it has %d words: a line is a role, a name and the SHA-256 of the token", len(fields))
	}
	if t.role = roles[fields[0]]; t.role == Nobody {
		return t, errors.New("the first word is not a role: a role is read or operate")
	}
	if t.name = fields[1]; !isName(t.name) {
		return t, fmt.Errorf("the second word is not a name: a name is at most %d characters of A-Z a-z 0-9 _ - . @", maxName)
	}
	hash, err := hex.DecodeString(fields[2])
	if err != nil || len(hash) != len(t.hash) {
		return t, errors.New("the third word is not a SHA-256: give 64 hexadecimal digits, as sha256sum prints them")
	}
	copy(t.hash[:], hash)
	return t, nil
}

func isName(name string) bool {
	return len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("_-.@", r)
	})
}

func (t *Tokens) add(one token) error {
	switch {
	case len(t.all) == maxTokens:
		return fmt.Errorf("may have at most %d tokens", maxTokens)
	case slices.ContainsFunc(t.all, func(o token) bool { return o.name == one.name }):
		return fmt.Errorf("the name %s is given twice", one.name)
	case slices.ContainsFunc(t.all, func(o token) bool { return o.hash == one.hash }):
		return fmt.Errorf("the token of %s is given twice", one.name)
	}
	t.all = append(t.all, one)
	return nil
}

// find returns the name and the role of a token. It compares all tokens, each in constant time. So
// the duration contains no information for an attacker.
func (t *Tokens) find(given string) (name string, role Role) {
	hash := sha256.Sum256([]byte(given))
	for i := range t.all {
		if one := &t.all[i]; subtle.ConstantTimeCompare(hash[:], one.hash[:]) == 1 {
			name, role = one.name, one.role
		}
	}
	return name, role
}
