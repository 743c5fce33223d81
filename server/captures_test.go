package server

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// For the recorded datagrams of real clients, the daemon's results equal the golden files. The
// datagrams are sent over UDP, TCP, and both types of unix sockets. Over TCP a newline ends each
// datagram; over a unix stream each datagram is one frame. A recorded TCP stream is sent over UDP
// as one datagram. Only the counts of datagrams, connections and bytes may depend on the transport.
func TestCaptures(t *testing.T) {
	files, err := filepath.Glob("testdata/captures/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".md") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			messages := readCapture(t, file)
			same, transport := captured(t, config(), messages)
			golden(t, filepath.Join("testdata/golden", filepath.Base(file)+".txt"), same+transport)
		})
	}
}

// With --tags, the points of recorded lines keep their tags. All other results are the same with
// and without --tags.
func TestCapturesWithTags(t *testing.T) {
	for _, file := range []string{"aiodogstatsd.udp", "datadog-go.udp", "datadog-go-uds.uds", "datadog-go-unixstream.bin", "hot-shots-node.udp"} {
		for name, style := range map[string]metric.Tags{"graphite": metric.GraphiteTags, "keep-in-name": metric.TagsInName} {
			t.Run(file+"/"+name, func(t *testing.T) {
				t.Parallel()
				cfg := config()
				cfg.Tags = style
				same, _ := captured(t, cfg, readCapture(t, filepath.Join("testdata/captures", file)))
				golden(t, filepath.Join("testdata/golden", file+"."+name+".txt"), same)
			})
		}
	}
}

// captured sends messages to one daemon over UDP and to another daemon over TCP. It returns the
// results that must be equal, and the results that depend on the transport.
func captured(t *testing.T, cfg Config, messages []string) (same, transport string) {
	t.Helper()
	overUDP, overTCP := capturedOver(t, cfg, "udp", messages), capturedOver(t, cfg, "tcp", messages)
	same = overUDP.lines()
	overs := map[string]*daemon{"tcp": overTCP}
	for _, scheme := range []listen.Scheme{listen.Unixgram, listen.Unix} {
		cfg.Listeners = []listen.Listener{{URL: "unix", Name: "dsd", Scheme: scheme, Address: filepath.Join(t.TempDir(), "s"), Framing: listen.Auto}}
		cfg.Listeners[0].Mode = 0o600
		over := capturedOver(t, cfg, string(scheme), messages)
		overs[string(scheme)] = over
		if got, want := figureOf(t, over.Server, "listen.dsd.lines"), figureOf(t, over.Server, "lines.received"); got != want {
			t.Errorf("over %s: %v lines of the listener, %v of all", scheme, got, want)
		}
	}
	for network, over := range overs {
		if got := over.lines(); got != same {
			t.Errorf("over %s:\n%s\nover udp:\n%s", network, got, same)
		}
	}
	return same, "-- udp\n" + overUDP.transport() + "-- tcp\n" + overTCP.transport()
}

// capturedOver sends messages to a new daemon and stops it.
func capturedOver(t *testing.T, cfg Config, network string, messages []string) *daemon {
	t.Helper()
	cfg.Receivers = 1 // the result of gauges depends on the order of datagrams
	d := start(t, cfg)
	var conn net.Conn
	if len(cfg.Listeners) > 0 {
		var err error
		if conn, err = net.Dial(network, cfg.Listeners[0].Address); err != nil {
			t.Fatal(err)
		}
	} else {
		conn = d.dial(network)
	}
	for _, m := range messages {
		switch {
		case network == "tcp" && !strings.HasSuffix(m, "\n"):
			m += "\n"
		case network == "unix":
			m = string(binary.LittleEndian.AppendUint32(nil, uint32(len(m)))) + m
		}
		send(t, conn, m)
	}
	_ = conn.Close()
	d.stop()
	return d
}

// lines renders the results that do not depend on the transport: all points, the number of samples
// by type, and the bad lines in order. Counters are shown as counts, not as rates.
func (d *daemon) lines() string {
	var b strings.Builder
	var points []string
	for _, p := range d.Points() {
		switch kind, _, _ := strings.Cut(p.Path, "."); kind {
		case "counters":
			points = append(points, fmt.Sprintln(p.Path, p.Value*never.Seconds()))
		case "gauges", "sets", "timers":
			points = append(points, fmt.Sprintln(p.Path, p.Value))
		}
	}
	slices.Sort(points)
	b.WriteString(strings.Join(points, ""))
	b.WriteString("-- counted\n")
	for _, f := range d.Figures() {
		switch {
		case slices.Contains([]string{"lines.received", "samples.received", "samples.aggregated", "samples.refused",
			"metrics.discarded", "metrics.events", "metrics.tags_dropped", "render.collisions"}, f.Name),
			strings.HasPrefix(f.Name, "metrics.discarded.") && f.Value != 0:
			fmt.Fprintln(&b, f.Name, f.Value)
		}
	}
	b.WriteString("-- bad lines\n")
	for _, bad := range slices.Backward(d.Discards().Lines) {
		fmt.Fprintln(&b, bad.Reason, meta.Quote(bad.Line))
	}
	return b.String()
}

// transport formats the results that depend on the transport.
func (d *daemon) transport() string {
	var b strings.Builder
	for _, name := range []string{"udp.packets", "udp.bytes", "tcp.connections", "tcp.bytes", "metrics.batch.count", "metrics.batch.discarded"} {
		fmt.Fprintln(&b, name, figureOf(d.t, d.Server, name))
	}
	return b.String()
}

// readCapture returns the datagrams of a capture file. It returns a recorded TCP stream as one
// message. testdata/captures/README.md describes the files.
func readCapture(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var order binary.ByteOrder
	switch filepath.Ext(file) {
	case ".udp", ".uds":
		order = binary.BigEndian
	case ".bin":
		order = binary.LittleEndian
	case ".tcp":
		return []string{string(data)}
	default:
		t.Fatalf("%s: not a format that captures come in", file)
	}
	var messages []string
	for len(data) > 0 {
		if len(data) < 4 || len(data)-4 < int(order.Uint32(data)) {
			t.Fatalf("%s: cut short", file)
		}
		n := int(order.Uint32(data))
		messages = append(messages, string(data[4:4+n]))
		data = data[4+n:]
	}
	return messages
}

// golden compares got with the content of a file. With the flag -update it writes got to the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant, as in %s:\n%s", got, file, want)
	}
}
