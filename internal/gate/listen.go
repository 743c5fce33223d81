package gate

import (
	"errors"
	"fmt"
	"net"
)

// Listen returns a Gate that listens at address, a "host:port".
func Listen(address string) (*Gate, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fmt.Errorf("listen on tcp %s: %w", address, err)
	}
	return New(l.(*net.TCPListener)), nil
}
