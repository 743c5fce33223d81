// Command httpserver is an example: a small web service that sends metrics about its requests.
//
//	STATSD_HOST=127.0.0.1 STATSD_PREFIX=example go run ./examples/httpserver
//	curl localhost:8080/hello/ann
//
// It sends metrics to the statsd at STATSD_HOST over TCP. Two of them are the counter
// example.counters.http.hello.name.requests and the timer example.timers.http.hello.name.GET.200. Without STATSD_HOST it
// sends no metrics, but still answers requests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/httpstats"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to serve")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends. Then it finishes the requests that are being served, and sends the
// metrics that are still queued.
func run(ctx context.Context, listen string) error {
	cfg, err := client.Config{Logger: slog.Default()}.FromEnv()
	if err != nil {
		return err
	}
	stats, err := client.NewSprockets(cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	log.Printf("serving http://%s/hello/ann", listener.Addr())

	server := &http.Server{
		Handler:           &httpstats.Handler{Client: stats.With("http"), Next: routes()},
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
	}

	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(grace), stats.Close(grace))
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		httpstats.Count(r.Context(), "greetings", 1)
		look(r.Context())
		fmt.Fprintf(w, "hello, %s\n", r.PathValue("name"))
	})
	return mux
}

// look simulates a database query.
func look(ctx context.Context) {
	defer httpstats.Timer(ctx, "db.look").Stop()
	time.Sleep(rand.N(10 * time.Millisecond))
}
