package intake

import (
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/wire"
)

// On an idle receiver, waking up costs more than all other work. So a receiver that has read
// everything sleeps and lets datagrams gather in the socket's buffer.
const (
	// maxGather is the longest sleep.
	maxGather = 40 * time.Millisecond
	// gatherShare limits the filled part of the buffer to 1/gatherShare, at the latest rate.
	gatherShare = 4
	// maxGathered limits the gathered bytes, as the kernel counts them. A receiver can read this many bytes in a small
	// part of maxGather.
	maxGathered = 1 << 20
)

// times holds the times that the receivers share, in Unix nanoseconds.
type times struct {
	due       atomic.Int64 // when the next flush is due
	lastGauge atomic.Int64 // when one of the receivers last saw a gauge; 0 for never
}

// receiver moves the datagrams of one socket to a lane.
type receiver struct {
	socket  *kernel.Socket
	lane    *lane
	part    *part // the parser of the lane
	at      *listener
	parser  wire.Parser
	checked *checked // nil: all may send, and the processes are not counted
	// maxUnread limits the gathered bytes, as the kernel counts them.
	maxUnread int
	local     bool // whether it reads a unix socket
	// due is the time of the next flush in Unix nanoseconds. No datagram should wait unread beyond it.
	due *atomic.Int64
	// awake is when the receiver will read again, in Unix nanoseconds, or 0 while it does not sleep.
	awake    atomic.Int64
	stopping atomic.Bool
	next     atomic.Pointer[move] // the next socket to read; nil for no change

	loss kernel.Loss

	stamps  stamps
	senders Senders
	asking  bool // whether the socket asks for senders
	// askUntil is when the receiver stops asking for senders because of a bad line.
	askUntil time.Time
}

// askFor is how long to ask for senders after a bad line.
const askFor = time.Minute

func newReceiver(l *lane, at *listener, socket *kernel.Socket, senders Senders, t *times) *receiver {
	checked := newChecked(at, l.peers)
	if checked.senders() {
		senders = SendersOn
	}
	socket.WantSenders(senders == SendersOn)
	socket.WantTimes(true)
	socket.WantTrains(checked == nil) // each datagram is checked separately
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
	}
}

// dropped returns the datagrams that did not fit into the receive buffer. Only one goroutine at a
// time may call it, and often enough that the kernel's 32 bits do not overflow between two calls.
func (r *receiver) dropped() uint64 {
	r.lane.shard.Lock()
	defer r.lane.shard.Unlock()
	return r.loss.Now(r.socket.Drops())
}

// run receives until stop, then reads the rest of the socket.
func (r *receiver) run() error {
	if r.local {
		return r.runLocal()
	}
	wait := true
	since, came := time.Now(), 0 // bytes read since that time, as the kernel counts them
	for {
		n, err := r.socket.Read(wait)
		if err != nil {
			return err
		}
		if r.stopping.Load() {
			return r.drain(n)
		}
		if n == 0 && came == 0 { // nothing came during a whole nap
			wait = true
			continue
		}
		if wait {
			// Do not count idle time in the rate.
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

// drain reads the rest after a last batch of n: as much as the socket can hold now. So it ends even if clients keep
// sending.
func (r *receiver) drain(n int) error {
	// stop woke the receiver with an empty datagram, or with several.
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

// take adds a batch of n to the table. It returns the approximate memory that the kernel counted for
// it.
func (r *receiver) take(n int) (bytes int) {
	if n == 0 {
		return 0
	}
	return r.takePart(0, n)
}

// takePart is take for the datagrams of a batch from first to before end.
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
	if r.senders != SendersOn && (r.asking || probed || bad) {
		r.ask(bad, probed)
	}
	return bytes
}

// takeDatagrams takes datagrams, and reports whether one of their lines was bad. It is separate from takePart so that
// its loop can keep its variables in registers.
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

// ask asks for senders while a probe wants them, and for some time after a bad line.
func (r *receiver) ask(bad, probed bool) {
	want := probed
	if r.senders == SendersAuto {
		now := time.Now()
		if bad {
			r.askUntil = now.Add(askFor)
		}
		want = want || !now.After(r.askUntil)
	}
	if want != r.asking {
		r.socket.WantSenders(want)
		r.asking = want
	}
}

// nap estimates how long it takes until maxUnread bytes wait, if bytes arrive at the present rate. It returns at most
// maxGather.
func nap(unread, came int, in time.Duration) time.Duration {
	return min(maxGather, time.Duration(float64(in)*float64(unread)/float64(came)))
}

// sleep waits for the duration nap. It wakes at the flush boundary at the latest, so that datagrams that arrived before
// the flush are read before it.
func (r *receiver) sleep(now time.Time, nap time.Duration) {
	if left := time.Duration(r.due.Load() - now.UnixNano()); left > 0 {
		nap = min(nap, left)
	}
	r.awake.Store(now.Add(nap).UnixNano())
	time.Sleep(nap)
	r.awake.Store(0)
}

// settle waits briefly until the receiver has read everything that arrived before now.
func (r *receiver) settle(now time.Time) {
	const patience = 2 * time.Millisecond
	for until := now.Add(patience); ; time.Sleep(patience / 20) {
		awake := r.awake.Load()
		if awake == 0 || awake > now.UnixNano() || time.Now().After(until) {
			return
		}
	}
}

// stop makes run read the rest and return.
func (r *receiver) stop() {
	r.stopping.Store(true)
	r.socket.Stop()
}
