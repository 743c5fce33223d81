package signed

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// Limits for a key file. The limit on the number of keys also limits the cost of a forged datagram:
// the daemon computes a signature with each key.
const (
	maxFile = 64 << 10 // in bytes
	maxKeys = 8
	minKey  = 16 // in bytes
	maxKey  = 1024
)

// Keys contains the keys of a file, newest first. It is immutable.
type Keys struct{ all [][]byte }

// ReadKeys reads a key file. The file must be owned by root or by the daemon's user. No other user
// may have access to it.
func ReadKeys(path string) (*Keys, error) {
	text, err := safefile.ReadPrivate(path, maxFile)
	if err != nil {
		return nil, err
	}
	k, err := ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// ParseKeys parses a key file with one key per line. The key is the text of the line, as in
// brubeck's hmac_key setting. Empty lines, and lines that start with #, are ignored. Errors never
// contain the text of a line.
func ParseKeys(text []byte) (*Keys, error) {
	k, number := &Keys{}, 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := k.add(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if len(k.all) == 0 {
		return nil, errors.New("the file has no key: add a line, for example the output of \"openssl rand -hex 32\"")
	}
	return k, nil
}

func (k *Keys) add(key []byte) error {
	switch {
	case len(key) < minKey || len(key) > maxKey:
		return fmt.Errorf("the key has %d bytes, and must have between %d and %d", len(key), minKey, maxKey)
	case slices.ContainsFunc(k.all, func(o []byte) bool { return bytes.Equal(o, key) }):
		return errors.New("the key is given twice")
	case len(k.all) == maxKeys:
		return fmt.Errorf("may have at most %d keys", maxKeys)
	}
	k.all = append(k.all, bytes.Clone(key))
	return nil
}

// All returns the keys, newest first. The caller must not change them.
func (k *Keys) All() [][]byte { return k.all }

// Len returns the number of keys.
func (k *Keys) Len() int { return len(k.all) }
