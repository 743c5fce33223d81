//go:build !linux

package client

import "net"

// canCut returns false, because only Linux supports UDP_SEGMENT.
func canCut(*net.UDPConn) bool { return false }

func appendCut(oob []byte, _ int) []byte { return oob }
