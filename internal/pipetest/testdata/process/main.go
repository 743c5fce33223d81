// Process is a test process with a stat pipe: process BEHAVIOUR DIRECTORY NUMBER. It prints "ready"
// when the pipe exists, and exits when its standard input ends. Each line of input is a number. The
// process adds the number to the count of "requests" and prints "done".
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
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

// begin creates the stat pipe for a behaviour.
func begin(behaviour, dir, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	path := pipeOf(dir, os.Getpid())
	switch behaviour {
	case "recorder": // a valid stat pipe
		statvent.Incr("requests", int64(n))
		statvent.SetFloat("load", 0.5)
		statvent.Record("lat.{0}", float64(n))
		_, err = statvent.NewRecorder(nil, dir)
		return err
	case "silent": // opens its pipe, and writes nothing
		if err := syscall.Mkfifo(path, 0o644); err != nil {
			return err
		}
		go func() { _, _ = os.OpenFile(path, os.O_WRONLY, 0) }()
	case "absent": // never opens its pipe
		return syscall.Mkfifo(path, 0o644)
	case "garbage": // writes lines that are not in the format of stat pipes
		return serve(path, "\x00\xff\nno colon\n: 1\nrequests: many\nrequests: NaN\nlast line cut: 1")
	case "endless": // writes more data than a reader accepts
		return serve(path, strings.Repeat("requests: 1\n", 1<<20))
	case "cut": // writes a text that ends with "(cut)", as for a reader that is too slow
		return serve(path, "requests: 1\n(cut)")
	case "threads": // has NUMBER threads, each with a pipe that is never opened
		return startThreads(dir, n)
	case "idle": // has no pipe
	default:
		return fmt.Errorf("no behaviour %q", behaviour)
	}
	return nil
}

func pipeOf(dir string, id int) string { return filepath.Join(dir, strconv.Itoa(id)+".stats") }

// startThreads starts n threads that never end, and creates a pipe for each thread.
func startThreads(dir string, n int) error {
	made := make(chan error)
	for range n {
		go func() {
			runtime.LockOSThread()
			made <- syscall.Mkfifo(pipeOf(dir, syscall.Gettid()), 0o644)
			select {}
		}()
	}
	for range n {
		if err := <-made; err != nil {
			return err
		}
	}
	return nil
}

// serve writes text to each reader. It opens, writes, closes, removes and recreates the pipe for
// each reader, like the original StatVent library.
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
