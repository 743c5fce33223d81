package prometheus

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
)

// TestSoakMemory measures the memory that a series takes. It also measures the cost of a scrape and of a reload when
// there are many series.
func TestSoakMemory(t *testing.T) {
	soak.Slow(t)
	n := soak.Pick(30_000, 1_000_000)
	cfg := mapped(t, "mappings:\n- {match: 'web.*.*.requests', name: web_requests_total, labels: {site: '$1', verb: '$2'}}")
	cfg.MaxSeries = n
	before := heap()
	d := startDaemon(t, cfg)
	all := make([]metric.Collected, 1)
	all[0] = metric.Collected{Kind: metric.Counter, Value: 1}
	fill := func() (took time.Duration) {
		for i := range n {
			all[0].Name = append(all[0].Name[:0], "web.site"...)
			all[0].Name = append(appendNumber(all[0].Name, float64(i)), ".GET.requests"...)
			d.Record(&all[0])
		}
		begun := time.Now()
		d.flush()
		return time.Since(begun)
	}
	fill()
	each := (heap() - before) / n
	if each > 290 { // the limit is 0.15 times the 1,963 bytes of statsd_exporter
		t.Errorf("a counter takes %d bytes", each)
	}
	begun := time.Now()
	size := len(d.current.compressed(false, 0, func() {}))
	scrape := time.Since(begun)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); d.reloads.run(ctx) }()
	plain := fill()
	begun = time.Now()
	d.Reload(d.changed(cfg, d.mapping.text+"\n- {match: 'other', name: other}"))
	asked := time.Since(begun)
	wait.Until(t, "the names are not mapped", func() bool { return d.reloads.ready.Load() != nil })
	mapped := time.Since(begun)
	swap := fill()
	stop()
	<-ended
	if d.store.live != n || d.store.set.Len() != 2 {
		t.Errorf("%d series with %d rules after the reload", d.store.live, d.store.set.Len())
	}
	t.Logf("%d counters: %d bytes each; a page of %d bytes takes %v; the end of a flush %v, with a reload %v; a reload begins in %v and maps in %v",
		n, each, size, scrape, plain, swap, asked, mapped)
}

// heap returns the number of bytes of the heap that are in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// scrape reads a compressed page, and returns its number of bytes. It does not decompress the page, because the
// client of a real daemon uses the CPU of another machine.
func scrape(t *testing.T, url string) int64 {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Error(err)
		return 0
	}
	request.Header.Set("Accept-Encoding", "gzip")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	size, err := io.Copy(io.Discard, answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%s, encoding %q: %v", answer.Status, answer.Header.Get("Content-Encoding"), err)
	}
	return size
}

// TestSoakScrapes measures how long a flush takes while a client scrapes a large page three times in each interval.
// A flush takes a third of the interval. No flush may wait for a scrape.
func TestSoakScrapes(t *testing.T) {
	soak.Slow(t)
	n := soak.Pick(50_000, 1_000_000)
	cfg := limits
	cfg.MaxSeries, cfg.MaxFamilies = n, n
	cfg.Mapping = ""
	d := startDaemon(t, cfg)
	url := d.serve()
	var name []byte
	flush := func() time.Duration {
		begun := time.Now()
		for i := range n {
			name = appendNumber(append(name[:0], "app.requests_"...), float64(i))
			d.Record(&metric.Collected{Kind: metric.Counter, Name: name, Value: 1})
		}
		d.flush()
		return time.Since(begun)
	}
	flush()
	rounds := soak.Pick(5, 20)
	alone, scraped := make([]time.Duration, 0, rounds), make([]time.Duration, 0, rounds)
	third := max(flush(), flush())
	interval, scrapeAgain := time.NewTicker(3*third), time.NewTicker(third)
	defer interval.Stop()
	defer scrapeAgain.Stop()
	flushNext := func() time.Duration {
		<-interval.C
		return flush()
	}
	for range cap(alone) {
		alone = append(alone, flushNext())
	}
	ctx, stop := context.WithCancel(t.Context())
	var scraping sync.WaitGroup
	var scrapes atomic.Int64
	var longest atomic.Int64
	scraping.Go(func() {
		for ctx.Err() == nil {
			<-scrapeAgain.C
			begun := time.Now()
			if size := scrape(t, url+"/metrics"); size < int64(n) {
				t.Errorf("a page of %d bytes", size)
			}
			scrapes.Add(1)
			longest.Store(max(longest.Load(), int64(time.Since(begun))))
		}
	})
	for range cap(scraped) {
		scraped = append(scraped, flushNext())
	}
	stop()
	scraping.Wait()
	slices.Sort(alone)
	slices.Sort(scraped)
	ratio := float64(scraped[len(scraped)-1]) / float64(alone[len(alone)-1])
	soak.Row(t, fmt.Sprintf("three scrapes of %d counters in each interval", n),
		fmt.Sprintf("the longest flush takes %.2f times (%v, median %v, without scrapes %v); %d scrapes, the longest %v with its reading", ratio,
			scraped[len(scraped)-1].Round(time.Millisecond), scraped[len(scraped)/2].Round(time.Millisecond), alone[len(alone)-1].Round(time.Millisecond), scrapes.Load(), time.Duration(longest.Load()).Round(time.Millisecond)), "1.2 times")
	if soak.On() && ratio > 1.2 {
		t.Errorf("the longest flush takes %v, without scrapes %v", scraped[len(scraped)-1], alone[len(alone)-1])
	}
}
