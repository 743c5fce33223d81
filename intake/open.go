package intake

import (
	"cmp"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/wire"
)

// Open binds all ports and makes the table. Receiving begins with Start.
func Open(cfg Config) (*Intake, error) {
	in := &Intake{cfg: cfg, watch: newWatch(&cfg), ending: make(chan struct{})}
	var err error
	if in.listeners, err = openListeners(&cfg.Listen); err != nil {
		return nil, err
	}
	if err := in.open(); err != nil {
		closeListeners(in.listeners)
		return nil, err
	}
	in.probes = probes{in: in, ended: make(chan struct{})}
	in.warnOfBuffers()
	in.startWatch()
	return in, nil
}

// open makes the receivers and acceptors that read the listeners.
func (in *Intake) open() (err error) {
	var sockets []*kernel.Socket
	var of []*served
	for _, l := range in.listeners {
		l.guard = in.cfg.Guards[l.URL]
		opened, err := l.openSockets(&in.cfg.Listen)
		l.sockets = opened
		if err != nil {
			return err
		}
		for _, s := range opened {
			sockets, of = append(sockets, s), append(of, l)
		}
	}
	in.makeLanes(cmp.Or(len(sockets), in.cfg.Receivers, 1))
	if in.cfg.PipeDir != "" {
		if in.pipes, err = newPipeReader(&in.cfg, in.lanes[0]); err != nil {
			return err
		}
	}
	for i, s := range sockets {
		if of[i].Scheme.Local() {
			in.warnOfQueue(of[i].listener)
		}
		r := newReceiver(in.lanes[i], of[i].listener, s, in.cfg.DiscardSenders, &in.times)
		in.receivers, of[i].receivers = append(in.receivers, r), append(of[i].receivers, r)
	}
	var doors []*acceptor
	for _, l := range in.listeners {
		if l.Stream != nil {
			l.acceptor = &acceptor{listener: l.listener, log: in.cfg.Log, greeted: make(chan struct{}, certs.Greeted())}
			l.acceptor.take(l.Bound)
			doors = append(doors, l.acceptor)
		}
	}
	in.streams = newStreams(in.lanes, doors, &in.cfg)
	return nil
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
			peers:  &in.peers,
			parts:  make([]part, len(in.listeners)),
		}
		for i, at := range in.listeners {
			if in.named() {
				l.parts[i].name = at.Name
			}
		}
		l.setShown(in.watch, nil)
		in.lanes = append(in.lanes, l)
	}
	if in.cfg.Rules != nil || in.lanes[0].tagger != nil {
		in.setRules(nil)
		in.rules.Add(nil, time.Time{})
	}
}

// setRules sets the rules of the configuration in the table. The parameter before holds the
// previous rules.
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

// shortQueue is a number of queued datagrams. If a unix socket can hold fewer, its clients often
// have to wait.
const shortQueue = 128

// warnOfQueue logs a warning if the queue of a unix socket is short. A kernel setting (net.unix.max_dgram_qlen) limits
// the queue. A higher limit applies only to sockets that are made later.
func (in *Intake) warnOfQueue(l *listener) {
	if limit := listen.QueueLimit(); limit > 0 && limit < shortQueue {
		in.cfg.Log.Warn().Str("listener", l.Name).Int("datagrams", limit+1).
			Msg("the queue of the socket is short: when it is full, blocking clients wait, and non-blocking clients lose datagrams; run sysctl -w net.unix.max_dgram_qlen=512 before the daemon starts")
	}
}

// warnOfBuffers logs a warning if the kernel granted a smaller receive buffer than --udp-buffer.
func (in *Intake) warnOfBuffers() {
	for _, l := range in.listeners {
		asked := l.buffer(&in.cfg.Listen)
		for _, r := range l.receivers {
			if granted := r.socket.Granted(); granted < asked && !l.Scheme.Local() {
				in.cfg.Log.Warn().Int("asked", asked).Int("granted", granted).
					Msgf("the kernel grants a smaller udp buffer than --udp-buffer; to allow the full size, run sysctl -w net.core.rmem_max=%d", asked)
				return
			}
		}
	}
}
