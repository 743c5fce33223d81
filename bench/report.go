//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// report contains the results of a run, as they are written to the results file.
type report struct {
	command []string
	start   time.Time
	notes   []string
	peers   []string
	tables  []*table
	load    float64 // load average of the machine before the run
}

func newReport(command []string) *report {
	return &report{command: command, start: time.Now(), load: load()}
}

func (r *report) note(text string) { r.notes = append(r.notes, text) }
func (r *report) add(t *table)     { r.tables = append(r.tables, t) }

const explanation = `CPU is the daemon's CPU time by the kernel's clock, from the first packet to the end of the last flush,
divided by the metrics received. Cold is the first traffic of a new daemon, with first names and page faults. Steady is
the same traffic once more. CPU does not include the delivery to the daemon's socket, which runs on the sender's core.
"floor" only counts newlines. Ratios are taken within a round; the tables show medians, with the least and the greatest in
brackets. The speed of machines drifts by a factor of up to two within an hour: compare ratios, not times.
"received" is the sum of the published counters divided by the sum of the sent ones. For the floors,
which publish nothing, it is the part of the datagrams that the kernel did not drop.
"drained" is how fast a daemon empties a socket that was filled while it was stopped: the CPU from when it goes on until the
socket is empty. It has published all names before, so neither first names nor a flush fall into it. This measures the
daemon alone, independent of the sender. Over TCP and unix sockets it is how fast one sender is read. statsd_exporter and otelcol
read into their own queues, so their drains say little: their steady CPU is what they can keep up with.
`

// String returns the report as a Markdown text.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\n%s\n\n", r.quiet())
	b.WriteString(r.headlines())
	fmt.Fprintf(&b, "\n%s, %s. Load of the machine: %.1f when it began, %.1f at the end.\n\n",
		r.start.UTC().Format("2 January 2006, 15:04 UTC"), machine(), r.load, load())
	fmt.Fprintf(&b, "```sh\n%s\n```\n\n", strings.Join(r.command, " "))
	b.WriteString(r.glance())
	b.WriteString("\n" + aimsText())
	b.WriteString("\n## How it is measured\n\n")
	for _, text := range r.peers {
		fmt.Fprintf(&b, "- %s\n", text)
	}
	fmt.Fprintf(&b, "\n%s\n\n%s\n%s\n\n## Tables\n", strings.Join(r.notes, "\n"), explanation, absent)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n%s\nAlone: `go run ./bench %s`\n", t, t.workload.name)
	}
	return b.String()
}

// absent says why some well-known daemons are not measured.
const absent = `Not measured, because neither Debian nor the Go module proxy has them where this was run: statsite, gostatsd, bitly's and
raintank's statsdaemon. telegraf takes too long to build: it comes with all its hundreds of plugins.
`

// machine returns a text about the CPU, the memory and the system of the machine.
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

// load returns the load average of the last minute.
func load() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}
