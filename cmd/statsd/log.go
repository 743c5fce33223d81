package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// logger is the log. What it leaves out can change while others write to it.
type logger struct {
	zerolog.Logger
	least atomic.Int32 // zerolog.Level
}

// newLogger makes the log, which goes to stderr.
func newLogger(all settings, stderr io.Writer) *logger {
	format, terminal := all.text("log-format"), isTerminal(stderr)
	if format == "console" || format == "auto" && terminal {
		color := terminal && os.Getenv("NO_COLOR") == ""
		stderr = zerolog.ConsoleWriter{Out: stderr, NoColor: !color, TimeFormat: time.DateTime}
	}
	l := &logger{}
	l.follow(all)
	l.Logger = zerolog.New(zerolog.SyncWriter(stderr)).Hook(zerolog.HookFunc(l.filter)).With().Timestamp().Logger()
	return l
}

// follow makes the log go by the settings.
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
