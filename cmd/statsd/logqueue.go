package main

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// maxLogLines is the maximum number of lines in the queue.
	maxLogLines = 10_000
	// flushPatience is the maximum time for writing the last lines.
	flushPatience = time.Second
)

// logQueue is a queue between the daemon and its log, so that a slow reader of the log does not block the daemon.
// If the queue is full, lines are dropped. The number of dropped lines is logged.
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
		lines:   make(chan []byte, maxLogLines),
		settled: make(chan struct{}, 1),
		ending:  make(chan struct{}),
		ended:   make(chan struct{}),
	}
	go q.run()
	return q
}

// Write adds a line to the queue. It never blocks.
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

// write writes a line to the log. A nil line is a marker from the method settle. It shows that all
// earlier lines are written.
func (q *logQueue) write(line []byte) {
	if line == nil {
		q.settled <- struct{}{}
		return
	}
	_, _ = q.out.Write(line) // ignore the error, because it could only be reported in the log
	q.tellLost()
}

// tellLost logs how many lines were lost since its last call.
func (q *logQueue) tellLost() {
	if n := q.lost.Swap(0); n > 0 {
		fmt.Fprintf(q.out, "{\"level\":\"error\",\"lines\":%d,\"message\":\"log lines lost: the log's reader is too slow\"}\n", n)
	}
}

// settle waits until all lines in the queue are written, but only for a short time. Call it once.
func (q *logQueue) settle() {
	select {
	case q.lines <- nil:
	default:
		return
	}
	select {
	case <-q.settled:
	case <-time.After(flushPatience):
	}
}

// close tells the goroutine that writes the lines to write the remaining lines and to end. It waits for this, but only
// for a short time.
func (q *logQueue) close() {
	close(q.ending)
	select {
	case <-q.ended:
	case <-time.After(flushPatience):
	}
}
