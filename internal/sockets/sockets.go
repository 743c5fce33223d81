// Package sockets returns the state of the sockets that receive data on a port. It reads this state from /proc/net, and
// does not connect to the port.
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

// State is the combined state of all sockets on a port.
type State struct {
	Bound       bool // at least one socket receives datagrams or connections
	Connections int  // number of connections, including the ones that wait for accept
	Queued      int  // bytes that wait to be read; for UDP with the kernel's overhead
	Drops       int  // number of datagrams that the kernel dropped
}

// On returns the combined state of all sockets on a local port, on any address. The network is
// "tcp" or "udp", for both IPv4 and IPv6. On returns an error on a system without /proc/net.
func On(network string, port int) (State, error) {
	var s State
	table, err := os.ReadFile("/proc/net/" + network)
	if err != nil {
		return s, fmt.Errorf("read the sockets of %s port %d: %w", network, port, err)
	}
	s.add(string(table), network, port)
	table, _ = os.ReadFile("/proc/net/" + network + "6") // the table is missing if IPv6 is disabled
	s.add(string(table), network, port)
	return s, nil
}

// add adds the sockets in a table such as /proc/net/udp to s.
func (s *State) add(table, network string, port int) {
	for f := range rows(table, port) {
		if network == "tcp" && f[3] == listening {
			s.Bound = true // the queue of a listening socket contains connections, not bytes
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

// listening is the code for the TCP state LISTEN in /proc/net/tcp.
const listening = "0A"

// rows yields the columns of each socket of a port in a table such as /proc/net/udp (see
// proc_net_tcp in the kernel's documentation). The columns are: number, local address, remote
// address, state, the two queues, and then three others. The 10th column is the inode. For UDP, the
// 13th column is the number of dropped datagrams.
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
