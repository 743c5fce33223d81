package prometheus

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink"
)

func TestMain(m *testing.M) {
	wait.Beside()
	m.Run()
}

// serve serves the daemon's page until the test ends, and returns the URL.
func (d *daemon) serve() string {
	d.t.Helper()
	if err := d.Open(); err != nil {
		d.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	d.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			d.t.Error(err)
		}
	})
	return "http://" + d.Addr().String()
}

// ask sends a request, and returns the response with its body.
func ask(t testing.TB, method, url, encoding string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", encoding)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body := io.Reader(answer.Body)
	if answer.Header.Get("Content-Encoding") == "gzip" && method == http.MethodGet {
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, limits)
	url := d.serve()
	if answer, text := ask(t, "GET", url+"/metrics", ""); answer.StatusCode != 200 || text != "" {
		t.Errorf("before the first flush: %s %q", answer.Status, text)
	}
	if answer, _ := ask(t, "GET", url+"/-/ready", ""); answer.StatusCode != 503 {
		t.Errorf("ready before the first flush: %s", answer.Status)
	}
	d.flush(lines(1500, "a.%d:1|c")...)
	page := d.page()
	for _, encoding := range []string{"", "identity", "gzip", "gzip;q=0", "deflate, gzip;q=0.5", "*"} {
		answer, text := ask(t, "GET", url+"/metrics", encoding)
		zipped := answer.Header.Get("Content-Encoding") == "gzip"
		wanted := encoding == "gzip" || strings.Contains(encoding, "q=0.5") || encoding == "*"
		if answer.StatusCode != 200 || text != page || zipped != wanted || answer.Header.Get("Content-Type") != contentType {
			t.Errorf("accepting %q: %s, %d bytes, want %d, gzip %v, %s", encoding, answer.Status, len(text), len(page), zipped, answer.Header)
		}
	}
	d.flush("a.1:1|c")
	if _, text := ask(t, "GET", url+"/metrics", "gzip"); !strings.Contains(text, "a_1 2\n") {
		t.Error("the compressed page is not made again after a flush")
	}
	if _, text := ask(t, "GET", url+"/names", ""); strings.Count(text, "\n") != 1500 || !strings.Contains(text, "counter a.17\n") {
		t.Errorf("the names are %.200q...", text)
	}
	for _, tt := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"HEAD", "/metrics", 200, ""}, {"POST", "/metrics", 405, "use GET\n"}, {"GET", "/-/healthy", 200, "healthy\n"},
		{"GET", "/-/ready", 200, "ready\n"}, {"GET", "/", 200, indexText}, {"GET", "/other", 404, "404 page not found\n"},
		{"PUT", "/-/quit", 405, "use GET\n"},
	} {
		if answer, text := ask(t, tt.method, url+tt.path, ""); answer.StatusCode != tt.status || text != tt.text {
			t.Errorf("%s %s: %s %q", tt.method, tt.path, answer.Status, text)
		}
	}
}

func TestTooManyScrapes(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, limits)
	url := d.serve()
	for range maxScrapes {
		d.scraping <- struct{}{}
	}
	if answer, _ := ask(t, "GET", url+"/metrics", ""); answer.StatusCode != 503 {
		t.Errorf("a further scrape: %s", answer.Status)
	}
	<-d.scraping
	if answer, _ := ask(t, "GET", url+"/metrics", ""); answer.StatusCode != 200 {
		t.Errorf("after one has ended: %s", answer.Status)
	}
}

func TestProtections(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, limits)
	url := d.serve()
	httpgatetest.Check(t, strings.TrimPrefix(url, "http://"), "/metrics")
}

// TestScrapesSeeWholeIntervals scrapes the page during flushes. Each scrape must see complete intervals: two
// counters with equal increments are equal, and the count of a histogram equals its last bucket.
func TestScrapesSeeWholeIntervals(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, mapped(t, "defaults: {observer_type: histogram}"))
	url := d.serve()
	var scraping sync.WaitGroup
	done := make(chan struct{})
	for i := range 3 {
		scraping.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				_, page := ask(t, "GET", url+"/metrics", []string{"", "gzip"}[i%2])
				var first, last float64
				for _, s := range parse(t, page) {
					switch s.name {
					case "a_0":
						first = s.value
					case "z":
						last = s.value
					}
				}
				if first != last {
					t.Errorf("a page has %v of one counter and %v of the other", first, last)
					return
				}
			}
		})
	}
	for range 100 {
		d.flush(append(lines(1000, "a.%d:1|c"), "h:1:2:3|h", "z:1|c")...)
	}
	close(done)
	scraping.Wait()
}

// TestScrapeYields checks that a page is compressed after the flush that is running, or after maxYield if the flush takes
// longer.
func TestScrapeYields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDaemon(t, limits)
		d.flush("a:1|c")
		scrape := func() (waited chan time.Duration) {
			waited = make(chan time.Duration, 1)
			begun := time.Now()
			go func() {
				d.compressed(false)
				waited <- time.Since(begun)
			}()
			return waited
		}
		if got := <-scrape(); got != 0 {
			t.Errorf("without a flush a scrape waits for %v", got)
		}
		const flush = 300 * time.Millisecond
		d.flush()
		d.begin()
		waited := scrape()
		time.Sleep(flush)
		d.EndInterval(sink.Interval{End: time.Now()})
		if got := <-waited; got != flush {
			t.Errorf("a scrape waits for %v while a flush takes %v", got, flush)
		}
		d.begin()
		if got := <-scrape(); got != maxYield {
			t.Errorf("a scrape waits for %v while a flush does not end, want %v", got, maxYield)
		}
		d.EndInterval(sink.Interval{End: time.Now()})
	})
}
