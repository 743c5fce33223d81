package main

import (
	"io"
	"os"
	"strconv"

	"github.com/mattn/go-isatty"
)

// screen describes the standard output.
type screen struct {
	file *os.File // the terminal; nil if the output is a file or a pipe
	// colour and redraw say which escape sequences to use: for colours, and for replacing the content of the terminal.
	colour, redraw bool
}

func newScreen(stdout io.Writer) screen {
	f, ok := stdout.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return screen{}
	}
	able := os.Getenv("TERM") != "dumb"
	return screen{file: f, colour: able && os.Getenv("NO_COLOR") == "", redraw: able}
}

// The default width, and the bounds for an accepted width.
const (
	defaultWidth = 80
	maxWidth     = 1000
)

// width returns the width of the terminal. If it is unknown, width returns $COLUMNS, or 80 if this variable is
// not set.
func (s screen) width() int {
	columns := 0
	if s.file != nil {
		columns, _ = terminalSize(s.file)
	}
	if columns <= 0 {
		columns, _ = strconv.Atoi(os.Getenv("COLUMNS"))
	}
	if columns <= 0 {
		return defaultWidth
	}
	return min(columns, maxWidth)
}

// height returns the number of lines of the terminal, or 0 if it is unknown.
func (s screen) height() int {
	if s.file == nil {
		return 0
	}
	_, lines := terminalSize(s.file)
	return lines
}
