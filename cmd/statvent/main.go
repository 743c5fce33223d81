// Command statvent serves the stat pipes of a host as JSON over HTTP.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/statvent/pipes"
	"github.com/statsd-ops/statsd/statvent/web"
)

const (
	// answerTimeout is the time limit for a response, including the time for reading the pipes.
	answerTimeout = 30 * time.Second
	// grace is how long a shutdown waits until the pipes have been read.
	grace = 2 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the command, and returns the exit status: 0 after a signal or --help, 1 if it cannot serve, 2 for
// invalid arguments.
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
	server, err := listen(opts, stderr)
	if err != nil {
		return fmt.Errorf("--ip, --port: %w", err)
	}
	say(stderr, fmt.Sprintf("serving the pipes in %s on http://%s%s", opts.pipeDir, server.Addr(), opts.path))
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-served:
		return err
	case <-time.After(grace):
		return fmt.Errorf("reading the pipes took longer than %v after the signal to stop, and was interrupted", grace)
	}
}

func listen(opts options, stderr io.Writer) (*httpgate.Server, error) {
	return httpgate.Listen(httpgate.Config{
		Addr: net.JoinHostPort(opts.ip, opts.port),
		Handler: &web.Handler{
			Reader: pipes.Reader{Dir: opts.pipeDir, Timeout: opts.timeout, RemoveStale: true},
			Merger: pipes.Merger{Rules: opts.merge},
			Path:   opts.path,
		},
		AnswerTimeout: answerTimeout,
		ErrorLog:      log.New(stderr, "statvent: ", 0),
		Flag:          "--ip",
	})
}

// say writes a message for the operator. If this fails, the error cannot be reported anywhere.
func say(w io.Writer, what any) { _, _ = fmt.Fprintln(w, "statvent:", what) }
