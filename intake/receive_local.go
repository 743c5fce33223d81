package intake

import (
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
)

const (
	// gatherFor is how long a receiver of a unix socket lets the kernel collect datagrams.
	gatherFor = 20 * time.Millisecond
	// gatherPause is how long it then waits for the next datagram of many.
	gatherPause = 10 * time.Millisecond
	// gatherAfter is how many reads must follow each other within gatherPause before it waits for more.
	gatherAfter = 4
)

// runLocal is run for a unix socket. It never sleeps while datagrams come: the socket holds only some, of
// all clients together (net.unix.max_dgram_qlen), and then the clients wait or lose theirs. But when many
// come, it lets the kernel collect a batch.
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

// readLocal waits for a datagram, or for many. It does not wait for more beyond a flush.
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

// moveTo makes the receiver read a new socket. It returns when the old one is read and closed, or false
// if everything ends before that.
func (r *receiver) moveTo(s *kernel.Socket, ended <-chan struct{}) bool {
	next := &move{s, make(chan struct{})}
	old := r.socket // the receiver may have another one as soon as it sees next
	r.next.Store(next)
	old.Stop()
	select {
	case <-next.done:
	case <-ended:
		if r.next.CompareAndSwap(next, nil) {
			return false
		}
		<-next.done // it is on the way
	}
	_ = old.Close() // not before Stop, which needs its descriptor
	return true
}

// move is a new socket for a receiver.
type move struct {
	to   *kernel.Socket
	done chan struct{}
}

// move reads the rest of the socket after a last batch of n, and goes on with the next one.
func (r *receiver) move(n int, next *move) error {
	err := r.drain(n)
	r.socket, r.hasty = next.to, false
	close(next.done)
	return err
}
