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

	// At the end of the program:
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := stats.Close(ctx); err != nil {
		log.Print(err)
	}
}

// A batch job waits for the server, so that no samples are dropped.
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
	stats.Incr("requests")                       // sends app.counters.requests:1|c
	stats.Timing("render", 250*time.Millisecond) // sends app.timers.render:250.0|ms
}

func ExampleConfig_FromEnv() {
	// The environment of the program is STATSD_HOST=stats.example.com STATSD_PREFIX=shop. Without STATSD_HOST, the
	// client does nothing. Without STATSD_PREFIX, names start with applications.shop.production.
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
	var stats *client.Client // created with New
	db := stats.With("db", "shard:3")
	db.Incr("reads")                    // sends db.reads:1|c|#shard:3
	db.Incr("reads", "table:customers") // sends db.reads:1|c|#shard:3,table:customers
}

func ExampleClient_Sampled() {
	var stats *client.Client // created with New
	tenth := stats.Sampled(0.1)
	for range 1000 {
		tenth.Incr("cache.hits") // sends about 100 lines: cache.hits:1|c|@0.1
	}
}

func ExampleClient_NewCounter() {
	var stats *client.Client // created with New
	hits := stats.NewCounter("cache.hits")
	hits.Incr()
	hits.Add(5)
}

func ExampleClient_Stopwatch() {
	var stats *client.Client // created with New
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
	var stats *client.Client // created with New
	open := stats.NewGauge("connections")
	open.Add(1)
	defer open.Add(-1)
}

func ExampleClient_Inject() {
	var stats *client.Client                  // created with New
	stats.Inject("sets.visitors", "ann", "s") // sends sets.visitors:ann|s
}

func ExampleClient_Stats() {
	var stats *client.Client // created with New
	if s := stats.Stats(); s.Dropped.Total() > 0 {
		log.Printf("%d of %d lines were not sent: %v", s.Dropped.Total(), s.Lines, s.LastError)
	}
}

func ExampleClient() {
	var stats *client.Client                      // created with New
	stats.Incr("orders")                          // sends orders:1|c
	stats.Decr("stock", 3)                        // sends stock:-3|c
	stats.Count("bytes", 1500)                    // sends bytes:1500|c
	stats.Gauge("basket.items", 3)                // sends basket.items:3|g
	stats.GaugeDelta("basket.items", -1)          // sends basket.items:-1|g
	stats.Timing("checkout", 42*time.Millisecond) // sends checkout:42|ms
	stats.Histogram("order.value", 99.5)          // sends order.value:99.5|h
	stats.Distribution("order.value", 99.5)       // sends order.value:99.5|d
	stats.Set("visitors", "ann")                  // sends visitors:ann|s
	stats.Unique("customers", 1234)               // sends customers:1234|s
}

func ExampleClient_Flush() {
	var stats *client.Client // created with New
	stats.Incr("batch.done")
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := stats.Flush(ctx); err != nil {
		log.Print(err)
	}
}

// This client sends to a tcp+tls:// listener. It authenticates itself with a certificate.
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

// This client sends to a udp+hmac:// listener. It signs its datagrams.
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
