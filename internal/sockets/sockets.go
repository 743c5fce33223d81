// Package sockets returns the kernel's state of the sockets that receive on a port,
// without connecting to it. It reads Linux's /proc/net.
//
//	state, err := sockets.On("udp", 8125)
package sockets

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
)

// State is the combined state of all sockets of a port.
type State struct {
	Bound       bool // receives datagrams or connections
	Connections int  // includes connections that wait to be accepted
	Queued      int  // bytes waiting to be read; for UDP including the kernel's overhead
	Drops       int  // datagrams that the kernel dropped
}

// On returns the state of the sockets of a local port, on any address. The network is "tcp" or
// "udp", over IPv4 and IPv6. It returns an error on a machine without /proc/net.
func On(network string, port int) (State, error) {
	var s State
	table, err := os.ReadFile("/proc/net/" + network)
	if err != nil {
		return s, fmt.Errorf("read the sockets of %s port %d: %w", network, port, err)
	}
	s.add(string(table), network, port)
	table, _ = os.ReadFile("/proc/net/" + network + "6") // missing without IPv6
	s.add(string(table), network, port)
	return s, nil
}

// add counts the sockets of a table such as /proc/net/udp.
func (s *State) add(table, network string, port int) {
	for f := range rows(table, port) {
		if network == "tcp" && f[3] == listening {
			s.Bound = true // its queue counts connections, not bytes
			continue
		}
		_, received, _ := strings.Cut(f[4], ":")
		queued, _ := strconv.ParseInt(received, 16, 64)
		s.Queued += int(queued)
		if network == "tcp" {
			s.Connections++
		}
		if network == "udp" && len(f) > 12 {
			s.Bound = true
			drops, _ := strconv.Atoi(f[12])
			s.Drops += drops
		}
	}
}

// listening is the state of a TCP socket that accepts connections.
const listening = "0A"

// rows yields the columns of a port's sockets in a table such as /proc/net/udp (see proc_net_tcp in
// the kernel's documentation): number, local address, remote address, state, the two queues, three
// more, inode as the 10th, and for UDP the drops as the 13th.
func rows(table string, port int) iter.Seq[[]string] {
	suffix := fmt.Sprintf(":%04X", port)
	return func(yield func([]string) bool) {
		for line := range strings.Lines(table) {
			f := strings.Fields(line)
			if len(f) >= 10 && strings.HasSuffix(f[1], suffix) && !yield(f) {
				return
			}
		}
	}
}
