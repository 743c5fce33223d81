package server

import (
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/wire"
)

// Waking up costs more than anything else a receiver does while there is less
// traffic than it could take. So when it has read all there are it sleeps, and
// lets datagrams gather in the socket's buffer.
const (
	// mostGather is the longest it sleeps.
	mostGather = 40 * time.Millisecond
	// gatherShare is the part of the buffer that may fill meanwhile, at the
	// rate seen last.
	gatherShare = 4
	// mostGathered is the most that may fill, in bytes as the kernel counts them: what
	// gathers is to be small beside what can be taken in the same time.
	mostGathered = 1 << 20
	// datagramOverhead is about what the kernel charges for a datagram besides
	// its bytes: its own headers, and what rounding up wastes.
	datagramOverhead = 1024
	// leastDatagram is the least the kernel charges for one, in bytes.
	leastDatagram = 256
)

// udpReceiver takes the datagrams of one socket to a lane.
type udpReceiver struct {
	socket *socket
	lane   *lane
	parser wire.Parser
	// mostUnread is how many bytes may gather, as the kernel counts them.
	mostUnread int
	// boundary is when the next flush is due, in Unix nanoseconds; no
	// datagram should be left unread beyond it.
	boundary *atomic.Int64
	// awake is when the receiver will read again, in Unix nanoseconds; 0 while
	// it does not sleep.
	awake    atomic.Int64
	stopping atomic.Bool

	drops     uint64
	lastDrops uint32

	senders Senders
	// askUntil is when senders are not asked for any longer, if they are.
	askUntil time.Time
}

// askFor is how long senders are asked for after a bad line.
const askFor = time.Minute

func newReceiver(s *Server, i int, socket *socket) *udpReceiver {
	socket.wantSenders(s.cfg.DiscardSenders == SendersOn)
	return &udpReceiver{
		socket:     socket,
		lane:       s.lanes[i],
		parser:     s.parser(s.lanes[i]),
		mostUnread: min(socket.granted()/gatherShare, mostGathered),
		boundary:   &s.boundary,
		senders:    s.cfg.DiscardSenders,
	}
}

// dropped returns how many datagrams the kernel had no room for. It is for one
// goroutine at a time, and must be asked before the kernel's 32 bits overflow.
func (r *udpReceiver) dropped() uint64 {
	drops := r.socket.drops()
	r.drops += uint64(drops - r.lastDrops)
	r.lastDrops = drops
	return r.drops
}

// run receives until stop, then what is left in the socket.
func (r *udpReceiver) run() error {
	wait := true
	since, came := time.Now(), 0 // bytes, as the kernel counts them, and since when
	for {
		n, err := r.socket.read(wait)
		if err != nil {
			return err
		}
		if r.stopping.Load() {
			return r.drain(n)
		}
		if n == 0 && came == 0 { // for a whole nap
			wait = true
			continue
		}
		if wait {
			// How long nothing came says nothing of what comes now.
			wait, since, came = false, time.Now(), 0
		}
		r.take(n)
		came += r.charge(n)
		if n < batchDatagrams {
			now := time.Now()
			r.sleep(now, nap(r.mostUnread, came, now.Sub(since)))
			since, came = now, 0
		}
	}
}

// drain reads what is left, after a last batch of n: all that the socket can
// have held by now, however long it takes, and no more if they go on sending.
func (r *udpReceiver) drain(n int) error {
	// What woke the receiver is an empty datagram that nobody sent.
	if n == 1 && len(r.socket.datagram(0)) == 0 && !r.socket.given {
		n = 0
	}
	r.take(n)
	for most := r.socket.granted() / leastDatagram; most > 0; most -= n {
		var err error
		if n, err = r.socket.read(false); err != nil || n == 0 {
			return err
		}
		r.take(n)
	}
	return nil
}

// take adds a batch to the table.
func (r *udpReceiver) take(n int) {
	if n == 0 {
		return
	}
	bad := false
	r.lane.shard.Lock()
	for i := range n {
		bad = r.lane.takeDatagram(&r.parser, r.socket.datagram(i), origin{socket: r.socket, datagram: i}) || bad
	}
	bad = r.lane.addPending() || bad
	r.lane.shard.Unlock()
	if r.senders == SendersAuto && (bad || !r.askUntil.IsZero()) {
		r.ask(bad)
	}
}

// ask begins to ask for senders, or ends it a while after the last bad line.
func (r *udpReceiver) ask(bad bool) {
	now := time.Now()
	switch {
	case bad:
		if r.askUntil.IsZero() {
			r.socket.wantSenders(true)
		}
		r.askUntil = now.Add(askFor)
	case now.After(r.askUntil):
		r.socket.wantSenders(false)
		r.askUntil = time.Time{}
	}
}

// charge returns about what the kernel counts for the batch of n.
func (r *udpReceiver) charge(n int) (bytes int) {
	for i := range n {
		bytes += len(r.socket.datagram(i)) + datagramOverhead
	}
	return bytes
}

// nap returns how long datagrams may gather until most bytes wait, when so
// many have come in that time.
func nap(most, came int, in time.Duration) time.Duration {
	return min(mostGather, time.Duration(float64(in)*float64(most)/float64(came)))
}

// sleep sleeps for nap, but not beyond the flush boundary: datagrams that came
// before it are read before it.
func (r *udpReceiver) sleep(now time.Time, nap time.Duration) {
	if left := time.Duration(r.boundary.Load() - now.UnixNano()); left > 0 {
		nap = min(nap, left)
	}
	r.awake.Store(now.Add(nap).UnixNano())
	time.Sleep(nap)
	r.awake.Store(0)
}

// settle waits until the receiver has read what came before now, if that is a
// matter of moments.
func (r *udpReceiver) settle(now time.Time) {
	const patience = 2 * time.Millisecond
	for until := now.Add(patience); ; time.Sleep(patience / 20) {
		awake := r.awake.Load()
		if awake == 0 || awake > now.UnixNano() || time.Now().After(until) {
			return
		}
	}
}

// stop makes run read what is left, and return.
func (r *udpReceiver) stop() {
	r.stopping.Store(true)
	r.socket.stop()
}
