package main

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// mostLogLines is how many lines may wait to be read.
	mostLogLines = 10_000
	// lastLogLines is how long the last of them may take.
	lastLogLines = time.Second
)

// logQueue holds lines for who reads them: a reader that stands still must not make the
// daemon stand still too. What it has no room for is lost, and counted in a line of its own.
type logQueue struct {
	out     io.Writer
	lines   chan []byte
	lost    atomic.Int64
	settled chan struct{}
	ending  chan struct{}
	ended   chan struct{}
}

func newLogQueue(out io.Writer) *logQueue {
	q := &logQueue{
		out:     out,
		lines:   make(chan []byte, mostLogLines),
		settled: make(chan struct{}, 1),
		ending:  make(chan struct{}),
		ended:   make(chan struct{}),
	}
	go q.run()
	return q
}

// Write queues a line, and never waits.
func (q *logQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- bytes.Clone(line):
	default:
		q.lost.Add(1)
	}
	return len(line), nil
}

func (q *logQueue) run() {
	defer close(q.ended)
	for {
		select {
		case line := <-q.lines:
			q.write(line)
			continue
		case <-q.ending:
		}
		for range len(q.lines) {
			q.write(<-q.lines)
		}
		q.tellLost()
		return
	}
}

// write writes a line; none is the sign that those before it are written.
func (q *logQueue) write(line []byte) {
	if line == nil {
		q.settled <- struct{}{}
		return
	}
	_, _ = q.out.Write(line) // nobody is left to tell
	q.tellLost()
}

// tellLost writes how many lines were lost since it last did.
func (q *logQueue) tellLost() {
	if n := q.lost.Swap(0); n > 0 {
		fmt.Fprintf(q.out, "{\"level\":\"error\",\"lines\":%d,\"message\":\"log lines are lost: who reads the log is too slow\"}\n", n)
	}
}

// settle waits until all lines so far are written, if that is a matter of moments. It may
// be called once.
func (q *logQueue) settle() {
	select {
	case q.lines <- nil:
	default:
		return
	}
	select {
	case <-q.settled:
	case <-time.After(lastLogLines):
	}
}

// close waits until all is written, if that is a matter of moments.
func (q *logQueue) close() {
	close(q.ending)
	select {
	case <-q.ended:
	case <-time.After(lastLogLines):
	}
}
