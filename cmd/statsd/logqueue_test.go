package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// gated is a log reader that blocks until it is released.
type gated struct {
	bytes.Buffer
	open chan struct{}
}

func (g *gated) Write(line []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(line)
}

func TestLogQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &gated{open: make(chan struct{})}
		q := newLogQueue(out)
		const more = 7
		line := []byte("0\n")
		_, _ = q.Write(line)
		line[0] = '?' // Write must have copied the line
		synctest.Wait()
		for i := range maxLogLines + more {
			fmt.Fprintf(q, "%d\n", i+1)
		}
		close(out.open)
		synctest.Wait() // the number of lost lines must be logged even if no further line follows
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != maxLogLines+2 || lines[0] != "0" || lines[len(lines)-1] != fmt.Sprint(maxLogLines) {
			t.Errorf("%d lines, %q to %q", len(lines), lines[0], lines[len(lines)-1])
		}
		if want := fmt.Sprintf(`"lines":%d`, more); !strings.Contains(out.String(), want) {
			t.Errorf("no line with %s", want)
		}
		fmt.Fprint(q, "last\n")
		q.close()
		if !strings.HasSuffix(out.String(), "\nlast\n") {
			t.Error("the last line is not written")
		}
	})
}

func TestLogQueueStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &gated{open: make(chan struct{})}
		q := newLogQueue(out)
		fmt.Fprint(q, "a line\n")
		start := time.Now()
		q.settle()
		q.close()
		if took := time.Since(start); took != 2*flushPatience {
			t.Errorf("waits for %v", took)
		}
		close(out.open)
	})
}
