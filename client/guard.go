package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// grace is the additional time that Close waits for Config.Dial, Config.Log or a connection that does not return.
const grace = time.Second

// caught converts a panic to an error. It must be called with defer. The parameter what is the name
// of the function that may panic.
func caught(err *error, what string) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s panicked: %v", what, p)
	}
}

// is reports whether err is one of the targets. It recovers if a method of err panics. For example, the
// method Unwrap of a nil *net.OpError panics.
func is(err error, targets ...error) bool {
	defer func() { _ = recover() }() // after a panic, the result is false
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// callDial calls Config.Dial, and checks its results.
func callDial(ctx context.Context, cfg Config) (conn net.Conn, err error) {
	defer caught(&err, "Config.Dial")
	conn, err = cfg.Dial(ctx, cfg.Network, cfg.Address)
	if conn == nil {
		if err == nil {
			err = errors.New("Config.Dial returned no connection and no error")
		}
		return nil, err
	}
	conn = guard{conn}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// guard converts panics and invalid byte counts of a connection to errors. The connection may have a type that
// the program defines, or be a typed nil.
type guard struct{ net.Conn }

func (g guard) Read(b []byte) (n int, err error) {
	defer caught(&err, "the connection's Read")
	return g.Conn.Read(b)
}

func (g guard) Write(b []byte) (n int, err error) {
	defer caught(&err, "the connection's Write")
	n, err = g.Conn.Write(b)
	if n < 0 || n > len(b) {
		return 0, fmt.Errorf("the connection's Write returned n=%d for a buffer of %d bytes", n, len(b))
	}
	if n < len(b) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

func (g guard) SetWriteDeadline(t time.Time) (err error) {
	defer caught(&err, "the connection's SetWriteDeadline")
	return g.Conn.SetWriteDeadline(t)
}

func (g guard) Close() (err error) {
	defer caught(&err, "the connection's Close")
	return g.Conn.Close()
}

// endOf returns the error of a context that has ended, with its cause.
func endOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
