package intake

import "github.com/statsd-ops/statsd/intake/kernel"

// unreadFor is the number of bytes that a receiver of a unix socket parses before it looks for more datagrams. A client
// needs longer to fill the socket.
const unreadFor = 8 << 10

// runLocal does the same as run, for a unix socket. It never sleeps while datagrams come, because the socket holds only
// a few datagrams of all clients together (net.unix.max_dgram_qlen). When it is full, clients wait or lose datagrams.
// Waking up costs more than reading. So runLocal reads the next datagrams of a burst while it parses the first ones.
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

// takeLocal takes a batch of n, and the datagrams that come meanwhile.
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

// moveTo makes the receiver read a new socket. It returns true when the old socket is read and closed, or false if the
// daemon ends before that.
func (r *receiver) moveTo(s *kernel.Socket, ended <-chan struct{}) bool {
	next := &move{s, make(chan struct{})}
	old := r.socket // the receiver may use another socket as soon as it sees next
	r.next.Store(next)
	old.Stop()
	select {
	case <-next.done:
	case <-ended:
		if r.next.CompareAndSwap(next, nil) {
			return false
		}
		<-next.done // a move is on the way
	}
	_ = old.Close() // not before Stop, because Stop needs its descriptor
	return true
}

// move is a new socket for a receiver.
type move struct {
	to   *kernel.Socket
	done chan struct{}
}

// move reads the rest of the socket after a last batch of n, and continues with the next socket.
func (r *receiver) move(n int, next *move) error {
	err := r.drain(n)
	r.socket = next.to
	close(next.done)
	return err
}
