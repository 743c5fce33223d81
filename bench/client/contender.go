package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	datadog "github.com/DataDog/datadog-go/v5/statsd"
	cactus "github.com/cactus/go-statsd-client/v5/statsd"

	"github.com/statsd-ops/statsd/client"
)

// calls has one function for each measured call of a client. A call that the client does not
// support is nil.
type calls struct {
	incr, incrTags, gauge, timing, set, handle func()
	flush, close                               func()
}

// contender is a client to compare. Its function make returns a client that writes to wire.
type contender struct {
	name   string
	merged bool
	make   func(w *wire) (calls, error)
}

// packetSize is the packet size that all clients use. 1432 bytes is the default of all three
// clients for UDP.
const packetSize = 1432

var contenders = []contender{
	{name: "this", make: func(w *wire) (calls, error) { return this(w, 0) }},
	{name: "cactus", make: cactusCalls},
	{name: "datadog", make: func(w *wire) (calls, error) {
		return datadogCalls(w, datadog.WithoutClientSideAggregation())
	}},
	{name: "this", merged: true, make: func(w *wire) (calls, error) { return this(w, 2*time.Second) }},
	// With client-side aggregation, DataDog's client merges all calls that it can merge. It sends the results every two
	// seconds.
	{name: "datadog", merged: true, make: func(w *wire) (calls, error) {
		return datadogCalls(w, datadog.WithExtendedClientSideAggregation())
	}},
}

const (
	counterName = "web.requests.served"
	gaugeName   = "web.connections.open"
	timerName   = "web.requests.time"
	setName     = "web.users.seen"
	gaugeValue  = 1234.5
	timerValue  = 15300 * time.Microsecond
	member      = "user-1234"
)

func this(w *wire, aggregate time.Duration) (calls, error) {
	c, err := client.New(client.Config{
		Network:       "udp",
		MaxPacketSize: packetSize,
		Aggregate:     aggregate,
		Dial:          func(context.Context, string, string) (net.Conn, error) { return w, nil },
	})
	if err != nil {
		return calls{}, err
	}
	handle := c.NewCounter(counterName)
	return calls{
		incr:     func() { c.Incr(counterName) },
		incrTags: func() { c.Incr(counterName, "code:200", "zone:a") },
		gauge:    func() { c.Gauge(gaugeName, gaugeValue) },
		timing:   func() { c.Timing(timerName, timerValue) },
		set:      func() { c.Set(setName, member) },
		handle:   handle.Incr,
		flush:    func() { _ = c.Flush(context.Background()) },
		close:    func() { _ = c.Close(context.Background()) },
	}, nil
}

// sender implements cactus.Sender with a wire.
type sender struct{ *wire }

func (s sender) Send(b []byte) (int, error) { return s.Write(b) }

func cactusCalls(w *wire) (calls, error) {
	buffered, err := cactus.NewBufferedSenderWithSender(sender{w}, 300*time.Millisecond, packetSize) // the default flush interval
	if err != nil {
		return calls{}, err
	}
	c, err := cactus.NewClientWithSender(buffered, "", cactus.SuffixOctothorpe)
	if err != nil {
		return calls{}, err
	}
	code, zone := cactus.Tag{"code", "200"}, cactus.Tag{"zone", "a"}
	return calls{
		incr:     func() { _ = c.Inc(counterName, 1, 1) },
		incrTags: func() { _ = c.Inc(counterName, 1, 1, code, zone) },
		gauge:    func() { _ = c.(cactus.ExtendedStatSender).GaugeFloat(gaugeName, gaugeValue, 1) },
		timing:   func() { _ = c.TimingDuration(timerName, timerValue, 1) },
		set:      func() { _ = c.Set(setName, member, 1) },
		close:    func() { _ = c.Close() },
	}, nil
}

func datadogCalls(w *wire, option datadog.Option) (calls, error) {
	c, err := datadog.NewWithWriter(w, option, datadog.WithoutTelemetry(), datadog.WithoutOriginDetection(),
		datadog.WithMaxBytesPerPayload(packetSize))
	if err != nil {
		return calls{}, err
	}
	tags := []string{"code:200", "zone:a"}
	return calls{
		incr:     func() { _ = c.Incr(counterName, nil, 1) },
		incrTags: func() { _ = c.Incr(counterName, tags, 1) },
		gauge:    func() { _ = c.Gauge(gaugeName, gaugeValue, nil, 1) },
		timing:   func() { _ = c.Timing(timerName, timerValue, nil, 1) },
		set:      func() { _ = c.Set(setName, member, nil, 1) },
		flush:    func() { _ = c.Flush() },
		close:    func() { _ = c.Close() },
	}, nil
}

var newline = []byte{'\n'}

// wire is a UDP socket that is connected to a socket which no process reads. So the kernel does all
// the work of sending, but the benchmark does not have to receive. wire counts the lines that are
// written to it.
type wire struct {
	net.Conn
	receiver net.PacketConn
	writes   atomic.Int64
	lines    atomic.Int64
	keep     bool // whether to store the written packets, for the test
	mu       sync.Mutex
	packets  []string
}

func newWire() (*wire, error) {
	receiver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("udp", receiver.LocalAddr().String())
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn, receiver: receiver}, nil
}

func (w *wire) Write(b []byte) (int, error) {
	w.writes.Add(1)
	w.lines.Add(int64(bytes.Count(bytes.TrimSuffix(b, newline), newline) + 1))
	if w.keep {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.packets = append(w.packets, string(b))
	}
	return w.Conn.Write(b)
}

// settle waits until the client has written almost all lines. The parameter lines is the number of all lines. The last
// lines can be missing, because their packet may not be full yet.
func (w *wire) settle(lines int64) error {
	const filling = 100
	for deadline := time.Now().Add(10 * time.Second); w.lines.Load() < lines-filling; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("of %d lines only %d were sent", lines, w.lines.Load())
		}
	}
	return nil
}

func (w *wire) Close() error {
	_ = w.receiver.Close()
	return w.Conn.Close()
}
