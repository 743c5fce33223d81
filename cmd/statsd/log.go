package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"
)

// logger is the log. What it leaves out can change while others write to it.
//
// Lines wait in a queue for who reads them: a reader that stands still must not
// make the daemon stand still too. What the queue has no room for is lost, and
// counted in a line of its own.
type logger struct {
	zerolog.Logger
	queue diode.Writer
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
	// It would close what it writes to, and more is to be written to stderr.
	l.queue = diode.NewWriter(struct{ io.Writer }{stderr}, mostLogLines, 0, func(missed int) {
		fmt.Fprintf(stderr, "{\"level\":\"error\",\"lines\":%d,\"message\":\"log lines are lost: who reads the log is too slow\"}\n", missed)
	})
	l.Logger = zerolog.New(l.queue).Hook(zerolog.HookFunc(l.filter)).With().Timestamp().Logger()
	return l
}

const (
	// mostLogLines is how many lines may wait to be read.
	mostLogLines = 10_000
	// lastLogLines is how long the last of them may take at the end.
	lastLogLines = time.Second
)

// close waits until all is written, if that is a matter of moments.
func (l *logger) close() {
	written := make(chan struct{})
	go func() {
		_ = l.queue.Close()
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(lastLogLines):
	}
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
