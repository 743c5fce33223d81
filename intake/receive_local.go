package intake

import "github.com/statsd-ops/statsd/intake/kernel"

// unreadFor is the number of bytes that a receiver of a unix socket parses before it reads again. The number is so
// small that clients cannot fill the socket's queue while the receiver parses.
const unreadFor = 8 << 10

// runLocal receives from a unix socket until stop is called, and then reads the data that still waits in the socket. A
// unix socket holds only a few datagrams of all clients together (net.unix.max_dgram_qlen). When the socket is full,
// clients wait or lose datagrams. So runLocal does not sleep to let datagrams gather. Instead it reads again after it
// has parsed only a few datagrams: so the queue does not become full, and the receiver does not sleep during a burst.
// This also saves time, because waking up costs more than reading.
func (r *receiver) runLocal() error {
	for {
		n, err := r.socket.Read(true)
		if err != nil {
			return err
		}
		if r.stopping.Load() {
			return r.drain(n)
		}
		if next := r.next.Swap(nil); next != nil {
			if err := r.move(n, next); err != nil {
				return err
			}
			continue
		}
		if err := r.takeLocal(n); err != nil {
			return err
		}
	}
}

// takeLocal adds a batch of n datagrams to the table. It also adds the datagrams that arrive in the
// meantime.
func (r *receiver) takeLocal(n int) (err error) {
	for taken := 0; taken < n; {
		first, size := taken, 0
		for ; taken < n && size < unreadFor; taken++ {
			size += len(r.socket.Datagram(taken))
		}
		r.takePart(first, taken)
		if err == nil && n < kernel.Batch {
			n, err = r.socket.More(n)
		}
	}
	return err
}

// moveTo makes the receiver read from a new socket. It returns true when the receiver has read
// everything from the old socket, and the old socket is closed. It returns false if the daemon ends
// before that.
func (r *receiver) moveTo(s *kernel.Socket, ended <-chan struct{}) bool {
	next := &move{s, make(chan struct{})}
	old := r.socket // read r.socket before next is set, because the receiver then replaces r.socket
	r.next.Store(next)
	old.Stop()
	select {
	case <-next.done:
	case <-ended:
		if r.next.CompareAndSwap(next, nil) {
			return false
		}
		<-next.done // the receiver has already started to change sockets
	}
	_ = old.Close() // close after Stop, because Stop uses the descriptor
	return true
}

// move is a request to a receiver to change to another socket.
type move struct {
	to   *kernel.Socket
	done chan struct{}
}

// move adds a last batch of n datagrams, and then everything that still waits in the socket, to the
// table. Then it changes to the next socket.
func (r *receiver) move(n int, next *move) error {
	err := r.drain(n)
	r.socket = next.to
	close(next.done)
	return err
}
