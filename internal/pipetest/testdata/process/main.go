// Process is one with a stat pipe: process BEHAVIOUR DIRECTORY NUMBER. It says
// "ready" on standard output once the pipe is there, and ends when its standard
// input does, whatever else it does. To each line on it, a number, it adds that to
// its count, and says "done".
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/statvent"
)

func main() {
	time.AfterFunc(10*time.Minute, func() { os.Exit(1) })
	begun := make(chan error, 1)
	go func() { begun <- begin(os.Args[1], os.Args[2], os.Args[3]) }()
	lines := bufio.NewScanner(os.Stdin)
	go func() {
		if err := <-begun; err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("ready")
	}()
	for lines.Scan() {
		n, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		statvent.Incr("requests", n)
		fmt.Println("done")
	}
}

// begin makes the pipe.
func begin(behaviour, dir, number string) error {
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+".stats")
	switch behaviour {
	case "recorder": // as programs do
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return err
		}
		statvent.Incr("requests", n)
		statvent.SetFloat("load", 0.5)
		statvent.Record("lat.{0}", float64(n))
		_, err = statvent.NewRecorder(nil, dir)
		return err
	case "silent": // opens its pipe and never says anything
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			return err
		}
		go func() { _, _ = os.OpenFile(path, os.O_WRONLY, 0) }()
	case "absent": // never opens its pipe
		return syscall.Mkfifo(path, 0o644)
	case "garbage": // what is not in the format
		return serve(path, "\x00\xff\nno colon\n: 1\nrequests: many\nrequests: NaN\nlast line cut: 1")
	case "endless": // more than a process may say
		return serve(path, strings.Repeat("requests: 1\n", 1<<20))
	case "idle": // has no pipe
	default:
		return fmt.Errorf("no behaviour %q", behaviour)
	}
	return nil
}

// serve writes text to each reader as the original does: open, write, close,
// remove, make.
func serve(path, text string) error {
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		return err
	}
	go func() {
		for {
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, text)
			_ = w.Close()
			_ = os.Remove(path)
			if syscall.Mkfifo(path, 0o644) != nil {
				return
			}
		}
	}()
	return nil
}
