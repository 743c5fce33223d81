package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// board prints one line for each stage when the stage ends. On a terminal, an additional last line
// shows the running stages.
type board struct {
	out      io.Writer
	terminal bool

	mu      sync.Mutex
	running []*line
	all     tally // sum of the tallies of all finished stages
}

// line is the line of a running stage.
type line struct {
	board *board
	name  string
	begun time.Time
	shown string // progress of the stage, as shown on the terminal
}

func newBoard(out io.Writer) *board {
	info, err := os.Stdout.Stat()
	return &board{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// begin starts a stage and returns the stage's line.
func (b *board) begin(name string) *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &line{board: b, name: name, begun: time.Now()}
	b.running = append(b.running, l)
	b.show()
	return l
}

// progress replaces the text about the progress of the stage on the terminal.
func (l *line) progress(how string) {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	l.shown = how
	l.board.show()
}

// end prints the line of a finished stage, and adds the counts of its tests.
func (l *line) end(outcome string, counts tally) {
	b := l.board
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.running {
		if other == l {
			b.running = append(b.running[:i], b.running[i+1:]...)
			break
		}
	}
	b.all.add(counts)
	b.clear()
	fmt.Fprintf(b.out, "%-28s%6.1fs  %s\n", l.name, time.Since(l.begun).Seconds(), outcome)
	b.show()
}

// Write prints output of tests between the lines of stages.
func (b *board) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
	n, err := b.out.Write(text)
	b.show()
	return n, err
}

func (b *board) clear() {
	if b.terminal {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// show prints the last line, which shows the running stages.
func (b *board) show() {
	if !b.terminal || len(b.running) == 0 {
		return
	}
	var names []string
	for _, l := range b.running {
		names = append(names, strings.TrimSpace(l.name+" "+l.shown))
	}
	b.clear()
	fmt.Fprint(b.out, "running: ", strings.Join(names, "; "))
}
