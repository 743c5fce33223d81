//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os/signal"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// floor receives UDP and TCP and only counts lines. It uses less CPU time than any complete daemon
// in Go could use on this machine. All results are compared with the results of the floor.
type floor struct {
	lines atomic.Int64
}

// largest is the size of the buffer for one datagram, or for one read from a stream.
const largest = 64 << 10

// runFloor is the command "bench floor". It runs until it gets SIGTERM.
func runFloor(args []string) error {
	flags := flag.NewFlagSet("bench floor", flag.ExitOnError)
	port := flags.Int("port", 8125, "port to receive on, at 127.0.0.1")
	blocking := flags.Bool("blocking", false, "receive with blocking system calls that read many datagrams each, without Go's poller")
	_ = flags.Parse(args) // ignore the error, because Parse exits on errors
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	var f floor
	address := fmt.Sprintf("127.0.0.1:%d", *port)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close()
	failed := make(chan error, 3)
	go func() { failed <- f.serve(listener) }()
	if *blocking {
		go func() { failed <- f.receiveBlocking(*port) }()
	} else {
		go func() { failed <- f.receive(address) }()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	fmt.Println(f.lines.Load(), "lines")
	return err
}

func (f *floor) count(data []byte) { f.lines.Add(int64(bytes.Count(data, []byte("\n")))) }

// receive reads in the usual way for Go: one datagram per call, through Go's poller.
func (f *floor) receive(address string) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	buffer := make([]byte, largest)
	for {
		n, _, err := conn.(*net.UDPConn).ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		f.count(buffer[:n])
	}
}

// receiveBlocking reads with blocking system calls, without Go's poller.
func (f *floor) receiveBlocking(port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fmt.Errorf("bind to port %d: %w", port, err)
	}
	const size = 32
	b := newBatch(size)
	buffers := make([][]byte, size)
	for i := range buffers {
		buffers[i] = make([]byte, largest)
		b.set(i, buffers[i])
	}
	for {
		n, err := b.call(unix.SYS_RECVMMSG, fd, size, unix.MSG_WAITFORONE)
		if err != nil {
			return fmt.Errorf("recvmmsg: %w", err)
		}
		for i, m := range b.messages[:n] {
			f.count(buffers[i][:m.length])
		}
	}
}

func (f *floor) serve(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			for buffer := make([]byte, largest); ; {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				f.count(buffer[:n])
			}
		}()
	}
}
