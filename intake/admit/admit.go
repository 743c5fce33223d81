// Package admit decides which senders may send to a listener: by address, by certificate, or by signature.
//
//	d, err := admit.Open(config) // reads the files; d is a listen.Guard
//	d.Follow(next)               // at a reload: d now uses the rules of the new Door
//
// Package intake counts refusals. It does not log each refusal, because senders could flood the log.
package admit

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/allow"
	"github.com/statsd-ops/statsd/internal/certs"
	"github.com/statsd-ops/statsd/internal/signed"
	"github.com/statsd-ops/statsd/metric"
)

// The bounds of Config.Drift.
const (
	DefaultDrift = 3 * time.Second
	minDrift     = time.Second
	maxDrift     = 10 * time.Minute
)

// Config is the configuration of a Door.
type Config struct {
	// Allow is the set of addresses that may send. Nil admits all addresses.
	Allow *allow.Set
	// TLS is the configuration for connections with TLS. With nil, connections are plain.
	TLS *certs.Server
	// KeyFile is the file of keys for signed datagrams. If it is empty, datagrams are not signed.
	KeyFile string
	// Drift is the greatest allowed difference between the time in a signed datagram and the daemon's
	// clock. The default is DefaultDrift.
	Drift time.Duration
}

// rules is a Config with the content of its files. A rules value never changes.
type rules struct {
	allow *allow.Set
	tls   *tls.Config
	keys  *signed.Keys
	drift time.Duration
}

func (c *Config) read() (*rules, error) {
	r := &rules{allow: c.Allow, drift: cmp.Or(c.Drift, DefaultDrift)}
	if r.drift < minDrift || r.drift > maxDrift {
		return nil, metric.FlagErrorf("drift", c.Drift, "must be between %v and %v", minDrift, maxDrift)
	}
	var err error
	if c.KeyFile != "" {
		if r.keys, err = signed.ReadKeys(c.KeyFile); err != nil {
			return nil, metric.FlagErrorf("keys", nil, "%w", err)
		}
	}
	if c.TLS != nil {
		r.tls, err = c.TLS.Config()
		if bad, ok := errors.AsType[*certs.Error](err); ok {
			return nil, metric.FlagErrorf(bad.Setting, nil, "%w", bad.Err)
		}
	}
	return r, err
}

// Door decides which senders may send to one listener. It implements listen.Guard. Make it with Open.
type Door struct {
	rules      atomic.Pointer[rules]
	window     *signed.Window
	handshakes *certs.Handshakes
}

// Open reads the files of a Config, and returns a Door with the rules in the Config and in its files. The error is a
// *metric.FlagError. It names the option in the listener's URL that is wrong, for example drift.
func Open(c Config) (*Door, error) {
	r, err := c.read()
	if err != nil {
		return nil, err
	}
	d := &Door{window: signed.NewWindow(r.drift), handshakes: certs.NewHandshakes()}
	d.rules.Store(r)
	return d, nil
}

// Follow makes the Door use the rules of next, a Door that a reload has made. Both Doors must have the same kinds of
// checks (addresses, TLS, signatures) and the same drift. If not, Follow does nothing. The Door does not forget which
// datagrams it has accepted, so replays are still refused. Open connections stay open.
func (d *Door) Follow(next listen.Guard) {
	other, ok := next.(*Door)
	if !ok {
		return
	}
	was, is := d.rules.Load(), other.rules.Load()
	if (was.allow == nil) == (is.allow == nil) && (was.tls == nil) == (is.tls == nil) &&
		(was.keys == nil) == (is.keys == nil) && was.drift == is.drift {
		d.rules.Store(is)
	}
}

// Admit decides whether a new connection may send. It returns the connection from which to read the
// lines.
func (d *Door) Admit(ctx context.Context, conn net.Conn) (net.Conn, listen.Refusal) {
	r := d.rules.Load()
	if !r.allow.Has(addressOf(conn)) {
		return nil, listen.Denied
	}
	if r.tls == nil {
		return conn, listen.Admitted
	}
	encrypted, outcome := d.handshakes.Accept(ctx, conn, r.tls)
	return encrypted, outcomes[outcome]
}

func addressOf(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return a.AddrPort().Addr()
	}
	return netip.Addr{}
}

var outcomes = [...]listen.Refusal{
	certs.Done:           listen.Admitted,
	certs.Failed:         listen.Handshake,
	certs.Left:           listen.Left,
	certs.Slow:           listen.SlowHandshake,
	certs.Crowded:        listen.Crowded,
	certs.NoCertificate:  listen.NoCertificate,
	certs.BadCertificate: listen.BadCertificate,
	certs.OtherName:      listen.BadName,
}

// Check returns a check for the datagrams of one receiver, or nil if all datagrams are admitted.
func (d *Door) Check() listen.Check {
	if r := d.rules.Load(); r.allow == nil && r.keys == nil {
		return nil
	}
	return &check{door: d}
}

// check decides which datagrams of one receiver are admitted.
type check struct {
	door       *Door
	rules      *rules          // rules from which the field signatures was made
	signatures *signed.Checker // nil if the rules have no keys
}

// Senders reports whether Open needs the sender's address of each datagram.
func (c *check) Senders() bool { return c.door.rules.Load().allow != nil }

// Open returns the lines of a datagram, and listen.Admitted or the reason for a refusal.
func (c *check) Open(datagram []byte, from netip.Addr, now time.Time) ([]byte, listen.Refusal) {
	if r := c.door.rules.Load(); r != c.rules {
		c.follow(r)
	}
	if !c.rules.allow.Has(from) {
		return datagram, listen.Denied
	}
	if c.signatures == nil {
		return datagram, listen.Admitted
	}
	verdict := c.signatures.Check(datagram, now)
	if verdict.Accepted() {
		datagram = datagram[signed.Overhead:]
	}
	return datagram, verdicts[verdict]
}

func (c *check) follow(r *rules) {
	c.rules, c.signatures = r, nil
	if r.keys != nil {
		c.signatures = c.door.window.Checker(r.keys)
	}
}

var verdicts = [...]listen.Refusal{
	signed.Accepted:    listen.Admitted,
	signed.AcceptedOld: listen.OldKey,
	signed.Unsigned:    listen.BadAuth,
	signed.Forged:      listen.BadAuth,
	signed.Late:        listen.Late,
	signed.Early:       listen.Early,
	signed.Replayed:    listen.Replayed,
	signed.Full:        listen.Unremembered,
}
