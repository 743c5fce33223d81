//go:build !linux

package graphite

import "net"

// unacknowledged always returns 0, because this system does not report acknowledgements. Bytes that the local
// kernel has accepted count as acknowledged.
func unacknowledged(*net.TCPConn) (int, error) { return 0, nil }
