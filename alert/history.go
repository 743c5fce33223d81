package alert

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/meta"
)

var (
	errHistory = errors.New("the history of alerts is damaged")
	errSlow    = errors.New("the disk is too slow")
)

// historyEvery is the minimum time between two saves.
const historyEvery = 10 * time.Second

// historyFile keeps the episodes over a restart, in a file beside the state file. Each save has its own
// goroutine, so other goroutines do not wait for the disk.
type historyFile struct {
	path   string // "" for none
	log    zerolog.Logger
	begun  time.Time // the last save
	saved  uint64    // the version of the episodes in the file
	saving *historySave
	failed bool // the last save failed
}

type historySave struct {
	version uint64
	ended   chan error
}

func (f *historyFile) open(stateFile string, log zerolog.Logger) {
	if stateFile != "" {
		f.path = stateFile + ".alerts"
		f.log = log.With().Str("file", f.path).Logger()
	}
}

// load reads the file. A fault of the file is logged, and the daemon starts anyway.
func (f *historyFile) load(episodes *meta.Episodes, settled time.Time) {
	if f.path == "" {
		return
	}
	text, err := readHistory(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		if err = episodes.Load(text, settled); err != nil {
			aside := f.path + ".damaged"
			err = errors.Join(fmt.Errorf("%w, put aside as %s: %w", errHistory, aside, err), os.Rename(f.path, aside))
		}
	}
	if err != nil {
		f.log.Error().Err(err).Msg("the history of alerts cannot be read: it begins empty")
	}
	f.saved = episodes.Version()
}

func readHistory(path string) ([]byte, error) {
	file, err := safefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, meta.MaxEpisodesFile))
}

// save begins to save the episodes if they have changed.
func (f *historyFile) save(episodes *meta.Episodes, now time.Time) {
	if f.settle(now); f.saving != nil || now.Sub(f.begun) < historyEvery {
		return
	}
	f.begin(episodes, now)
}

func (f *historyFile) begin(episodes *meta.Episodes, now time.Time) {
	if f.path == "" || episodes.Version() == f.saved {
		return
	}
	text, version, err := episodes.Encode()
	if err != nil {
		f.note(err)
		return
	}
	f.begun = now
	f.saving = &historySave{version: version, ended: make(chan error, 1)}
	go func(path string, ended chan<- error) {
		ended <- safefile.Replace(path, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}(f.path, f.saving.ended)
}

// saveLast saves the episodes at the end, and gives up at the given time.
func (f *historyFile) saveLast(episodes *meta.Episodes, until time.Time) {
	if f.settle(until); f.saving == nil {
		f.begin(episodes, time.Now())
		f.settle(until)
	}
	if f.saving != nil {
		f.note(errSlow)
	}
}

// settle waits until the given time for the running save, and stores its result.
func (f *historyFile) settle(until time.Time) {
	if f.saving == nil {
		return
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case err := <-f.saving.ended:
		if err == nil {
			f.saved = f.saving.version
		}
		f.saving = nil
		f.note(err)
	case <-t.C:
	}
}

// note logs a failed save, unless the save before it failed too.
func (f *historyFile) note(err error) {
	if err != nil && !f.failed {
		f.log.Error().Err(err).Msg("saving the history of alerts failed: the file is unchanged; trying again")
	} else if err == nil && f.failed {
		f.log.Warn().Msg("saving the history of alerts works again")
	}
	f.failed = err != nil
}
