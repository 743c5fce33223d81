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
	lines lines
	file  *logFile // nil without --log-file
}

// newLogger makes the log, which goes to stderr, or to the file of --log-file.
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
	if format == "console" || format == "auto" && terminal {
		color := terminal && os.Getenv("NO_COLOR") == ""
		out = zerolog.ConsoleWriter{Out: out, NoColor: !color, TimeFormat: time.DateTime}
	}
	l.follow(all)
	l.lines = lines{out, make(chan struct{}, 1)}
	l.queue = diode.NewWriter(l.lines, mostLogLines, 0, func(missed int) {
		fmt.Fprintf(out, "{\"level\":\"error\",\"lines\":%d,\"message\":\"log lines are lost: who reads the log is too slow\"}\n", missed)
	})
	l.Logger = zerolog.New(l.queue).Hook(zerolog.HookFunc(l.filter)).With().Timestamp().Logger()
	return l, nil
}

const (
	// mostLogLines is how many lines may wait to be read.
	mostLogLines = 10_000
	// lastLogLines is how long the last of them may take.
	lastLogLines = time.Second
)

// lines writes what the queue gives it. An empty line is the sign that those before it are
// written.
type lines struct {
	out     io.Writer
	written chan struct{}
}

func (l lines) Write(line []byte) (int, error) {
	if len(line) == 0 {
		l.written <- struct{}{}
		return 0, nil
	}
	return l.out.Write(line)
}

// settle waits until all lines so far are written, if that is a matter of moments. It may
// be called once.
func (l *logger) settle() {
	_, _ = l.queue.Write(nil)
	select {
	case <-l.lines.written:
	case <-time.After(lastLogLines):
	}
}

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
