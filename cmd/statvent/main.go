// Command statvent serves the stat pipes of a host as JSON over HTTP.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/statvent/pipes"
	"github.com/statsd-ops/statsd/statvent/web"
)

// grace is how long requests may go on after a signal to stop.
const grace = 2 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the command: 0 after a signal or --help, 1 if it cannot serve, 2 for bad
// arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args, stdout)
	switch {
	case errors.Is(err, errShown):
		return 0
	case err != nil:
		say(stderr, err)
		return 2
	}
	if err := serve(ctx, opts, stderr); err != nil {
		say(stderr, err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, opts options, stderr io.Writer) error {
	address := net.JoinHostPort(opts.ip, opts.port)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s (--ip, --port): %w", address, err)
	}
	server := &http.Server{
		Handler: &web.Handler{
			Reader: pipes.Reader{Dir: opts.pipeDir, Timeout: opts.timeout, RemoveStale: true},
			Merger: pipes.Merger{Rules: opts.merge},
			Path:   opts.path,
		},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(stderr, "statvent: ", 0),
	}
	say(stderr, fmt.Sprintf("serving the pipes in %s on http://%s%s", opts.pipeDir, listener.Addr(), opts.path))

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("cannot serve on %s: %w", address, err)
	case <-ctx.Done():
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(stopCtx); err != nil {
		return fmt.Errorf("requests were cut off after %v: %w", grace, errors.Join(err, server.Close()))
	}
	return nil
}

// say writes a line for the operator; if that fails there is nobody to tell.
func say(w io.Writer, what any) { _, _ = fmt.Fprintln(w, "statvent:", what) }
