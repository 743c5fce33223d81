package httpstats_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/httpstats"
)

func ExampleHandler() {
	stats, err := client.New(client.Config{Address: "stats.example.com", Prefix: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(http.ResponseWriter, *http.Request) {})
	// A request for /users/7 is recorded in the timer http.users.id.GET.200.
	server := &http.Server{Handler: &httpstats.Handler{Client: stats.With("http"), Next: mux}}
	_ = server
}

func ExampleTransport() {
	stats, err := client.New(client.Config{Address: "stats.example.com", Prefix: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	calls := &http.Client{Transport: &httpstats.Transport{Client: stats.With("calls")}}
	_ = calls
}

func ExampleTimer() {
	http.HandleFunc("GET /orders", func(_ http.ResponseWriter, r *http.Request) {
		defer httpstats.Timer(r.Context(), "db.orders").Stop()
		httpstats.Count(r.Context(), "orders.listed", 1)
	})
}

func ExamplePatternName() {
	fmt.Println(httpstats.PatternName("GET /users/{id}/posts"))
	// Output: users.id.posts
}

// Code that serves no request, such as a nightly job, can use Timer, Timing and Count with a
// context of NewContext.
func ExampleNewContext() {
	var stats *client.Client // created with client.New
	ctx := httpstats.NewContext(context.Background(), stats.With("nightly"))
	defer httpstats.Timer(ctx, "db.orders").Stop()
	httpstats.FromContext(ctx).Gauge("orders", 12)
}
