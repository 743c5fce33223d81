package nsca

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/statsd-ops/statsd/notify"
)

// refusalWait is how long to wait after a packet. If the daemon cannot use the packet, it closes the connection
// in this time. nsca 2.10 on the same machine needs about a millisecond.
const refusalWait = time.Second

// Client is a notify.Notifier that reports to an NSCA daemon. It opens a connection for each event, so it needs
// no Close.
type Client struct {
	config  Config
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	wait    time.Duration
}

var _ notify.Notifier = (*Client)(nil)

// New returns a Client for c, or the error of c.Validate. It does not connect.
func New(c Config) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	address, err := address(c.Server)
	return &Client{config: c, address: address, dial: new(net.Dialer).DialContext, wait: refusalWait}, err
}

// Notify sends e as the result of a passive service check. It returns nil if the daemon does not refuse the
// packet within a second.
func (c *Client) Notify(ctx context.Context, e notify.Event) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if err := c.send(ctx, e); err != nil {
		return fmt.Errorf("nsca %s: %w", c.address, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, e notify.Event) error {
	r := result{host: c.config.Host, service: c.config.Service, state: state(e.Status)}
	if r.service == "" {
		r.service = e.Service
		if err := checkName(r.service, serviceSize-1); err != nil {
			return fmt.Errorf("the event's service %w", err)
		}
	}
	packet := make([]byte, packetSize)
	if c.config.Legacy {
		packet = packet[:legacyPacketSize]
	}
	r.text = cleanText(e.Text, textLimit(len(packet)))

	conn, err := c.dial(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { expire(conn) })
	defer stop()

	var init [initSize]byte
	if n, err := io.ReadFull(conn, init[:]); err != nil {
		return initError(n, err)
	}
	r.time = binary.BigEndian.Uint32(init[ivSize:])
	_, _ = rand.Read(packet) // rand.Read never fails
	r.put(packet)
	if err := c.config.Method.encrypt(packet, init[:ivSize], c.config.Password); err != nil {
		return err
	}
	if _, err := conn.Write(packet); err != nil {
		return fmt.Errorf("sending the packet: %w", err)
	}
	return c.awaitRefusal(conn)
}

// awaitRefusal waits for refusalWait, or until the context ends. It returns nil if the daemon neither closes the
// connection nor sends data in this time.
func (c *Client) awaitRefusal(conn net.Conn) error {
	defer time.AfterFunc(c.wait, func() { expire(conn) }).Stop()
	switch n, err := conn.Read(make([]byte, 1)); {
	case n > 0:
		return errors.New("the server answered the packet, which an nsca daemon never does: is the server an nsca daemon?")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return errors.New("the server closed the connection after the packet: password, encryption method or packet size differs from the daemon's")
}

// expire makes all current and later reads and writes on conn fail. It ignores an error of SetDeadline: the error means
// that conn is closed, and then reads and writes fail anyway.
func expire(conn net.Conn) {
	_ = conn.SetDeadline(time.Unix(1, 0))
}

// initError explains why an init packet has only n bytes.
func initError(n int, err error) error {
	got := fmt.Sprintf("got %d of the %d bytes of nsca's greeting", n, initSize)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s, then nothing until the timeout: is the server an nsca daemon?", got)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s, then the end of the connection: does the daemon allow this host, and is its decryption_method valid?", got)
	}
	return fmt.Errorf("%s: %w", got, err)
}

// state returns Nagios's number for a status.
func state(s notify.Status) uint16 {
	if s < notify.OK || s > notify.Unknown {
		s = notify.Unknown
	}
	return uint16(s)
}
