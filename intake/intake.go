// Package intake receives lines and adds their samples to a table.
//
//	in, err := intake.Open(cfg) // binds all sockets, or none
//	in.Start(fail)              // receives
//	iv, tally := in.Drain()     // at each flush: everything received since the last
//	in.End(patience)            // reads the rest and stops receiving
//	in.Close()                  // releases the sockets
//
// Each UDP socket has a receiver, a goroutine that reads a batch of datagrams, parses it and adds it
// to the shard of its lane: no channel, no copy, one lock. Each TCP connection has a goroutine too,
// and shares one of the lanes. So does the reader of stat pipes.
//
// Intake does not know flushes, sinks or the daemon. It reports in Tally and State. A receiver that
// cannot go on calls the function passed to Start.
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
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/wire"
)

// Intake receives. Make it with Open.
type Intake struct {
	cfg       Config
	table     *aggregate.Table
	lanes     []*lane
	receivers []*receiver
	streams   *streams
	pipes     *pipeReader // nil without --pipe-dir
	bad       meta.BadLines
	watch     *watch // nil without --debug; Change, Published and State use it
	unwatched uint64 // skipped by earlier watches
	trace     tracer
	times     times
	probes    probes
	rules     naming.Tally

	receiving, watching sync.WaitGroup
}

// Open binds all ports and makes the table. It receives nothing yet.
func Open(cfg Config) (*Intake, error) {
	in := &Intake{cfg: cfg, watch: newWatch(&cfg)}
	l, err := listen(&cfg.Listen)
	if err != nil {
		return nil, err
	}
	in.makeLanes(len(l.udp))
	if cfg.PipeDir != "" {
		if in.pipes, err = newPipeReader(&cfg, in.lanes[0]); err != nil {
			l.close()
			return nil, err
		}
	}
	for i, socket := range l.udp {
		in.receivers = append(in.receivers, newReceiver(in.lanes[i], socket, cfg.DiscardSenders, &in.times))
	}
	in.streams = newStreams(l, in.lanes, &cfg)
	in.probes = probes{in: in, ended: make(chan struct{})}
	in.warnOfBuffers()
	in.startWatch()
	return in, nil
}

func (in *Intake) makeLanes(n int) {
	in.cfg.Table.Shards = n
	in.table = aggregate.NewTable(in.cfg.Table)
	for i := range n {
		parser := in.cfg.Parser()
		parser.KeepTags = true
		l := &lane{
			shard:  in.table.Shard(i),
			tagger: parser.Tagger,
			parser: parser,
			bad:    &in.bad,
		}
		l.setShown(in.watch, nil)
		in.lanes = append(in.lanes, l)
	}
	if in.cfg.Rules != nil || in.lanes[0].tagger != nil {
		in.setRules(nil)
		in.rules.Add(nil, time.Time{})
	}
}

// setRules gives the rules of the configuration to the table. They take the place of the rules before.
func (in *Intake) setRules(before *rules.Set) {
	c, set := in.cfg.Naming(in.cfg.FlushInterval), in.cfg.Rules
	var taggers []*wire.Tagger
	for _, l := range in.lanes {
		taggers = append(taggers, l.tagger)
		l.shard.Lock()
		l.names = naming.NewResolver(c, l.tagger, set)
		l.shard.Unlock()
	}
	in.table.SetRules(c.Rules(taggers, set, before))
	in.rules.Follow(set)
}

// Rules returns what each rule for names has matched. The flushing goroutine calls it, and gets a copy.
func (in *Intake) Rules() []naming.Count { return slices.Clone(in.rules.Counts()) }

// warnOfBuffers warns if the kernel granted less than --udp-buffer.
func (in *Intake) warnOfBuffers() {
	for _, r := range in.receivers {
		if granted := r.socket.granted(); granted < in.cfg.UDPBuffer {
			in.cfg.Log.Warn().Int("asked", in.cfg.UDPBuffer).Int("granted", granted).
				Msgf("the kernel grants a smaller udp buffer than --udp-buffer; sysctl -w net.core.rmem_max=%d allows it", in.cfg.UDPBuffer)
			return
		}
	}
}

// Start receives until End. It calls fail when a socket can no longer be read.
func (in *Intake) Start(fail func(error)) {
	for _, r := range in.receivers {
		in.receiving.Go(func() {
			if err := r.run(); err != nil {
				fail(fmt.Errorf("receive on udp %s: %w", in.Addr(), err))
			}
		})
	}
	in.receiving.Go(in.streams.run)
	if in.pipes != nil {
		in.receiving.Go(in.pipes.run)
	}
}

// End reads the data in the sockets, and what connections and processes send within patience. Then
// it stops receiving.
func (in *Intake) End(patience time.Duration) {
	in.probes.end()
	if in.pipes != nil {
		in.receiving.Go(func() { in.pipes.readLast(patience) })
	}
	in.streams.stop(patience)
	for _, r := range in.receivers {
		r.stop()
	}
	in.receiving.Wait()
}

// Close releases the sockets. Call it after End, or without Start.
func (in *Intake) Close() error {
	in.probes.end()
	in.watch.end()
	in.Trace(nil)
	in.watching.Wait()
	err := in.streams.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // End has already closed it
	}
	for _, r := range in.receivers {
		err = errors.Join(err, r.socket.close())
	}
	return err
}

// Table returns the table that intake fills.
func (in *Intake) Table() *aggregate.Table { return in.table }

// Addr returns the bound TCP address. UDP uses the same port.
func (in *Intake) Addr() net.Addr { return in.streams.listener.Addr() }

// Due sets the time of the next flush, in Unix nanoseconds. No receiver sleeps beyond it.
func (in *Intake) Due(at int64) { in.times.due.Store(at) }

// Settle waits briefly until the receivers have read everything that arrived before now.
func (in *Intake) Settle(now time.Time) {
	for _, r := range in.receivers {
		r.settle(now)
	}
}

// Drain takes everything received since the last call out of the table and the lanes.
func (in *Intake) Drain() (iv *aggregate.Interval, t Tally) {
	iv = in.table.Drain(func(i int) {
		t.Add(&in.lanes[i].tally)
		in.lanes[i].tally = Tally{}
	})
	in.rules.Add(iv.Hits, time.Now())
	return iv, t
}

// Live returns the counts since the last Drain.
func (in *Intake) Live() (t Tally) {
	for _, l := range in.lanes {
		l.shard.Lock()
		t.Add(&l.tally)
		l.shard.Unlock()
	}
	return t
}

// BadLines returns the latest bad lines, newest first.
func (in *Intake) BadLines() []meta.BadLine { return in.bad.Last() }

// AlikeBadLines counts the bad lines of the last 15 minutes by sender and reason.
func (in *Intake) AlikeBadLines() []meta.Alike { return in.bad.Alike(time.Now()) }

// Change replaces the limits. Drain, Published and State must not run meanwhile.
func (in *Intake) Change(limits Limits) {
	before := in.cfg.Limits
	in.cfg.Limits = limits
	if limits.Rules != before.Rules && !limits.Rules.Same(before.Rules) {
		in.setRules(before.Rules)
	}
	in.streams.room.follow(&in.cfg.Limits)
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

// Published shows a flush's points to --debug-metric.
func (in *Intake) Published(points iter.Seq[metric.Point]) { in.watch.points(points) }

// State holds counts that the lanes do not keep.
type State struct {
	OpenConnections, PeakConnections, MaxConnections int
	AcceptErrors                                     uint64 // connections that could not be accepted
	Shortages                                        uint64 // those because no file descriptor was free
	KernelDropped                                    uint64 // datagrams that did not fit into the receive buffers
	DebugSkipped                                     uint64 // debug entries skipped because the log was too slow
	Pipes                                            *Pipes // nil without --pipe-dir
}

// State returns the current state. Call it at least once per 2^32 dropped datagrams, and not after
// Close.
func (in *Intake) State() State {
	room := in.streams.room
	st := State{
		OpenConnections: int(room.open.Load()),
		PeakConnections: int(room.peak.Load()),
		MaxConnections:  room.limits.Load().connections,
		AcceptErrors:    in.streams.acceptErrors.Load(),
		Shortages:       in.streams.shortages.Load(),
		DebugSkipped:    in.unwatched + in.watch.missed() + in.trace.untraced(),
	}
	for _, r := range in.receivers {
		st.KernelDropped += r.dropped()
	}
	if in.pipes != nil {
		seen := in.pipes.state()
		st.Pipes = &seen
	}
	return st
}

// Inject adds the lines of a datagram that did not come from a socket.
func (in *Intake) Inject(datagram []byte) {
	l := in.lanes[0]
	parser := l.parser
	l.shard.Lock()
	defer l.shard.Unlock()
	defer l.end(l.begin(true))
	l.takeDatagram(&parser, datagram, origin{})
	l.addPending()
}
