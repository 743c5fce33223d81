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

// cpuTime returns the CPU time that all threads of a process have used so far. It is exact to
// nanoseconds.
func cpuTime(pid int) (time.Duration, error) {
	// clock is the id of the CPU clock of the process, as clock_getcpuclockid(3) computes it. It is the
	// complement of the process id, shifted left by three bits. The lower bits select the scheduler's clock.
	clock := int32(^pid<<3 | 2)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// memory returns a field of /proc/PID/status in bytes, for example VmHWM.
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

// socketsOn returns the state of the sockets on a port. On Linux, where this program runs, the
// state is always known. The kernel does not report the queues of unix sockets.
func socketsOn(network string, port int) sockets.State {
	if network != "tcp" && network != "udp" {
		return sockets.State{}
	}
	s, _ := sockets.On(network, port)
	return s
}

// watchQueue reads the length of a port's queue every 10 ms until stop is called. stop returns the
// greatest length in bytes.
func watchQueue(network string, port int) (stop func() int) {
	done, longest := make(chan struct{}), make(chan int)
	go func() {
		peak := 0
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				longest <- peak
				return
			case <-tick.C:
				peak = max(peak, socketsOn(network, port).Queued)
			}
		}
	}()
	return func() int {
		close(done)
		return <-longest
	}
}

// pinSelf pins all threads of this program to one CPU core, including threads that are started
// later.
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

// bufferSettings are the kernel settings for receive buffers: the default size, and the maximum
// size that a program may request.
var bufferSettings = [...]string{"/proc/sys/net/core/rmem_default", "/proc/sys/net/core/rmem_max"}

// unixQueueSetting is the kernel setting for the maximum number of datagrams that wait at a unix
// socket. With the default of 10, a unix socket would hold much less than a UDP socket. So the
// benchmark sets it to unixQueue.
const (
	unixQueueSetting = "/proc/sys/net/unix/max_dgram_qlen"
	unixQueue        = 512
)

// setReceiveBuffers makes all daemons that are started from now on get the same receive buffer,
// whatever they request. It needs root.
func setReceiveBuffers(bytes int) error {
	for _, path := range bufferSettings {
		if err := os.WriteFile(path, strconv.AppendInt(nil, int64(bytes), 10), 0); err != nil {
			return err
		}
	}
	return os.WriteFile(unixQueueSetting, strconv.AppendInt(nil, unixQueue, 10), 0)
}

// keepReceiveBuffers returns a function that restores the current kernel settings.
func keepReceiveBuffers() (restore func(), err error) {
	settings := append(bufferSettings[:], unixQueueSetting)
	kept := make([][]byte, len(settings))
	for i, path := range settings {
		if kept[i], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return func() {
		for i, path := range settings {
			_ = os.WriteFile(path, kept[i], 0)
		}
	}, nil
}

// checkBuffers returns an error unless each UDP socket on the daemon's port has the configured
// buffer size. The kernel reports the buffer size only to a process that has the socket open, so
// checkBuffers duplicates the daemon's descriptors.
func (d *daemon) checkBuffers() error {
	pid := d.cmd.Process.Pid
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	defer unix.Close(process)
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	found := false
	for _, entry := range descriptors {
		n, err := strconv.Atoi(entry.Name())
		if err != nil {
			return err
		}
		fd, err := unix.PidfdGetfd(process, n, 0)
		if err != nil {
			continue // the daemon has closed the descriptor
		}
		granted, ok := bufferOf(fd, d.port)
		unix.Close(fd)
		if found = found || ok; ok && granted != d.buffer {
			return fmt.Errorf("the receive buffer has %d bytes, not %d: results would not be comparable", granted, d.buffer)
		}
	}
	if !found {
		return fmt.Errorf("the daemon has no UDP socket on port %d", d.port)
	}
	return nil
}

// bufferOf returns the size of the receive buffer of a descriptor. It returns false if the
// descriptor is not a UDP socket on this port.
func bufferOf(fd, port int) (bytes int, ok bool) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_DGRAM {
		return 0, false
	}
	switch address, _ := unix.Getsockname(fd); a := address.(type) {
	case *unix.SockaddrInet4:
		ok = a.Port == port
	case *unix.SockaddrInet6:
		ok = a.Port == port
	}
	bytes, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	return bytes, ok && err == nil
}
