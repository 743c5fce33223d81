package forward

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/link"
)

// The cache file holds the address of the cluster in its first line, and the cluster's settings in
// its second line.

// maxCache is the maximum size of a cache file.
const maxCache = 64 << 10

// load returns the settings in the cache file. The result ok is false if the file has no settings,
// or if the settings are for another cluster.
func (e *Edge) load() (s link.Settings, ok bool) {
	if e.cfg.Cache == "" {
		return s, false
	}
	text, err := safefile.ReadFile(e.cfg.Cache, maxCache)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false
	}
	address, rest, _ := bytes.Cut(text, []byte("\n"))
	if err == nil {
		if s, err = link.ParseSettings(rest); err != nil { // rename the file, because it may be a user's file and not a cache
			aside := e.cfg.Cache + ".damaged"
			err = errors.Join(fmt.Errorf("renamed to %s: %w", aside, err), os.Rename(e.cfg.Cache, aside))
		}
	}
	if err != nil {
		e.cfg.Log.Warn().Err(err).Str("file", e.cfg.Cache).Msg("cannot use the cluster's settings from an earlier run: asking the cluster")
	}
	return s, err == nil && string(address) == e.cfg.ForwardTo
}

// save writes the settings to the cache file for the next start.
func (e *Edge) save(s link.Settings) {
	if e.cfg.Cache == "" {
		return
	}
	err := safefile.Replace(e.cfg.Cache, func(w io.Writer) error {
		_, err := w.Write(append([]byte(e.cfg.ForwardTo+"\n"), s.Encode()...))
		return err
	})
	if err != nil {
		e.cfg.Log.Warn().Err(err).Msg("cannot save the cluster's settings: the next start will wait until the cluster answers")
	}
}
