// Command traffic tests that a daemon loses no samples while it is restarted. It sends samples to the daemon over TCP,
// and receives the points that the daemon publishes, like carbon:
//
//	traffic STOP
//
// It sends samples until the file STOP exists. Then it waits until the published sum equals the number of sent samples,
// and prints both numbers. It exits with status 1 if they still differ after a minute, or if more samples were published
// than sent. The flush interval of the daemon must be one second.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	daemon   = "127.0.0.1:8125"
	carbon   = "127.0.0.1:2003"
	batch    = "packaged:1|c\n"
	perBatch = 10
	patience = time.Minute
	pause    = 2 * time.Millisecond
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "traffic:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: traffic STOP")
	}
	listener, err := net.Listen("tcp", carbon)
	if err != nil {
		return err
	}
	defer listener.Close()
	var published atomic.Int64
	go serve(listener, &published)

	sent, retries, slowest := int64(0), 0, time.Duration(0)
	for begun := time.Now(); !exists(args[0]); time.Sleep(pause) {
		if err := send(); err != nil {
			retries++ // the daemon has read nothing of this batch
			continue
		}
		sent += perBatch
		slowest = max(slowest, time.Since(begun))
		begun = time.Now()
	}
	for end := time.Now().Add(patience); published.Load() < sent && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(2 * time.Second) // wait longer, because the published sum may still become too large
	fmt.Printf("sent %d samples, %d were published; %d connections were refused, for at most %v\n", sent, published.Load(), retries, slowest.Round(time.Millisecond))
	if published.Load() != sent {
		return fmt.Errorf("%d samples are missing", sent-published.Load())
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// send sends a batch, and waits until the daemon has read it and closed the connection. If the
// daemon exits before it has accepted the connection, the connection is reset, and send returns an
// error.
func send() error {
	conn, err := net.Dial("tcp", daemon)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.Repeat(batch, perBatch)); err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

// serve adds up the rates that the daemon publishes. The daemon flushes each second, so a rate
// equals a count.
func serve(listener net.Listener, published *atomic.Int64) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				name, rest, _ := strings.Cut(lines.Text(), " ")
				value, _, _ := strings.Cut(rest, " ")
				if n, err := strconv.ParseFloat(value, 64); err == nil && name == "stats.packaged" {
					published.Add(int64(n))
				}
			}
		}()
	}
}
