//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// report is the file of results.
type report struct {
	command []string
	start   time.Time
	notes   []string
	peers   []string
	tables  []*table
}

func newReport(command []string) *report {
	return &report{command: command, start: time.Now()}
}

func (r *report) note(text string)              { r.notes = append(r.notes, text) }
func (r *report) add(t *table)                  { r.tables = append(r.tables, t) }
func (r *report) measured(name, version string) { r.peers = append(r.peers, name+": "+version) }

const explanation = `CPU is the daemon's CPU time by the kernel's clock, from the first packet to the end of the last flush,
divided by the metrics received. It does not include the delivery to the daemon's socket, which runs on
the sender's core. "floor" only counts newlines. Ratios are taken within a round; the table shows their
median. The speed of machines drifts by a factor of up to two within an hour: compare ratios, not times.
"received" is the sum of the published counters divided by the sum of the sent ones. For the floors,
which publish nothing, it is the part of the datagrams that the kernel did not drop.
"drained" is how fast a daemon empties a socket that was filled while it was stopped. This measures the
daemon alone, independent of the sender. Over TCP it is how fast one connection is read.
`

// String returns the report as Markdown.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\n%s, %s.\n\n", r.start.UTC().Format("2 January 2006, 15:04 UTC"), machine())
	fmt.Fprintf(&b, "```sh\n%s\n```\n\n", strings.Join(r.command, " "))
	for _, text := range r.peers {
		fmt.Fprintf(&b, "- %s\n", text)
	}
	fmt.Fprintf(&b, "\n%s\n\n%s", strings.Join(r.notes, "\n"), explanation)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n%s", t)
	}
	return b.String()
}

// machine describes the machine.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	var system unix.Utsname
	_ = unix.Uname(&system)
	var memory unix.Sysinfo_t
	_ = unix.Sysinfo(&memory)
	return fmt.Sprintf("%d cores of %s, %d GiB, Linux %s, %s",
		runtime.NumCPU(), model, memory.Totalram*uint64(memory.Unit)>>30,
		unix.ByteSliceToString(system.Release[:]), runtime.Version())
}
