package intake

import (
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
)

const (
	// gatherFor is how long a receiver of a unix socket lets the kernel collect datagrams.
	gatherFor = 20 * time.Millisecond
	// gatherPause is how long it then waits for each further datagram.
	gatherPause = 10 * time.Millisecond
	// gatherAfter is the number of reads that must follow each other within gatherPause before the receiver collects
	// batches.
	gatherAfter = 4
)

// runLocal does the same as run, for a unix socket. It never sleeps while datagrams come, because the socket holds only
// a few datagrams of all clients together (net.unix.max_dgram_qlen). When it is full, clients wait or lose datagrams.
// But if many datagrams come, the receiver lets the kernel collect a batch.
func (r *receiver) runLocal() error {
	for quick, last := 0, time.Now(); ; {
		n, err := r.readLocal(quick >= gatherAfter)
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
			quick = 0
			continue
		}
		r.take(n)
		now := time.Now()
		if quick++; n == 0 || now.Sub(last) > time.Duration(n)*gatherPause {
			quick = 0
		}
		last = now
	}
}

// readLocal waits for a datagram, or for a batch. It does not wait for more datagrams beyond a flush.
func (r *receiver) readLocal(many bool) (int, error) {
	if many && time.Duration(r.due.Load()-time.Now().UnixNano()) < gatherFor+gatherPause && r.due.Load() > 0 {
		many = false
	}
	if many != r.hasty {
		r.hasty = many
		limit := time.Duration(0)
		if many {
			limit = gatherPause
		}
		if err := r.socket.Hasten(limit); err != nil {
			return 0, err
		}
	}
	if many {
		return r.socket.Gather(gatherFor)
	}
	return r.socket.Read(true)
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
	r.socket, r.hasty = next.to, false
	close(next.done)
	return err
}
