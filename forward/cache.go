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

// The cache is a file of two lines: the address of the cluster, and its settings.

// maxCache limits the bytes of the cache that are read.
const maxCache = 64 << 10

// load returns the settings in the cache, if they belong to this cluster.
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
		if s, err = link.ParseSettings(rest); err != nil { // the file may be somebody's
			aside := e.cfg.Cache + ".damaged"
			err = errors.Join(fmt.Errorf("put aside as %s: %w", aside, err), os.Rename(e.cfg.Cache, aside))
		}
	}
	if err != nil {
		e.cfg.Log.Warn().Err(err).Str("file", e.cfg.Cache).Msg("cannot use the cluster's settings from an earlier run: asking the cluster")
	}
	return s, err == nil && string(address) == e.cfg.ForwardTo
}

// save keeps the settings for the next start.
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
