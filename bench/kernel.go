//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/sockets"
)

// cpuTime is the CPU time that a process has used so far, with all its threads, to
// the nanosecond.
func cpuTime(pid int) (time.Duration, error) {
	// The clock of a process, as clock_getcpuclockid(3) makes it: the complement of
	// the id, shifted past the two bits that choose the scheduler's clock.
	clock := int32(^pid<<3 | 2)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// memory is a field of /proc/PID/status, such as VmHWM, in bytes.
func memory(pid int, field string) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), field+":")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	kib, _ := strconv.Atoi(words[0])
	return kib << 10
}

// socketsOn is what the kernel knows of a port; this program is for Linux, which tells.
func socketsOn(network string, port int) sockets.State {
	s, _ := sockets.On(network, port)
	return s
}

// watchQueue looks at a port's queue every 10 ms until it is told to stop, and then
// returns the longest that it saw, in bytes.
func watchQueue(network string, port int) (stop func() int) {
	done, longest := make(chan struct{}), make(chan int)
	go func() {
		most := 0
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				longest <- most
				return
			case <-tick.C:
				most = max(most, socketsOn(network, port).Queued)
			}
		}
	}()
	return func() int {
		close(done)
		return <-longest
	}
}

// pinSelf keeps every thread of this program, now and later, on one core.
func pinSelf(core int) error {
	var set unix.CPUSet
	set.Set(core)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return err
		}
	}
	return nil
}

// bufferSettings say how large receive buffers are, and how large a program may
// ask for.
var bufferSettings = [...]string{"/proc/sys/net/core/rmem_default", "/proc/sys/net/core/rmem_max"}

// setReceiveBuffers gives every daemon started from now on the same receive buffer,
// whatever it asks for. It needs root.
func setReceiveBuffers(bytes int) error {
	for _, path := range bufferSettings {
		if err := os.WriteFile(path, strconv.AppendInt(nil, int64(bytes), 10), 0); err != nil {
			return err
		}
	}
	return nil
}

// keepReceiveBuffers returns a function that sets them to what they are now.
func keepReceiveBuffers() (restore func(), err error) {
	var kept [len(bufferSettings)][]byte
	for i, path := range bufferSettings {
		if kept[i], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return func() {
		for i, path := range bufferSettings {
			_ = os.WriteFile(path, kept[i], 0)
		}
	}, nil
}
