package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// logger is the log of the daemon. Its level can be changed while other goroutines write to it.
type logger struct {
	zerolog.Logger
	queue *logQueue
	least atomic.Int32 // minimum level, a zerolog.Level
	file  *logFile     // nil if --log-file is not set
	// terminal is the terminal that the log is printed on, or nil.
	terminal io.Writer
}

// newLogger returns a log that writes to stderr, or to the file of --log-file.
func newLogger(all settings, stderr io.Writer) (*logger, error) {
	l := &logger{}
	out := stderr
	if path := all.text("log-file"); path != "" {
		l.file = &logFile{path: path}
		if err := l.file.reopen(); err != nil {
			return nil, err
		}
		out = l.file
	}
	format, terminal := all.text("log-format"), isTerminal(out)
	if terminal {
		l.terminal = out
	}
	if format == "console" || format == "auto" && terminal {
		color := terminal && os.Getenv("NO_COLOR") == ""
		out = zerolog.ConsoleWriter{Out: out, NoColor: !color, TimeFormat: time.DateTime}
	}
	l.follow(all)
	l.queue = newLogQueue(out)
	l.Logger = zerolog.New(l.queue).Hook(zerolog.HookFunc(l.filter)).With().Timestamp().Logger()
	return l, nil
}

// follow sets the log level according to the settings.
func (l *logger) follow(all settings) {
	least := zerolog.InfoLevel
	switch {
	case all.on("debug"):
		least = zerolog.DebugLevel
	case all.on("quiet"):
		least = zerolog.WarnLevel
	}
	l.least.Store(int32(least))
}

func (l *logger) filter(e *zerolog.Event, level zerolog.Level, _ string) {
	if int32(level) < l.least.Load() {
		e.Discard()
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
