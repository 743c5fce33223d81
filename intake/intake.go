// Package intake receives lines and adds their samples to a table.
//
//	in, err := intake.Open(cfg) // binds all sockets, or none
//	in.Start(fail)              // receives
//	iv, tally := in.Drain()     // at each flush: everything received since the last Drain
//	in.End(patience)            // reads what still waits in the sockets, then stops receiving
//	in.Close()                  // releases the sockets
//
// A lane is a shard of the table with its own counts. Each UDP socket has a lane and a receiver. The
// receiver is a goroutine that reads a batch of datagrams, parses it and adds it to the lane's shard. It
// needs no channel and no copy, and takes one lock per batch. Each TCP connection has a goroutine too, which
// shares a lane with other connections. The reader of stat pipes also shares a lane.
//
// This package does not know flushes, sinks or the daemon. It reports in Tally and State. A receiver that
// cannot continue calls the function passed to Start.
package intake

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// Intake receives lines. Make it with Open.
type Intake struct {
	cfg       Config
	table     *aggregate.Table
	listeners []*served
	lanes     []*lane
	receivers []*receiver
	streams   *streams
	pipes     *pipeReader // nil if --pipe-dir is not set
	bad       meta.BadLines
	watch     *watch // logs lines and points; nil without --debug
	unwatched uint64 // number of log entries that the earlier watches skipped (the method Change can replace watch): see watch.missed
	trace     tracer
	times     times
	probes    probes
	peers     peers.Table
	rules     naming.Tally

	ending                       chan struct{} // closed by End
	receiving, watching, minding sync.WaitGroup
}

// Rules returns the counts of each rule for names, as a copy. Only the goroutine that flushes may
// call it.
func (in *Intake) Rules() []naming.Count { return slices.Clone(in.rules.Counts()) }

// Start starts the receivers. They run until End is called. A receiver calls fail when a socket can no longer be read.
func (in *Intake) Start(fail func(error)) {
	for _, r := range in.receivers {
		in.receiving.Go(func() {
			if err := r.run(); err != nil {
				fail(fmt.Errorf("receive on %s: %w", r.at, err))
			}
		})
	}
	in.receiving.Go(in.streams.run)
	in.minding.Go(func() { watchFiles(in.listeners, in.cfg.Log, in.ending) })
	if in.pipes != nil {
		in.receiving.Go(in.pipes.run)
	}
}

// End reads the data that waits in the sockets. It also reads what connections and processes still
// send, for at most the duration patience. Then it stops receiving.
func (in *Intake) End(patience time.Duration) {
	in.probes.end()
	close(in.ending)
	in.minding.Wait()
	for _, l := range in.listeners {
		l.Leave()
	}
	if in.pipes != nil {
		in.receiving.Go(func() { in.pipes.readLast(patience) })
	}
	in.streams.stop(patience)
	for _, r := range in.receivers {
		r.stop()
	}
	in.receiving.Wait()
	for _, l := range in.listeners {
		if err := l.Close(); err != nil { // all receivers have ended; clients get an error as soon as the socket is closed
			in.cfg.Log.Warn().Err(err).Str("listener", l.Name).Msg("removing a socket file failed")
		}
	}
}

// Close releases the sockets. Call it after End, or if Start was never called.
func (in *Intake) Close() error {
	in.probes.end()
	in.watch.end()
	in.Trace(nil)
	in.watching.Wait()
	var err error
	for _, l := range in.listeners {
		err = errors.Join(err, l.close())
	}
	return err
}

// Table returns the table that intake fills.
func (in *Intake) Table() *aggregate.Table { return in.table }

// Addr returns the bound TCP address. If there is no TCP listener, it returns the address of the
// first listener.
func (in *Intake) Addr() net.Addr {
	for _, l := range in.listeners {
		if l.Scheme.Network() == "tcp" {
			return l.at
		}
	}
	return in.listeners[0].at
}

// named reports whether metrics are kept for each listener. It returns false if all listeners come
// from --port.
func (in *Intake) named() bool { return len(in.cfg.Listeners) > 0 || len(in.listeners) > 2 }

// Networks returns the networks of all listeners, such as udp and tcp, each once.
func (in *Intake) Networks() (all []string) {
	for _, l := range in.listeners {
		if network := l.Scheme.Network(); !slices.Contains(all, network) {
			all = append(all, network)
		}
	}
	return all
}

// Addresses returns the addresses of all listeners, for example udp://127.0.0.1:8125. The ports are the bound ports.
func (in *Intake) Addresses() (all []string) {
	for _, l := range in.listeners {
		address := l.Address
		if !l.Scheme.Local() {
			address = l.at.String()
		}
		all = append(all, string(l.Scheme)+"://"+address)
	}
	return all
}

// Due sets the time of the next flush, in Unix nanoseconds. No receiver sleeps beyond this time.
func (in *Intake) Due(at int64) { in.times.due.Store(at) }

// Settle waits until the receivers have read everything that arrived before now. It waits a few milliseconds at most.
func (in *Intake) Settle(now time.Time) {
	for _, r := range in.receivers {
		r.settle(now)
	}
}

// Drain returns everything received since the previous Drain, and removes it from the table and the
// lanes.
func (in *Intake) Drain() (iv *aggregate.Interval, t Tally) {
	iv = in.table.Drain(func(i int) {
		in.lanes[i].addTo(&t)
		in.lanes[i].restart()
	})
	in.rules.Add(iv.Hits, time.Now())
	return iv, t
}

// Live returns the counts since the last Drain, and keeps them for the next Drain.
func (in *Intake) Live() (t Tally) {
	for _, l := range in.lanes {
		l.shard.Lock()
		l.addTo(&t)
		l.shard.Unlock()
	}
	return t
}

// BadLines returns the most recent bad lines, newest first.
func (in *Intake) BadLines() []meta.BadLine { return in.bad.Last() }

// AlikeBadLines counts the bad lines of the last 15 minutes by sender and reason.
func (in *Intake) AlikeBadLines() []meta.Alike { return in.bad.Alike(time.Now()) }

// Change replaces the limits. Do not call Drain, Published or State while Change runs.
func (in *Intake) Change(limits Limits) {
	before := in.cfg.Limits
	in.cfg.Limits = limits
	if limits.Rules != before.Rules && !limits.Rules.Same(before.Rules) {
		in.setRules(before.Rules)
	}
	in.streams.room.follow(&in.cfg.Limits)
	for _, l := range in.listeners {
		if l.guard != nil {
			l.guard.Follow(limits.Guards[l.URL])
		}
	}
	if before.Debug == limits.Debug && before.DebugMetric == limits.DebugMetric {
		return
	}
	in.unwatched += in.watch.missed()
	in.watch.end()
	in.watch = newWatch(&in.cfg)
	for _, l := range in.lanes {
		l.shard.Lock()
		l.setShown(in.watch, l.trace)
		l.shard.Unlock()
	}
	in.startWatch()
}

func (in *Intake) startWatch() {
	if w := in.watch; w != nil {
		in.watching.Go(w.run)
	}
}

// Published logs the points of a flush that match --debug-metric.
func (in *Intake) Published(points iter.Seq[metric.Point]) { in.watch.points(points) }

// State holds counts since the start that are not part of a Tally.
type State struct {
	OpenConnections, PeakConnections, MaxConnections int
	AcceptErrors                                     uint64          // number of failed attempts to accept a connection
	Shortages                                        uint64          // number of accept calls that failed because the process had no free file descriptor
	KernelDropped                                    uint64          // datagrams that did not fit into the receive buffers
	DebugSkipped                                     uint64          // debug entries skipped because the log was too slow
	Pipes                                            *Pipes          // nil if --pipe-dir is not set
	Listeners                                        []ListenerState // empty if all listeners come from --port
}

// State returns the counts since the start, and the state of the listeners. It must be called before the kernel drops
// another 2^32 datagrams, because the kernel's counter has only 32 bits. One call at each flush is enough. It must not
// be called after Close.
func (in *Intake) State() State {
	room := in.streams.room
	st := State{
		OpenConnections: int(room.open.Load()),
		PeakConnections: int(room.peak.Load()),
		MaxConnections:  int(room.limit.Load()),
		DebugSkipped:    in.unwatched + in.watch.missed() + in.trace.untraced(),
	}
	for _, l := range in.listeners {
		one := l.state()
		st.KernelDropped += one.KernelDropped
		if in.named() {
			st.Listeners = append(st.Listeners, one)
		}
		if a := l.acceptor; a != nil {
			st.AcceptErrors += a.acceptErrors.Load()
			st.Shortages += a.shortages.Load()
		}
	}
	if in.pipes != nil {
		seen := in.pipes.state()
		st.Pipes = &seen
	}
	return st
}

// Peers returns the processes of this host that have sent over unix sockets since the start.
func (in *Intake) Peers() peers.Listing { return in.peers.List() }

// Inject adds the lines of a datagram that did not come from a socket.
func (in *Intake) Inject(datagram []byte) {
	l := in.lanes[0]
	parser := l.parser
	l.shard.Lock()
	defer l.shard.Unlock()
	defer l.end(l.begin(&l.own, true))
	l.takeDatagram(&parser, datagram, origin{})
	l.addPending()
}
