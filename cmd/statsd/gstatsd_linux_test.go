package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/sink/sinktest"
)

// TestGstatsdClient sends recorded lines of gstatsd's own client. The daemon must publish the same points as
// gstatsd.
func TestGstatsdClient(t *testing.T) {
	t.Parallel()
	capture, err := os.ReadFile("../../server/testdata/captures/gstatsd-py2.udp")
	if err != nil {
		t.Fatal(err)
	}
	c := sinktest.NewServer(t)
	d := startCommand(t, "gstatsd", "-b", "127.0.0.1:0", "-s", c.Addr(), "-f", "1000", "--receivers=1", "--monitor-port=off")
	conn, err := net.Dial("udp", "127.0.0.1:"+d.port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for len(capture) > 0 {
		end := 4 + binary.BigEndian.Uint32(capture)
		if _, err := conn.Write(capture[4:end]); err != nil {
			t.Fatal(err)
		}
		capture = capture[end:]
	}
	d.stop()
	var got []string
	for _, p := range c.Points() {
		if !strings.HasPrefix(p.Path, "statsd.") || p.Path == "statsd.numStats" {
			got = append(got, fmt.Sprintln(p.Path, p.Value))
		}
	}
	slices.Sort(got)
	const golden = "testdata/gstatsd-py2.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(got, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(got, ""); text != string(want) {
		t.Errorf("publishes\n%s\nwant\n%s", text, want)
	}
}
