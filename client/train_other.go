//go:build !linux

package client

import "net"

// canCut reports false: only Linux cuts.
func canCut(*net.UDPConn) bool { return false }

func appendCut(oob []byte, _ int) []byte { return oob }
