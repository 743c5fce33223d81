package forward

import (
	"bytes"
	"errors"
	"io"
	"io/fs"

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
	if err == nil && string(address) == e.cfg.ForwardTo {
		s, err = link.ParseSettings(rest)
	}
	if err != nil {
		e.cfg.Log.Warn().Err(err).Str("file", e.cfg.Cache).Msg("cannot use the cluster's settings from an earlier run: asking the cluster")
	}
	return s, s.Partitions > 0
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
