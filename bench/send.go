//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sent is the expected result of the daemon.
type sent struct {
	metrics, packets, count int
	took                    time.Duration
}

// burst is the number of packets in one system call.
const burst = 32

// send sends at least n metrics, at a rate per second, or as fast as possible if rate is 0.
func send(network string, port int, packets []packet, n, rate int) (sent, error) {
	var s sent
	conn, err := net.Dial(network, fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return s, err
	}
	defer conn.Close()
	write := writeStream
	if network == "udp" {
		write = newBatch(burst).write
	}
	start := time.Now()
	for next := 0; s.metrics < n; {
		end := min(next+burst, len(packets))
		for i, p := range packets[next:end] {
			s.metrics += p.metrics
			s.count += p.count
			s.packets++
			if s.metrics >= n {
				end = next + i + 1
				break
			}
		}
		if err := write(conn, packets[next:end]); err != nil {
			return s, err
		}
		next = end % len(packets)
		if rate > 0 {
			due := time.Duration(float64(s.metrics) / float64(rate) * float64(time.Second))
			time.Sleep(due - time.Since(start))
		}
	}
	s.took = time.Since(start)
	return s, nil
}

func writeStream(conn net.Conn, packets []packet) error {
	buffers := make(net.Buffers, len(packets))
	for i, p := range packets {
		buffers[i] = p.data
	}
	_, err := buffers.WriteTo(conn)
	return err
}

// message is the kernel's struct mmsghdr: a message and its length.
type message struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// batch holds the arguments of sendmmsg and recvmmsg, reused for each call.
type batch struct {
	messages []message
	vectors  []unix.Iovec
}

func newBatch(n int) *batch {
	b := &batch{make([]message, n), make([]unix.Iovec, n)}
	for i := range b.messages {
		b.messages[i].header.Iov = &b.vectors[i]
		b.messages[i].header.SetIovlen(1)
	}
	return b
}

// set makes message i send data or receive into data.
func (b *batch) set(i int, data []byte) {
	b.vectors[i].Base = &data[0]
	b.vectors[i].SetLen(len(data))
}

// call makes the system call for the first n messages and returns how many were sent or received.
func (b *batch) call(trap uintptr, fd, n, flags int) (int, error) {
	for {
		done, _, errno := unix.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0])),
			uintptr(n), uintptr(flags), 0, 0)
		switch errno {
		case 0:
			return int(done), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// write sends each packet as a datagram.
func (b *batch) write(conn net.Conn, packets []packet) error {
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return err
	}
	for len(packets) > 0 {
		for i, p := range packets {
			b.set(i, p.data)
		}
		done := 0
		var failed error
		err := raw.Write(func(fd uintptr) bool {
			done, failed = b.call(unix.SYS_SENDMMSG, int(fd), len(packets), 0)
			return !errors.Is(failed, unix.EAGAIN)
		})
		if err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("sendmmsg: %w", failed)
		}
		packets = packets[done:]
	}
	return nil
}
