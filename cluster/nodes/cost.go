package nodes

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Cost returns the CPU time that all nodes have used so far, and the number of bytes that they have
// written to disk.
func (c *Cluster) Cost() (cpu time.Duration, written int64) {
	for _, n := range c.Nodes {
		pid := n.cmd.Process.Pid
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			n.t.Fatal(err)
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] { // the fields are utime and stime, in 1/100 s
			ticks, _ := strconv.ParseInt(field, 10, 64)
			cpu += time.Duration(ticks) * 10 * time.Millisecond
		}
		io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			n.t.Fatal(err)
		}
		for line := range strings.Lines(string(io)) {
			if value, ok := strings.CutPrefix(line, "write_bytes: "); ok {
				bytes, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
				written += bytes
			}
		}
	}
	return cpu, written
}
