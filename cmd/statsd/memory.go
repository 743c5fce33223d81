package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/alecthomas/units"
)

// Measured memory costs in bytes: see docs/cost.md.
const (
	memoryOfName   = 181
	memoryOfSample = 9.5 // memory for a sample of a timer
	memoryOfMember = 27  // memory for a member of a set
)

// oddMemory returns warnings about limits that allow more memory than is available. available is 0
// if the available memory is unknown.
func (all settings) oddMemory(sinks []*endpoint, available float64) (odd []string) {
	if available == 0 {
		return nil
	}
	total := 0.0
	for _, n := range all.memoryNeeds(sinks) {
		if n.bytes > available {
			odd = append(odd, fmt.Sprintf("%s: %s would need %s, but only %s are available", n.setting, n.what, inMiB(n.bytes), inMiB(available)))
		}
		if n.lasting {
			total += n.bytes
		}
	}
	if len(odd) == 0 && total > available {
		odd = append(odd, fmt.Sprintf("--max-names, --history-memory, --queue-max-bytes and the sinks: together they would need %s, but only %s are available", inMiB(total), inMiB(available)))
	}
	return odd
}

// memoryNeed is the amount of memory that a setting allows.
type memoryNeed struct {
	setting, what string
	bytes         float64
	lasting       bool // needed permanently, not only until the next flush
}

func (all settings) memoryNeeds(sinks []*endpoint) []memoryNeed {
	receivers, flag := float64(all.count("receivers")), func(name string) string { return "--" + name + " " + all.text(name) }
	needs := []memoryNeed{
		{flag("max-names"), "so many names", float64(all.count("max-names")) * memoryOfName, true},
		{flag("history-memory"), "full histories", float64(all.bytes("history-memory")), true},
		{flag("max-set-members"), "one full set", float64(all.count("max-set-members")) * receivers * memoryOfMember, false},
		{flag("max-timer-samples"), "one full timer", float64(all.count("max-timer-samples")) * receivers * memoryOfSample, false},
	}
	queues := 0.0
	for _, e := range sinks {
		switch {
		case e.get("max-bytes") != nil:
			needs = append(needs, memoryNeed{"the sink " + e.name, "its history", float64(e.bytes("max-bytes")), true})
		case !e.scheme.records: // a sink.Recorder has no queue; every other sink has one
			queues += float64(all.bytes("queue-max-bytes"))
		}
	}
	return append(needs, memoryNeed{flag("queue-max-bytes"), "full queues", queues, true})
}

func inMiB(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/float64(units.MiB)) }

// availableMemory returns the memory that the process may use. This is the smallest of the machine's memory, the
// limit of the process's control group, and GOMEMLIMIT. It returns 0 if none of them is known.
func availableMemory() float64 {
	least := math.Inf(1)
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		least = float64(limit)
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == "MemTotal:" {
				least = min(least, number(words[1])*float64(units.KiB))
			}
		}
	}
	for _, file := range cgroupLimits() {
		if text, err := os.ReadFile(file); err == nil {
			least = min(least, number(strings.TrimSpace(string(text))))
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

// cgroupLimits returns the files that may contain the memory limit of the process's control group, for versions 1
// and 2 of control groups.
func cgroupLimits() []string {
	const root = "/sys/fs/cgroup"
	files := []string{root + "/memory.max", root + "/memory/memory.limit_in_bytes"}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		switch words := strings.SplitN(strings.TrimSpace(line), ":", 3); {
		case len(words) < 3:
		case words[1] == "":
			files = append(files, filepath.Join(root, words[2], "memory.max"))
		case words[1] == "memory":
			files = append(files, filepath.Join(root, "memory", words[2], "memory.limit_in_bytes"))
		}
	}
	return files
}

// number parses a number. It returns infinity for a word such as "max", which means no limit.
func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n <= 0 {
		return math.Inf(1)
	}
	return n
}
