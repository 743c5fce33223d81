//go:build linux

package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// watch sends queries to the monitor of a running daemon, until the context ends.
type watch func(ctx context.Context, monitor string)

// watched starts the watch of the daemon's peer, if there is one. The returned function stops the
// watch.
func (d *daemon) watched() (stop func()) {
	if d.watch == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() { d.watch(ctx, d.monitor()) })
	return func() {
		cancel()
		looking.Wait()
	}
}

// watchStreams is the number of streams of the live page that crowd opens. A daemon does not serve more streams.
// watchConnections is the number of other connections that crowd opens.
const (
	watchStreams     = 8
	watchConnections = 32
)

// crowd opens as many streams of the live page as a daemon serves, and reads them. It also opens other connections, and
// requests the status over each of them once per second.
func crowd(ctx context.Context, monitor string) {
	var all sync.WaitGroup
	for range watchStreams {
		all.Go(func() { ask(ctx, &http.Client{}, monitor+"/api/v1/live") })
	}
	for range watchConnections {
		all.Go(func() { again(ctx, time.Second, monitor+"/api/v1/status") })
	}
	all.Wait()
}

// looks returns a watch that repeats a query without a pause.
func looks(question string) watch {
	return func(ctx context.Context, monitor string) { again(ctx, 0, monitor+"/api/v1/"+question+"?seconds=5") }
}

// again repeats a query over one connection.
func again(ctx context.Context, every time.Duration, url string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		ask(ctx, client, url)
		select {
		case <-ctx.Done():
		case <-time.After(max(every, 10*time.Millisecond)):
		}
	}
}

// ask sends a query and reads the answer. It ignores errors, because failed queries are visible in the results: the CPU
// time is then as low as in the row "statsd", which was measured without queries.
func ask(ctx context.Context, client *http.Client, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return
	}
	answer, err := client.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
}
