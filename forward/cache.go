package forward

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/link"
)

// The cache file holds the address of the cluster in its first line, and the cluster's settings in
// its second line.

// maxCache is the maximum size of a cache file.
const maxCache = 64 << 10

// load returns the settings in the cache file. The result ok is false if the file has no settings,
// or if the settings are for another cluster. It returns an error if the file is not a cache: such a
// file must not be replaced.
func (e *Edge) load() (s link.Settings, ok bool, fault error) {
	if e.cfg.Cache == "" {
		return s, false, nil
	}
	text, err := readCache(e.cfg.Cache)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	address, rest, _ := bytes.Cut(text, []byte("\n"))
	if err == nil {
		if len(text) > 0 && !isAddress(string(address)) {
			return s, false, fmt.Errorf("cannot store the cluster's settings in %s: it is not such a file, and is left unchanged: move it away", e.cfg.Cache)
		}
		if s, err = link.ParseSettings(rest); err != nil {
			aside := e.cfg.Cache + ".damaged"
			err = errors.Join(fmt.Errorf("renamed to %s: %w", aside, err), os.Rename(e.cfg.Cache, aside))
		}
	}
	if err != nil {
		e.cfg.Log.Warn().Err(err).Str("file", e.cfg.Cache).Msg("cannot use the cluster's settings from an earlier run: asking the cluster")
	}
	return s, err == nil && string(address) == e.cfg.ForwardTo, nil
}

// readCache reads a cache file, which is one of the daemon's own files: it does not follow links.
func readCache(path string) ([]byte, error) {
	file, err := safefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxCache))
}

// isAddress reports whether the first line of a file is the address of a cluster.
func isAddress(line string) bool {
	scheme, host, found := strings.Cut(line, "://")
	return found && host != "" && !strings.ContainsFunc(scheme, func(r rune) bool { return (r < 'a' || r > 'z') && r != '+' })
}

// save writes the settings to the cache file for the next start.
func (e *Edge) save(s link.Settings) {
	if e.cfg.Cache == "" {
		return
	}
	err := safefile.Replace(e.cfg.Cache, "", func(w io.Writer) error {
		_, err := w.Write(append([]byte(e.cfg.ForwardTo+"\n"), s.Encode()...))
		return err
	})
	if err != nil {
		e.cfg.Log.Warn().Err(err).Msg("cannot save the cluster's settings: the next start will wait until the cluster answers")
	}
}
