//go:build linux

package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// watch looks at a running daemon through its monitor, until the context ends.
type watch func(ctx context.Context, monitor string)

// watched starts to look at the daemon, if its peer does that. The function ends it.
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

// The most streams that a daemon has, and the connections beside them.
const (
	watchStreams     = 8
	watchConnections = 32
)

// crowd reads the streams of the live page, and asks for the status over connections that stay open, each once
// a second.
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

// looks returns a watch that asks a question without a pause.
func looks(question string) watch {
	return func(ctx context.Context, monitor string) { again(ctx, 0, monitor+"/api/v1/"+question+"?seconds=5") }
}

// again asks over one connection.
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

// ask reads an answer. If a daemon does not answer, its row has no queries and costs as much as the row of
// statsd.
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
