// Package ports reserves ports of the loopback, for tests and measurements that start
// a program which must be told its port.
//
// The kernel serves port 0 and outgoing connections from a range of its own, 32768 and
// up or higher. A reserved port lies below that range, so no program gets it by chance.
// It stays reserved while nothing listens on it: a server may stop and start again.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
)

const (
	low, high = 10_000, 32_000
	step      = 20
)

// Count is how many ports one reservation has.
const Count = step - 1

// Reserve reserves Count ports in a row for TCP and UDP, and returns the first one.
// They are free now, and no other caller of Reserve gets them before release, in this
// process or another one.
func Reserve() (first int, release func(), err error) {
	for range 200 {
		lock := low + step*rand.IntN((high-low)/step)
		// The listener below the ports is the lock. It ends with its process.
		listener, err := net.Listen("tcp", address(lock))
		if err != nil {
			continue
		}
		if withoutFork(func() bool { return free(lock + 1) }) {
			return lock + 1, func() { _ = listener.Close() }, nil
		}
		_ = listener.Close()
	}
	return 0, nil, fmt.Errorf("no %d ports in a row are free on 127.0.0.1 between %d and %d", step, low, high)
}

// free reports whether the ports from first on can be bound.
func free(first int) bool {
	for port := first; port < first+Count; port++ {
		tcp, err := net.Listen("tcp", address(port))
		if err != nil {
			return false
		}
		_ = tcp.Close()
		udp, err := net.ListenPacket("udp", address(port))
		if err != nil {
			return false
		}
		_ = udp.Close()
	}
	return true
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
