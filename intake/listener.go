package intake

import (
	"cmp"
	"net"
	"time"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/peers"
	"github.com/statsd-ops/statsd/meta"
)

// listener is one of the listeners of an Intake: its open sockets, bound address and guard.
type listener struct {
	*listen.Bound
	number int          // index in each lane's slice of parts
	at     net.Addr     // bound address
	guard  listen.Guard // nil if all clients may send
}

// String returns the network and the address.
func (l *listener) String() string {
	if l.Scheme.Local() {
		return l.Scheme.Network() + " " + l.Address
	}
	return l.Scheme.Network() + " " + l.at.String()
}

// buffer returns the size of the listener's receive buffers in bytes.
func (l *listener) buffer(cfg *Listen) int { return cmp.Or(l.Buffer, cfg.UDPBuffer) }

// admitPeer decides whether a process of this host may send, and counts its data.
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
