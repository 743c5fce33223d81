package httpstats

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// These values are used as the status of requests without a status. Timer names contain a word for
// each of these values.
const (
	other    = -1 - iota // the number is not a valid status
	hijacked             // the handler hijacked the connection
	aborted              // the client did not receive the response
	broken               // there was no response, or it was incomplete
)

// outcome describes how a request ended.
type outcome struct {
	name, method string
	status       int // HTTP status, or one of the values below 0
}

// meter sends measurements. It keeps a set of handles for each outcome.
type meter struct {
	outcomes memory[outcome, *handles]
	patterns memory[string, string] // cached results of PatternName
}

// memory is a cache with a size limit. Values beyond the limit are computed again for each request, which is
// slower.
type memory[K comparable, V any] struct {
	mu   sync.RWMutex
	kept map[K]V
}

const maxKept = 4096

func (m *memory[K, V]) get(key K, build func(K) V) V {
	m.mu.RLock()
	v, ok := m.kept[key]
	m.mu.RUnlock()
	if ok {
		return v
	}
	v = build(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = make(map[K]V)
	}
	if len(m.kept) < maxKept {
		m.kept[key] = v
	}
	return v
}

type handles struct {
	time             *client.Timer
	requests, errors *client.Counter
}

// begin counts a request as in flight. It adjusts the gauge, so that handlers and processes can share one gauge.
func begin(c *client.Client) { c.GaugeDelta("in_flight", 1) }

// end counts a request as finished, and records its duration.
func (m *meter) end(c *client.Client, o outcome, took time.Duration) {
	c.GaugeDelta("in_flight", -1)
	if c == nil {
		return
	}
	o.method = usual(o.method)
	h := m.outcomes.get(o, func(o outcome) *handles {
		return &handles{
			time:     c.NewTimer(o.name + "." + o.method + "." + o.word()),
			requests: c.NewCounter(o.name + ".requests"),
			errors:   c.NewCounter(o.name + ".errors"),
		}
	})
	h.time.Record(took)
	h.requests.Incr()
	if o.failed() {
		h.errors.Incr()
	}
}

// statusOf returns code if it is a possible status. Over HTTP/2, a server can send any number.
func statusOf(code int) int {
	if code < 100 || code > 999 {
		return other
	}
	return code
}

func (o outcome) failed() bool {
	return o.status >= http.StatusInternalServerError || o.status == broken || o.status == other
}

func (o outcome) word() string {
	switch o.status {
	case other:
		return "OTHER"
	case hijacked:
		return "hijacked"
	case aborted:
		return "aborted"
	case broken:
		return "error"
	}
	return strconv.Itoa(o.status)
}

func usual(method string) string {
	switch method {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	default:
		return "OTHER"
	}
}

// called calls f, the field Name of a Handler or Transport, and returns the name. If f panics or returns "",
// the name is "unnamed", and the client counts and logs an error.
func called(c *client.Client, f func(*http.Request) string, r *http.Request) (name string) {
	defer func() {
		if p := recover(); p != nil {
			c.Report(fmt.Errorf("httpstats: the Name function panicked: %v", p))
			name = "unnamed"
		}
	}()
	if name = f(r); name == "" {
		c.Report(errors.New("httpstats: the Name function returned an empty name"))
		name = "unnamed"
	}
	return name
}
