// Package prometheus is a sink that serves the collected values of names on an HTTP page. Prometheus scrapes this page.
//
//	s, err := prometheus.New(cfg, func(text string) { log.Warn().Msg(text) })
//	err = s.Open()
//	go s.Run(ctx)
//	...
//	s.Record(&collected) // for each name of a flush
//	s.EndInterval(sink.Interval{End: time.Now()})
//
// A file with rules maps names to families and labels, like the mapping of statsd_exporter: see package rules. Each name
// is mapped once, when it is first received. README.md is the manual.
//
// # The page
//
// Counters, sums and buckets never decrease after the first sample of their series, as Prometheus requires. The flush
// adds the values of an interval name by name. A scrape always sees complete intervals, because it reads an immutable
// view of the page. EndInterval replaces this view. A flush therefore never waits for a scrape. A scrape that must write or
// compress the page waits for a running flush for at most a second, so that the flush has the CPU for itself.
//
// Prometheus can always parse the page, whatever samples are received, and whatever a valid file of rules contains.
// Names and values that the page cannot show are left out, counted and reported.
package prometheus

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/sink"
)

var _ sink.Reloader = (*Sink)(nil)

// answerTimeout is the maximum time for a client to read the page.
const answerTimeout = 30 * time.Second

// Sink serves a page for Prometheus. Make it with New.
type Sink struct {
	config   Config
	mapping  mappingFile
	server   *httpgate.Server
	tallies  *tallies
	scraping chan struct{} // contains one element for each running scrape
	scrapes  atomic.Uint64
	flushed  atomic.Int64 // Unix time of the last flush, 0 before the first flush
	reloads  reloads

	// flushing is locked from the first Record of an interval until EndInterval. It guards the following fields.
	flushing  sync.Mutex
	store     *store
	recording bool // the interval has begun
	made      uint64

	textSize, protoSize atomic.Int64 // sizes of the last compressed page in the text format and in protobuf

	mu      sync.Mutex
	current *view
	ended   chan struct{} // closed at the end of the current flush; nil if no flush is running
	state   sink.State
}

// mappingFile is a file of rules.
type mappingFile struct {
	set  *rules.Set
	text string
}

// New returns a Sink. It reads the mapping. Open makes the Sink listen. When there is a conflict, the Sink calls the
// function tell with a message for the operator.
func New(cfg Config, tell func(text string)) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := cfg.load()
	if err != nil {
		return nil, err
	}
	t := newTallies(tell)
	s := &Sink{
		config: cfg, mapping: m, tallies: t, scraping: make(chan struct{}, maxScrapes),
		store: newStore(cfg, m.set, t), current: &view{},
	}
	s.reloads.wanted = make(chan *reload, 1)
	s.state = s.describe()
	return s, nil
}

func (c *Config) load() (m mappingFile, err error) {
	var text []byte
	if c.Mapping != "" {
		if text, err = safefile.ReadFile(c.Mapping, rules.MaxFile); err != nil {
			return m, &MappingError{c.Mapping, err}
		}
	}
	m.text = string(text)
	if m.set, err = rules.Load(text, rules.Mapping); err != nil {
		return m, &MappingError{c.Mapping, err}
	}
	if c.DropUnmatched {
		m.set.DropUnmatched = true
	}
	m.set.SetTTL(c.TTL)
	return m, nil
}

// MappingError is an error in a file of rules.
type MappingError struct {
	Path string
	Err  error
}

func (e *MappingError) Error() string { return fmt.Sprintf("mapping %s: %v", e.Path, e.Err) }
func (e *MappingError) Unwrap() error { return e.Err }

// Open listens on the configured address, and reports the hints about the rules.
func (s *Sink) Open() (err error) {
	s.server, err = httpgate.Listen(httpgate.Config{Addr: s.config.Addr, Handler: s.handler(), AnswerTimeout: answerTimeout, Flag: "host in --sink"})
	if err == nil {
		s.tellHints()
	}
	return err
}

// maxHints is the maximum number of hints about one file that are reported.
const maxHints = 20

// Hints returns hints about rules of the mapping that have no effect, or another effect than they seem to have.
func (s *Sink) Hints() (hints []string) {
	all := s.mapping.set.Warnings()
	for _, w := range all[:min(len(all), maxHints)] {
		hints = append(hints, fmt.Sprintf("mapping %s: %s", s.config.Mapping, w))
	}
	if more := len(all) - maxHints; more > 0 {
		hints = append(hints, fmt.Sprintf("mapping %s: %d more hints are not shown: to see all hints, run \"statsd --check-mapping %[1]s\"", s.config.Mapping, more))
	}
	return hints
}

func (s *Sink) tellHints() {
	for _, hint := range s.Hints() {
		s.tallies.tell(hint)
	}
}

// Addr returns the address that the Sink listens on.
func (s *Sink) Addr() net.Addr { return s.server.Addr() }

// Close closes the listener.
func (s *Sink) Close() error { return s.server.Close() }

// Run serves the page until ctx ends.
func (s *Sink) Run(ctx context.Context) error {
	var mapping sync.WaitGroup
	mapping.Go(func() { s.reloads.run(ctx) })
	defer mapping.Wait()
	if err := s.server.Run(ctx); err != nil {
		return fmt.Errorf("prometheus sink on %s: %w", s.Addr(), err)
	}
	return nil
}

// Record adds the collected values of a name.
func (s *Sink) Record(c *metric.Collected) {
	s.begin()
	s.made++
	s.store.record(c)
}

// begin starts an interval. It stores the current time, which the expiry of series and the time windows use. It does
// not use the flush time, because the flush time is not monotonic.
func (s *Sink) begin() {
	if !s.recording {
		s.flushing.Lock()
		s.recording = true
		s.store.beginInterval(time.Now())
		s.mu.Lock()
		s.ended = make(chan struct{})
		s.mu.Unlock()
	}
}

// EndInterval makes the interval visible on the page.
func (s *Sink) EndInterval(i sink.Interval) {
	s.begin()
	defer s.flushing.Unlock()
	s.recording = false
	s.store.endInterval()
	s.adopt()
	s.flushed.Store(i.End.Unix())
	var own []byte
	if s.config.Own {
		own = s.own(i)
	}
	next := s.store.publish(own)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.current
	s.current = next
	s.store.values.retire(before)
	s.state = s.describe()
	close(s.ended)
	s.ended = nil
}

// acquire returns the current view. The view stays unchanged until it is released.
func (s *Sink) acquire() *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.readers++
	return s.current
}

func (s *Sink) release(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.readers--
}

// State implements sink.Observer.
func (s *Sink) State() sink.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
