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

const explanation = `CPU is the daemon's own, by the kernel's clock, from the first packet to the end of the last
flush, over the metrics that came out again; delivery to its socket runs on the sender's core and is not
in it. "floor" only counts newlines; ratios are taken within a round, and the table shows
their median. Machines drift by a factor of up to two within an hour: compare ratios, not times.
"received" is the sum of the counters that were published over that of those sent (for the floors,
which publish nothing, the part of the datagrams that the kernel did not drop).
"drained" is how fast a daemon empties a socket that was filled while it was stopped: its intake
alone, however fast a sender is; over TCP, how fast one connection is read.
`

// String is the report as Markdown.
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

// machine says what was measured on.
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
