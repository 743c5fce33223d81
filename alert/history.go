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
	errSlow    = errors.New("the disk is too slow: the file was not saved in time")
)

// historyEvery is the minimum time between two saves.
const historyEvery = 10 * time.Second

// historyFile saves the episodes in a file next to the state file, so that they survive a restart.
// Each save runs in its own goroutine, so other goroutines do not wait for the disk.
type historyFile struct {
	path   string // "" for no file
	log    zerolog.Logger
	begun  time.Time // start of the last save
	saved  uint64    // version of the episodes that was saved last
	saving *historySave
	failed bool // the last save failed
}

type historySave struct {
	version uint64
	ended   chan error
}

// historyHead is the beginning of each history file.
const historyHead = `{"version":`

// CheckHistory returns an error if there is a file of another kind at the path of the history that belongs to a state
// file, or at the path of its temporary file.
func CheckHistory(stateFile string) error {
	path := historyOf(stateFile)
	if err := safefile.CheckTemporary(path+".new", historyHead); errors.Is(err, safefile.ErrUnsafe) {
		return err
	}
	if file, err := safefile.Open(path, os.O_RDONLY, 0); err == nil {
		_ = file.Close() // nothing was written, so the error is ignored
		return safefile.CheckHead(path, "a history of alerts", historyHead)
	}
	return nil // New reports the error, and goes on without a history
}

func historyOf(stateFile string) string { return stateFile + ".alerts" }

func (f *historyFile) open(stateFile string, log zerolog.Logger) {
	if stateFile != "" {
		f.path = historyOf(stateFile)
		f.log = log.With().Str("file", f.path).Logger()
	}
}

// load reads the file. If this fails, it logs the error, and the history is empty.
func (f *historyFile) load(episodes *meta.Episodes, now, settled time.Time) {
	if f.path == "" {
		return
	}
	text, err := readHistory(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil && !safefile.HasHead(text, historyHead) {
		f.log.Error().Msg("the file is not a history of alerts, and is left unchanged: a new history begins, and is not saved")
		f.path = ""
		return
	}
	if err == nil {
		if err = episodes.Load(text, now, settled); err != nil {
			aside := f.path + ".damaged"
			err = errors.Join(fmt.Errorf("%w, so the file is renamed to %s; the error in the file: %w", errHistory, aside, err), os.Rename(f.path, aside))
		}
	}
	if err != nil {
		f.log.Error().Err(err).Msg("the history of alerts cannot be read: a new history begins")
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

// save starts to save the episodes if they have changed.
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
		ended <- safefile.Replace(path, historyHead, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}(f.path, f.saving.ended)
}

// saveLast saves the episodes at shutdown. It returns no later than the time in the parameter
// until.
func (f *historyFile) saveLast(episodes *meta.Episodes, until time.Time) {
	if f.settle(until); f.saving == nil {
		f.begin(episodes, time.Now())
		f.settle(until)
	}
	if f.saving != nil {
		f.note(errSlow)
	}
}

// settle waits for the running save, at most until the given time, and stores the result.
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

// note logs the first failed save, and the first success after failures.
func (f *historyFile) note(err error) {
	if err != nil && !f.failed {
		f.log.Error().Err(err).Msg("saving the history of alerts failed: the file is unchanged; trying again")
	} else if err == nil && f.failed {
		f.log.Warn().Msg("saving the history of alerts works again")
	}
	f.failed = err != nil
}
