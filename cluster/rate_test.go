package cluster

import (
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/cluster/nodes"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/link"
)

// TestRate measures how many messages per second NATS accepts, and how much CPU time its servers
// use. It checks that all accepted messages are stored.
func TestRate(t *testing.T) {
	t.Parallel()
	for _, extra := range soak.Pick([]string{""}, []string{"", "sync_interval: always"}) {
		c := nodes.Start(t, nodes.Options{JetStream: extra})
		settings := link.Settings{Partitions: 16, Interval: 10 * time.Second, Horizon: time.Hour}
		e := owner(t, c)
		if _, err := e.Join(patience(t), settings); err != nil {
			t.Fatal(err)
		}
		s := edge(t, c)
		for _, size := range []int{1 << 10, 5 << 10, 40 << 10} {
			sent, held := measure(t, c, s, size, extra), int64(0)
			for p := range settings.Partitions {
				state, err := e.Partition(p).State(patience(t))
				if err == nil {
					held += int64(state.Last + 1 - state.First)
					err = e.Partition(p).Trim(patience(t), state.Last+1)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if sent == 0 || held != sent {
				t.Errorf("the engine took %d messages and holds %d", sent, held)
			}
		}
	}
}

func measure(t *testing.T, c *nodes.Cluster, s link.Sender, size int, extra string) int64 {
	cpu, written := c.Cost()
	began := time.Now()
	var sent atomic.Int64
	var working sync.WaitGroup
	for p := range 16 {
		working.Go(func() {
			data := make([]byte, size)
			_, _ = rand.Read(data)
			for i := 0; time.Since(began) < soak.Pick(200*time.Millisecond, 5*time.Second) && sent.Load()*int64(size) < 150<<20; i++ {
				m := link.Message{Partition: p, ID: fmt.Sprintf("%d-%d-%d-%d", began.UnixNano(), size, p, i), Data: data}
				if err := s.Send(t.Context(), m); err != nil {
					t.Error(err)
					return
				}
				sent.Add(1)
			}
		})
	}
	working.Wait()
	took := time.Since(began)
	cpuNow, writtenNow := c.Cost()
	n := float64(sent.Load())
	t.Logf("%s %d bytes: %.0f messages/s, %.1f MB/s, %.0f us of the servers' CPU each, %.1f bytes written for each byte",
		extra, size, n/took.Seconds(), n*float64(size)/took.Seconds()/1e6, float64((cpuNow-cpu).Microseconds())/n, float64(writtenNow-written)/n/float64(size))
	return sent.Load()
}
