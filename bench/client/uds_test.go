package main

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	datadog "github.com/DataDog/datadog-go/v5/statsd"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/metric"
)

// receive starts an intake with one unix socket.
func receive(t *testing.T, scheme listen.Scheme) (in *intake.Intake, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "dsd.socket")
	in, err := intake.Open(intake.Config{
		Listen: intake.Listen{PortOff: true, Receivers: 1, Listeners: []listen.Listener{{
			URL: "unix", Name: "dsd", Scheme: scheme, Address: path, Framing: listen.Auto, File: listen.File{Mode: 0o600},
		}}},
		Limits:        intake.Limits{MaxTCPConnections: 100, TCPLineTimeout: time.Minute},
		Table:         aggregate.Config{MaxNames: 1000, MaxNameLength: 1000, MaxSetMembers: 1000, MaxTimerSamples: 1000, Expire: [metric.Kinds]uint32{1, 1, 1, 1}},
		FlushInterval: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	in.Start(func(err error) { t.Error(err) })
	return in, path
}

// DataDog's client detects whether the socket expects datagrams or streams. Ten clients that wait
// while the socket is full lose no data, although the socket holds only eleven datagrams in total.
func TestDatadogOverUnixSockets(t *testing.T) {
	const clients, each = 10, 20_000
	for _, scheme := range []listen.Scheme{listen.Unixgram, listen.Unix} {
		in, path := receive(t, scheme)
		var sending sync.WaitGroup
		for i := range clients {
			c, err := datadog.New("unix://"+path, datadog.WithoutTelemetry(), datadog.WithoutClientSideAggregation(),
				datadog.WithoutOriginDetection(), datadog.WithWriteTimeout(time.Minute), datadog.WithConnectTimeout(time.Minute), // the connect timeout also limits writes
				datadog.WithTags([]string{"client:a"}))
			if err != nil {
				t.Fatal(err)
			}
			sending.Go(func() {
				for j := range each {
					if err := c.Count(fmt.Sprintf("hits.%d", i), 1, []string{"zone:b"}, 1); err != nil {
						t.Errorf("sample %d: %v", j, err)
						return
					}
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				if lost := c.GetTelemetry(); lost.TotalPayloadsDropped > 0 || lost.TotalDroppedOnReceive > 0 {
					t.Errorf("the client dropped: %+v", lost)
				}
			})
		}
		sending.Wait()
		in.End(time.Minute)
		_, tally := in.Drain()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		got := tally.Listeners[0]
		if tally.Aggregated != clients*each || got.Lines != clients*each || got.Bad > 0 {
			t.Errorf("%s: %d samples of %d: %+v", scheme, tally.Aggregated, clients*each, got)
		}
		if peers := in.Peers(); len(peers.Peers) != 1 || peers.Peers[0].Lines != clients*each {
			t.Errorf("%s: processes %+v", scheme, peers)
		}
		if scheme == listen.Unix && got.Connections != clients || scheme == listen.Unixgram && got.Datagrams < clients*each/400 {
			t.Errorf("%s: %+v", scheme, got)
		}
	}
}
