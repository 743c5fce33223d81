// Package ports reserves ports on the loopback interface. It is for tests and measurements that
// must choose the port of a program before they start it.
//
// When a program binds port 0 or opens an outgoing connection, the kernel chooses a port from its ephemeral range. This
// range starts at 32768 or higher. Reserved ports are below this range, so no other program gets one by chance. A port
// stays reserved even while no socket is bound to it, so a server can stop and start again.
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

// Count is the number of ports in one reservation.
const Count = step - 1

// Reserve reserves Count consecutive ports for TCP and UDP, and returns the first one. The ports
// are free when Reserve returns. Until release is called, no other call of Reserve returns them, in
// any process.
func Reserve() (first int, release func(), err error) {
	for range 200 {
		lock := low + step*rand.IntN((high-low)/step)
		// A listener on the port below the reserved ports serves as a lock. The kernel closes it when the
		// process exits.
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

// free reports whether Count consecutive ports can be bound. The parameter first is the first port.
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
