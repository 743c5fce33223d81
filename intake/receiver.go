package intake

import (
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/wire"
)

// On a receiver with little traffic, waking up costs more than all other work. So a receiver that
// has read everything sleeps for a while, and datagrams gather in the socket's buffer.
const (
	// maxGather is the longest sleep.
	maxGather = 40 * time.Millisecond
	// gatherShare limits the sleep so that datagrams fill at most 1/gatherShare of the buffer at the
	// current rate.
	gatherShare = 4
	// maxGathered limits the bytes that gather during a sleep, as the kernel counts them. A receiver
	// can read this many bytes in a small fraction of maxGather.
	maxGathered = 1 << 20
)

// times holds times in Unix nanoseconds that all receivers share.
type times struct {
	due       atomic.Int64 // time of the next flush
	lastGauge atomic.Int64 // last time when a receiver saw a gauge; 0 for never
	askUntil  atomic.Int64 // time until which the kernel must return senders because of a bad line; 0 if it need not
}

// receiver adds the datagrams of one socket to a lane.
type receiver struct {
	socket  *kernel.Socket
	lane    *lane
	part    *part // the lane's counts for the receiver's listener
	at      *listener
	parser  wire.Parser
	checked *checked // nil if all datagrams are admitted and processes are not counted
	// maxUnread limits the bytes that gather in the socket during a sleep, as the kernel counts them.
	maxUnread int
	local     bool // whether the receiver reads a unix socket
	// due is the time of the next flush in Unix nanoseconds. Datagrams must not wait in the socket
	// beyond this time.
	due *atomic.Int64
	// awake is the end of the receiver's current sleep in Unix nanoseconds. It is 0 while the receiver
	// does not sleep.
	awake    atomic.Int64
	stopping atomic.Bool
	next     atomic.Pointer[move] // a request to change to another socket; nil if there is none

	loss kernel.Loss

	stamps  stamps
	senders Senders
	asking  bool // whether the kernel returns the senders
	// askUntil is the field of times. All receivers share it, because the next bad line can reach another receiver.
	askUntil *atomic.Int64
}

// askFor is a duration. After a bad line, the kernel must return the sender of each datagram for this duration.
const askFor = time.Minute

func newReceiver(l *lane, at *listener, socket *kernel.Socket, senders Senders, t *times) *receiver {
	checked := newChecked(at, l.peers)
	if checked.senders() {
		senders = SendersOn
	}
	socket.WantSenders(senders == SendersOn)
	socket.WantTimes(true)
	socket.WantTrains(checked == nil) // a check needs each datagram separately, and not coalesced (UDP_GRO)
	return &receiver{
		socket:    socket,
		lane:      l,
		part:      &l.parts[at.number],
		at:        at,
		local:     at.Scheme.Local(),
		checked:   checked,
		parser:    l.parser,
		maxUnread: min(socket.Granted()/gatherShare, maxGathered),
		due:       &t.due,
		stamps:    stamps{lastGauge: &t.lastGauge},
		senders:   senders,
		asking:    senders == SendersOn,
		askUntil:  &t.askUntil,
	}
}

// dropped returns the number of datagrams that did not fit into the receive buffer. Only one goroutine at a time may
// call it. It must be called before the kernel drops another 2^32 datagrams, because the kernel's counter has only 32
// bits. One call at each flush is enough.
func (r *receiver) dropped() uint64 {
	r.lane.shard.Lock()
	defer r.lane.shard.Unlock()
	return r.loss.Now(r.socket.Drops())
}

// run receives until stop is called, and then reads the data that still waits in the socket.
func (r *receiver) run() error {
	if r.local {
		return r.runLocal()
	}
	wait := true
	// since is the start of a measurement. came is the memory that the kernel counted for the datagrams read since then,
	// in bytes.
	since, came := time.Now(), 0
	for {
		n, err := r.socket.Read(wait)
		if err != nil {
			return err
		}
		if r.stopping.Load() {
			return r.drain(n)
		}
		if n == 0 && came == 0 { // no datagram arrived during a whole sleep
			wait = true
			continue
		}
		if wait {
			// The time spent waiting must not lower the measured rate.
			wait, since, came = false, time.Now(), 0
		}
		came += r.take(n)
		if n == kernel.Batch && !r.stamps.due() {
			continue
		}
		now := time.Now()
		r.socket.WantTimes(r.stamps.want(now))
		if n < kernel.Batch {
			r.sleep(now, nap(r.maxUnread, came, now.Sub(since)))
			since, came = now, 0
		}
	}
}

// drain adds a last batch of n datagrams to the table, and then reads what waits in the socket. It
// reads at most as much as the socket's buffer can hold, so it ends even if clients keep sending.
func (r *receiver) drain(n int) error {
	// stop woke the receiver with one or more empty datagrams.
	for n > 0 && len(r.socket.Datagram(n-1)) == 0 && !r.socket.Given() {
		n--
	}
	r.take(n)
	for left := r.socket.Granted() / kernel.MinDatagram; left > 0; left -= n {
		var err error
		if n, err = r.socket.Read(false); err != nil || n == 0 {
			return err
		}
		r.take(n)
	}
	return nil
}

// take adds a batch of n datagrams to the table. It returns the approximate memory that the kernel
// counted for the datagrams.
func (r *receiver) take(n int) (bytes int) {
	if n == 0 {
		return 0
	}
	return r.takePart(0, n)
}

// takePart adds the datagrams of a batch with the indexes from first up to, but not including, end
// to the table. It returns the approximate memory that the kernel counted for the datagrams.
func (r *receiver) takePart(first, end int) (bytes int) {
	if r.checked != nil {
		r.checked.open(r.socket, first, end)
	}
	r.lane.shard.Lock()
	before := r.lane.tally.UDPPackets
	probes := r.lane.begin(r.part, r.asking)
	bytes, bad := r.takeDatagrams(first, end)
	r.loss.Note(end-first, r.lane.tally.UDPPackets-before)
	r.stamps.note(end-first, r.lane.shard.Gauges())
	r.lane.end(probes)
	probed := probes != nil && probes.Asks()
	r.lane.shard.Unlock()
	if r.senders != SendersOn && (r.asking || probed || bad || r.askUntil.Load() != 0) {
		r.ask(bad, probed)
	}
	return bytes
}

// takeDatagrams adds the datagrams with the indexes from first up to, but not including, end to the
// lane, and reports whether one of their lines was bad. It is a separate function so that the
// compiler can keep the loop's variables in registers.
func (r *receiver) takeDatagrams(first, end int) (bytes int, bad bool) {
	if r.checked != nil {
		return r.checked.take(r, first, end)
	}
	for i := first; i < end; i++ {
		datagram := r.socket.Datagram(i)
		bytes += len(datagram) + kernel.DatagramOverhead
		from := origin{socket: r.socket, datagram: i, at: r.socket.Arrived(i)}
		if size := r.socket.Train(i); size > 0 {
			for ; len(datagram) > size; datagram = datagram[size:] {
				bad = r.lane.takeDatagram(&r.parser, datagram[:size:size], from) || bad
			}
		}
		bad = r.lane.takeDatagram(&r.parser, datagram, from) || bad
	}
	return bytes, r.lane.addPending() || bad
}

// ask tells the kernel whether to return the sender of each datagram. The kernel returns senders
// while a probe needs them. With SendersAuto, the kernel also returns senders for the duration
// askFor after a bad line of any receiver.
func (r *receiver) ask(bad, probed bool) {
	want := probed
	if r.senders == SendersAuto {
		now := time.Now()
		if bad {
			r.askUntil.Store(now.Add(askFor).UnixNano())
		}
		until := r.askUntil.Load()
		if until < now.UnixNano() && r.askUntil.CompareAndSwap(until, 0) {
			until = 0
		}
		want = want || until != 0
	}
	if want != r.asking {
		r.socket.WantSenders(want)
		r.asking = want
	}
}

// nap estimates the time until maxUnread bytes wait in the socket, if bytes arrive at the current
// rate. It returns at most maxGather.
func nap(unread, came int, in time.Duration) time.Duration {
	return min(maxGather, time.Duration(float64(in)*float64(unread)/float64(came)))
}

// sleep waits for the duration nap. It wakes up at the time of the next flush at the latest. So datagrams that arrived
// before the flush are counted in this flush.
func (r *receiver) sleep(now time.Time, nap time.Duration) {
	if left := time.Duration(r.due.Load() - now.UnixNano()); left > 0 {
		nap = min(nap, left)
	}
	r.awake.Store(now.Add(nap).UnixNano())
	time.Sleep(nap)
	r.awake.Store(0)
}

// settle waits until the receiver has read everything that arrived before now. It waits a few milliseconds at most.
func (r *receiver) settle(now time.Time) {
	const patience = 2 * time.Millisecond
	for until := now.Add(patience); ; time.Sleep(patience / 20) {
		awake := r.awake.Load()
		if awake == 0 || awake > now.UnixNano() || time.Now().After(until) {
			return
		}
	}
}

// stop makes run return after run has read the data that waits in the socket.
func (r *receiver) stop() {
	r.stopping.Store(true)
	r.socket.Stop()
}
