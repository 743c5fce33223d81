package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFamilies checks that a daemon on the IPv4 wildcard address has no IPv6 listener, and that a
// daemon on the IPv6 wildcard address has no IPv4 listener.
func TestFamilies(t *testing.T) {
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here:", err)
	} else {
		_ = l.Close()
	}
	for host, family := range map[string]string{"0.0.0.0": "", "[::]": "6"} {
		t.Run(host, func(t *testing.T) {
			startOn(t, host)
			// The five TCP sockets belong to --port, --monitor-port, --admin, the sink load:// and --pprof.
			for table, want := range map[string]int{"tcp": 5, "udp": 1} {
				for _, version := range []string{"", "6"} {
					wanted := 0
					if version == family {
						wanted = want
					}
					if n := receivers(t, table+version); n != wanted {
						t.Errorf("%d sockets in /proc/net/%s%s, want %d", n, table, version, wanted)
					}
				}
			}
		})
	}
}

// startOn runs a daemon with all its listeners on host, until the test ends.
func startOn(t *testing.T, host string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- run(ctx, []string{"statsd", "-p", "0", "-n", host, "--receivers", "1", "--monitor-host", host, "--monitor-port", "0",
			"--admin", host + ":0", "-s", "load://" + host + ":0", "--pprof", host + ":0", "--log-file", log}, io.Discard, &stderr)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitOK {
			t.Errorf("exits %d: %s", code, &stderr)
		}
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(log)
		if bytes.Contains(text, []byte("ready for udp and tcp")) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not ready: %s", host, text)
		}
	}
}

// receivers returns the number of this process's receiving sockets in a table of /proc/net.
func receivers(t *testing.T, table string) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/net/" + table)
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	for _, d := range descriptors {
		to, _ := os.Readlink(d)
		ours[to] = true
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); ours["socket:["+f[9]+"]"] && (f[3] == "0A" || strings.HasPrefix(table, "udp")) {
			n++
		}
	}
	return n
}
