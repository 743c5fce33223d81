//go:build !linux

package graphite

import "net"

// unacknowledged is unknown here: bytes that the local kernel has taken count as acknowledged.
func unacknowledged(*net.TCPConn) (int, error) { return 0, nil }
