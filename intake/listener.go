package intake

import (
	"cmp"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/intake/kernel"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// listener is a place where lines come in, with its sockets.
type listener struct {
	*listen.Bound
	number    int          // its part in each lane
	at        net.Addr     // as bound
	guard     listen.Guard // nil: all may send
	sockets   []*kernel.Socket
	receivers []*receiver
	acceptor  *acceptor // nil for datagrams
	file      file
}

// String returns the network and the address.
func (l *listener) String() string {
	if l.Scheme.Local() {
		return l.Scheme.Network() + " " + l.Address
	}
	return l.Scheme.Network() + " " + l.at.String()
}

// Counts counts what came in by one listener.
type Counts struct {
	Datagrams, Connections uint64
	Bytes, Lines           uint64
	Bad                    uint64 // bad samples
	Full                   uint64 // reads that found the queue of a unix socket full
	Refused                [listen.Refusals]uint64
}

func (c *Counts) add(o *Counts) {
	c.Datagrams += o.Datagrams
	c.Connections += o.Connections
	c.Bytes += o.Bytes
	c.Lines += o.Lines
	c.Bad += o.Bad
	c.Full += o.Full
	for i, n := range o.Refused {
		c.Refused[i] += n
	}
}

// part is what a lane has of one listener. The shard's lock guards it.
type part struct {
	name string // of the listener; empty for lines that no listener received
	Counts
	ages ages // of the streams
}

// openListeners binds all sockets, or none.
func openListeners(cfg *Listen) ([]*listener, error) {
	bound, err := listen.Open(cfg.listeners(), cfg.Sockets)
	if err == nil && len(bound) == 0 {
		err = metric.FlagErrorf("--listen", nil, "there is no listener")
	}
	if err != nil {
		return nil, err
	}
	var all []*listener
	for i, b := range bound {
		all = append(all, &listener{Bound: b, number: i, at: b.Addr()})
	}
	return all, nil
}

// buffer returns the size of the receive buffers.
func (l *listener) buffer(cfg *Listen) int { return cmp.Or(l.Buffer, cfg.UDPBuffer) }

// openSockets makes the receivers' sockets from what is bound.
func (l *listener) openSockets(cfg *Listen) (sockets []*kernel.Socket, err error) {
	for len(l.Packets) > 0 && err == nil {
		var s *kernel.Socket
		s, err = kernel.New(l.Packets[0])
		l.Packets = l.Packets[1:] // it is closed
		if err != nil {
			break
		}
		sockets = append(sockets, s)
		switch {
		case l.Scheme.Local(): // the memory is charged to the sender
		case l.Given:
			err = s.GrowBuffer(l.buffer(cfg))
		default:
			err = s.SetBuffer(l.buffer(cfg))
		}
		if l.Given {
			err = errors.Join(err, s.Inherit())
		}
	}
	return sockets, err
}

// closeListeners closes what is bound. It must be called before reading begins.
func closeListeners(all []*listener) {
	for _, l := range all {
		_ = l.close()
	}
}

// close closes the sockets. Reading must have ended.
func (l *listener) close() error {
	err := l.Close()
	if l.acceptor != nil {
		_ = (*l.acceptor.stream.Load()).Close() // End has closed it, if it ran
	}
	for _, s := range l.sockets {
		err = errors.Join(err, s.Close())
	}
	l.sockets = nil
	return err
}

// state returns the current state.
func (l *listener) state() ListenerState {
	st := ListenerState{Name: l.Name, Number: l.number, Scheme: l.Scheme, Address: l.at.String(), Rebound: l.file.rebound.Load()}
	if why := l.file.lost.Load(); why != nil {
		st.Lost = *why
	}
	if l.acceptor != nil {
		st.OpenConnections = int(l.acceptor.open.Load())
	}
	for _, r := range l.receivers {
		if !r.local {
			st.KernelDropped += r.dropped()
		}
	}
	return st
}

// Counts returns what t has of the listener.
func (s *ListenerState) Counts(t *Tally) (c Counts) {
	if s.Number < len(t.Listeners) { // otherwise nothing was drained yet
		c = t.Listeners[s.Number]
	}
	return c
}

// addTo adds the counts of a lane since the last flush to t.
func (l *lane) addTo(t *Tally) {
	t.Add(&l.tally)
	for i := range l.parts {
		if i == len(t.Listeners) {
			t.Listeners = append(t.Listeners, Counts{})
		}
		t.Listeners[i].add(&l.parts[i].Counts)
	}
}

// restart sets the counts to 0.
func (l *lane) restart() {
	l.tally = Tally{}
	for i := range l.parts {
		l.parts[i].Counts = Counts{}
	}
}

// admitPeer decides about a process of this host, and counts it.
func (l *listener) admitPeer(table *peers.Table, p peers.Credentials, now time.Time, c peers.Counts) (meta.Sender, listen.Refusal) {
	why := listen.Admitted
	if !l.Allows(p.UID, p.GID) || l.Restricted() && !p.Known {
		why, c.Denied = listen.Denied, 1
	}
	if !p.Known {
		return meta.Sender{}, why
	}
	program := table.Count(p.ID, now, c)
	return meta.SenderIn(meta.Process{Local: true, PID: p.PID, UID: p.UID, Program: program}), why
}

// named reports whether listeners have figures of their own: not if there are only those of --port.
func (in *Intake) named() bool { return len(in.cfg.Listeners) > 0 || len(in.listeners) > 2 }

// Networks returns the networks of all listeners, each once.
func (in *Intake) Networks() (all []string) {
	for _, l := range in.listeners {
		if network := l.Scheme.Network(); !slices.Contains(all, network) {
			all = append(all, network)
		}
	}
	return all
}

// ListenerState holds counts of a listener that the lanes do not keep.
type ListenerState struct {
	Name            string
	Scheme          listen.Scheme
	Number          int // in Tally.Listeners
	Address         string
	OpenConnections int
	Rebound         uint64 // how often the socket file was made again
	Lost            error  // why it cannot be made again; nil if it is there
	KernelDropped   uint64 // datagrams that did not fit into the receive buffer; always 0 for unix sockets
}
