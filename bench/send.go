//go:build linux

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sent contains the numbers of metrics and packets that were sent. The field count is the sum of the counters that
// were sent, which the daemon should publish.
type sent struct {
	metrics, packets, count int
	took                    time.Duration
}

// burst is the number of packets that are sent with one system call.
const burst = 32

// target is the address on which a daemon receives.
type target struct {
	network string
	address string
	senders int
	key     []byte // key for signing datagrams; empty if they are not signed
}

// send sends at least n metrics. rate is in metrics per second. If rate is 0, it sends as fast as
// possible.
func (t target) send(packets []packet, n, rate int) (s sent, err error) {
	conns := make([]net.Conn, max(1, t.senders))
	for i := range conns {
		if conns[i], err = net.Dial(t.network, t.address); err != nil {
			return s, err
		}
		defer conns[i].Close()
	}
	write := t.writer()
	start := time.Now()
	for next, bursts := 0, 0; s.metrics < n; bursts++ {
		end := min(next+burst, len(packets))
		for i, p := range packets[next:end] {
			s.add(p)
			if s.metrics >= n {
				end = next + i + 1
				break
			}
		}
		if err := write(conns[bursts%len(conns)], packets[next:end]); err != nil {
			return s, err
		}
		next = end % len(packets)
		if rate > 0 {
			due := time.Duration(float64(s.metrics) / float64(rate) * float64(time.Second))
			time.Sleep(due - time.Since(start))
		}
	}
	if t.network == "unixgram" {
		for _, conn := range conns {
			if err := awaitTaken(conn); err != nil {
				return s, err
			}
		}
	}
	s.took = time.Since(start)
	return s, nil
}

func (s *sent) add(p packet) {
	s.metrics += p.metrics
	s.count += p.count
	s.packets++
}

// plus returns the sum of s and the parameter more.
func (s sent) plus(more sent) sent {
	return sent{s.metrics + more.metrics, s.packets + more.packets, s.count + more.count, s.took + more.took}
}

// writer returns the function that writes a burst of packets to the target's network.
func (t target) writer() func(net.Conn, []packet) error {
	if t.network == "tcp" {
		return writeStream
	}
	b := newBatch(burst)
	if len(t.key) == 0 {
		return b.write
	}
	mac := hmac.New(sha256.New, t.key)
	signed, nonce := make([]packet, burst), uint32(0)
	return func(conn net.Conn, packets []packet) error {
		for i, p := range packets {
			nonce++
			signed[i].data = sign(signed[i].data[:0], mac, nonce, p.data)
		}
		return b.write(conn, signed[:len(packets)])
	}
}

// sign writes a signed datagram into the buffer and returns it. The format is the format of a
// udp+hmac listener.
func sign(buffer []byte, mac hash.Hash, nonce uint32, lines []byte) []byte {
	buffer = append(buffer, make([]byte, sha256.Size)...)
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(time.Now().Unix()))
	buffer = binary.LittleEndian.AppendUint32(buffer, nonce)
	buffer = append(buffer, lines...)
	mac.Reset()
	mac.Write(buffer[sha256.Size:])
	mac.Sum(buffer[:0])
	return buffer
}

// awaitTaken waits until the daemon has read everything that was written to a unix socket.
func awaitTaken(conn net.Conn) error {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		waiting := 0
		var failed error
		if err := raw.Control(func(fd uintptr) { waiting, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
			return err
		}
		if failed != nil || waiting == 0 {
			return failed
		}
	}
	return fmt.Errorf("the daemon did not read everything from its socket within %v", giveUp)
}

func writeStream(conn net.Conn, packets []packet) error {
	buffers := make(net.Buffers, len(packets))
	for i, p := range packets {
		buffers[i] = p.data
	}
	_, err := buffers.WriteTo(conn)
	return err
}

// message is the kernel's struct mmsghdr, a message header with the length of the message.
type message struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// batch holds the arguments for sendmmsg and recvmmsg. They are reused for each call.
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

// set sets the buffer of the i-th message. The call sends from this buffer or receives into it.
func (b *batch) set(i int, data []byte) {
	b.vectors[i].Base = &data[0]
	b.vectors[i].SetLen(len(data))
}

// call makes the system call for the first n messages. It returns the number of messages that were
// sent or received.
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
	raw, err := conn.(syscall.Conn).SyscallConn()
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
