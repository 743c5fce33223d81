package intake

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/metric"
)

// BenchmarkReceive reads datagrams with one counter from a socket into the table. One operation is
// one datagram. The time for sending is not counted. The variants measure the cost of tags, of
// probes, and of reading the sender of each datagram.
func BenchmarkReceive(b *testing.B) {
	const plain, tagged = "app.web-03.api.v2.users.get.status_%03d:%d|c", "app.api.v2.users.get.status_%03d:%d|c|#host:web-03,env:prod"
	for _, bb := range []struct {
		name    string
		senders bool
		format  string
		tags    metric.Tags
		ask     func(ctx context.Context, in *Intake)
	}{
		{"senders=false", false, plain, metric.DropTags, nil},
		{"senders=true", true, plain, metric.DropTags, nil},
		{"tags=drop", false, tagged, metric.DropTags, nil},
		{"tags=graphite", false, tagged, metric.GraphiteTags, nil},
		{"probe=top", false, plain, metric.DropTags, askTop},
		{"probe=tail", false, plain, metric.DropTags, askTail},
		{"probe=senders", true, plain, metric.DropTags, askSenders},
		{"lines=20", false, strings.Repeat(plain+"\n", 20), metric.DropTags, nil},
		{"lines=20/probe=top", false, strings.Repeat(plain+"\n", 20), metric.DropTags, askTop},
		{"lines=20/probe=senders", true, strings.Repeat(plain+"\n", 20), metric.DropTags, askSenders},
	} {
		b.Run(bb.name, func(b *testing.B) {
			cfg := config()
			cfg.Receivers, cfg.Tags = 1, bb.tags
			in, err := Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			r := in.receivers[0]
			r.socket.WantSenders(bb.senders)
			r.asking = bb.senders
			defer askAll(b, in, bb.ask)()

			receiveTimed(b, in, smallestBuffer, func(client net.Conn, i int) error {
				_, err := fmt.Fprintf(client, bb.format, slices.Repeat([]any{i % 64, i % 1000}, strings.Count(bb.format, "%03d"))...)
				return err
			})
		})
	}
}

// smallestBuffer is a number of datagrams that fits into every UDP socket.
const smallestBuffer = 64

// receiveTimed sends b.N datagrams in rounds of the given size, and measures the time of the first
// receiver. All samples must be valid and added to the table.
func receiveTimed(b *testing.B, in *Intake, round int, send func(client net.Conn, i int) error) Tally {
	b.Helper()
	at, r := in.listeners[0].at, in.receivers[0]
	client, err := net.Dial(at.Network(), at.String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	for taken := 0; taken < b.N; taken += round {
		for i := range round {
			if err := send(client, taken+i); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		for got := 0; got < round; {
			n, err := r.socket.Read(false)
			if err != nil {
				b.Fatal(err)
			}
			r.take(n)
			got += n
		}
		b.StopTimer()
	}
	t := in.Live()
	if t.Aggregated != t.Samples || t.Samples < t.UDPPackets || t.UDPPackets < uint64(b.N) {
		b.Fatalf("%d of %d samples in %d datagrams added, want %d datagrams: %+v", t.Aggregated, t.Samples, t.UDPPackets, b.N, t.Listeners)
	}
	return t
}

// askAll starts a probe that runs until the returned function is called.
func askAll(b *testing.B, in *Intake, ask func(context.Context, *Intake)) (end func()) {
	if ask == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(b.Context())
	var asking sync.WaitGroup
	asking.Go(func() { ask(ctx, in) })
	for !in.lanes[0].isProbed() {
		time.Sleep(time.Millisecond)
	}
	return func() {
		cancel()
		asking.Wait()
	}
}

func askTop(ctx context.Context, in *Intake) {
	for ctx.Err() == nil {
		_, _ = in.Top(ctx, probe.TopQuery{By: probe.ByName, For: probe.MaxFor})
	}
}

func askSenders(ctx context.Context, in *Intake) {
	for ctx.Err() == nil {
		_, _ = in.Senders(ctx, probe.SendersQuery{Match: "app.*", For: probe.MaxFor})
	}
}

func askTail(ctx context.Context, in *Intake) {
	tail, err := in.Tail(probe.TailQuery{Match: "app.*", For: probe.MaxFor, Limit: 100})
	if err == nil {
		<-ctx.Done()
		tail.Close()
	}
}

// BenchmarkStreams reads lines with one counter from TCP connections into the table, as fast as the
// clients can send. One operation is one line.
func BenchmarkStreams(b *testing.B) {
	for _, clients := range []int{1, 100} {
		for _, lines := range []int{1, 1000} {
			b.Run(fmt.Sprintf("clients=%d/lines=%d", clients, lines), func(b *testing.B) {
				in := start(b, config())
				text := []byte(strings.Repeat("app.web-03.api.v2.users.get:1|c\n", lines))
				var sending sync.WaitGroup
				writes := b.N/(clients*lines) + 1
				b.ResetTimer()
				for range clients {
					conn := in.dial("tcp")
					sending.Go(func() {
						for range writes {
							if _, err := conn.Write(text); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				sending.Wait()
				eventually(b, "lines are not read", func() bool {
					return in.Live().Samples == uint64(writes*clients*lines)
				})
			})
		}
	}
}
