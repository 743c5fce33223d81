package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log"
	"os"
	"time"

	"github.com/statsd-ops/statsd/client"
)

func ExampleNew() {
	stats, err := client.New(client.Config{
		Network: "udp",
		Address: "127.0.0.1:8125",
		Prefix:  "shop",
		Log:     func(line string) { log.Print(line) },
	})
	if err != nil {
		log.Fatal(err)
	}
	stats.Incr("orders")
	stats.Gauge("basket.items", 3)
	stats.Timing("checkout", 120*time.Millisecond)

	// Before the program ends:
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := stats.Close(ctx); err != nil {
		log.Print(err)
	}
}

// A batch job waits for the server instead of dropping samples.
func ExampleNew_batch() {
	stats, err := client.New(client.Config{Address: "stats.example.com", Prefix: "nightly", Block: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	for range 1_000_000 {
		stats.Incr("rows")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = stats.Close(ctx)
	var dropped *client.DroppedError
	if err != nil && errors.As(err, &dropped) {
		log.Printf("%d samples are missing: %v", dropped.Samples.Total(), err)
	}
}

func ExampleNewSprockets() {
	stats, err := client.NewSprockets(client.Config{Address: "stats.example.com", Prefix: "app"})
	if err != nil {
		log.Fatal(err)
	}
	stats.Incr("requests")                       // app.counters.requests:1|c
	stats.Timing("render", 250*time.Millisecond) // app.timers.render:250.0|ms
}

func ExampleConfig_FromEnv() {
	// STATSD_HOST=stats.example.com STATSD_PREFIX=shop. Without STATSD_HOST the
	// client does nothing. Without STATSD_PREFIX names begin with
	// applications.shop.production.
	cfg, err := client.Config{Service: "shop", Environment: "production"}.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	cfg.Tags = []string{"zone:a"}
	stats, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	stats.Incr("started")
}

func ExampleClient_With() {
	var stats *client.Client // from New
	db := stats.With("db", "shard:3")
	db.Incr("reads")                    // db.reads:1|c|#shard:3
	db.Incr("reads", "table:customers") // db.reads:1|c|#shard:3,table:customers
}

func ExampleClient_Sampled() {
	var stats *client.Client // from New
	tenth := stats.Sampled(0.1)
	for range 1000 {
		tenth.Incr("cache.hits") // about 100 lines: cache.hits:1|c|@0.1
	}
}

func ExampleClient_NewCounter() {
	var stats *client.Client // from New
	hits := stats.NewCounter("cache.hits")
	hits.Incr()
	hits.Add(5)
}

func ExampleClient_Stopwatch() {
	var stats *client.Client // from New
	checkout := func() {
		defer stats.Stopwatch("checkout").Stop()
		// ...
	}
	checkout()
	report := stats.NewTimer("report")
	report.Time(func() {
		// ...
	})
}

func ExampleClient_NewGauge() {
	var stats *client.Client // from New
	open := stats.NewGauge("connections")
	open.Add(1)
	defer open.Add(-1)
}

func ExampleClient_Inject() {
	var stats *client.Client                  // from New
	stats.Inject("sets.visitors", "ann", "s") // sets.visitors:ann|s
}

func ExampleClient_Stats() {
	var stats *client.Client // from New
	if s := stats.Stats(); s.Dropped.Total() > 0 {
		log.Printf("%d of %d lines were not sent: %v", s.Dropped.Total(), s.Lines, s.LastError)
	}
}

func ExampleClient() {
	var stats *client.Client                      // from New
	stats.Incr("orders")                          // orders:1|c
	stats.Decr("stock", 3)                        // stock:-3|c
	stats.Count("bytes", 1500)                    // bytes:1500|c
	stats.Gauge("basket.items", 3)                // basket.items:3|g
	stats.GaugeDelta("basket.items", -1)          // basket.items:-1|g
	stats.Timing("checkout", 42*time.Millisecond) // checkout:42|ms
	stats.Histogram("order.value", 99.5)          // order.value:99.5|h
	stats.Distribution("order.value", 99.5)       // order.value:99.5|d
	stats.Set("visitors", "ann")                  // visitors:ann|s
	stats.Unique("customers", 1234)               // customers:1234|s
}

func ExampleClient_Flush() {
	var stats *client.Client // from New
	stats.Incr("batch.done")
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := stats.Flush(ctx); err != nil {
		log.Print(err)
	}
}

// A client that proves who it is with a certificate, for a listener tcp+tls://.
func ExampleConfig_tls() {
	own, err := tls.LoadX509KeyPair("/etc/shop/client.pem", "/etc/shop/client.key")
	if err != nil {
		log.Fatal(err)
	}
	dialer := &tls.Dialer{Config: &tls.Config{Certificates: []tls.Certificate{own}}}
	stats, err := client.New(client.Config{Address: "stats.example.com:8126", Dial: dialer.DialContext})
	if err != nil {
		log.Fatal(err)
	}
	stats.Incr("orders")
}

// A client that signs its datagrams, for a listener udp+hmac://.
func ExampleConfig_hmac() {
	key, err := os.ReadFile("/etc/shop/statsd.key")
	if err != nil {
		log.Fatal(err)
	}
	stats, err := client.New(client.Config{Network: "udp", Address: "stats.example.com:8127", HMACKey: bytes.TrimSpace(key)})
	if err != nil {
		log.Fatal(err)
	}
	stats.Incr("orders")
}
