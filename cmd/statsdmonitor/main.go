// Statsdmonitor asks a running statsd for its own figures, and prints them.
//
//	statsdmonitor localhost 8135
//
// prints a line "name: value" for each figure, sorted by name. --values prints the values
// published last, --discards the discarded lines, and --ledger the account of all samples
// and points. Without arguments it asks localhost on port 8135.
//
// It exits 0 after an answer, 1 if the daemon cannot be reached or does not answer, 2 for a
// wrong command line, and 3 if the ledger does not balance.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitUnbalanced = 3
)

// run is the command. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, errShown):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "statsdmonitor: %s, try --help\n", safe(err.Error()))
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	out := bufio.NewWriter(stdout)
	err = o.report(ctx, o, out)
	if err == nil || errors.Is(err, errUnbalanced) {
		err = cmp.Or(out.Flush(), err)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "statsdmonitor: %s\n", err)
	if errors.Is(err, errUnbalanced) {
		return exitUnbalanced
	}
	return exitFailed
}
