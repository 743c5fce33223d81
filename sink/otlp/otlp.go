// Package otlp sends rows to an OpenTelemetry collector, or to another program that accepts OTLP over HTTP with
// protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
//
//	counter   Sum, delta, monotonic, for the time of the flush interval
//	gauge     Gauge
//	set       Gauge of the number of members
//	timer     ExponentialHistogram, delta, of at most 160 bins on each side of 0; with
//	          Config.Summaries a Summary with the percentile thresholds as quantiles
//
// The daemon's own metrics are Gauges in a separate scope.
//
// Tags are encoded as attributes of data points. A counter below 0 cannot be a monotonic sum: it is left out, and
// counted as unsendable. Counts in OTLP are whole numbers. Fractional counts of bins are therefore rounded, in such a
// way that the sum of the bins still equals the count.
//
// # Loss and duplicates
//
// Package push describes how Send reacts to each HTTP status. The receiver can get a delta twice if the connection
// breaks before the response arrives. A payload that is too large for the receiver (status 413) is sent in halves.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/push"
	"github.com/statsd-ops/statsd/sink/secure"
)

// ExpBins is the maximum number of a timer's bins on each side of 0. It is the default of OpenTelemetry's SDKs.
const ExpBins = 160

// Config is the configuration of a Sink.
type Config struct {
	// Addr is the receiver's "host:port".
	Addr string
	// Path is the URL path for metrics. Empty means /v1/metrics.
	Path string
	// Resource contains the attributes of the resource, such as service.name. If there is no service.name, New adds
	// service.name "statsd".
	Resource map[string]string
	// Version is the version in the instrumentation scope.
	Version string
	// Prefix is added before each name, with a dot between them.
	Prefix string
	// Summaries sends timers as Summary messages. The quantiles are the percentiles in Layout.Percentiles.
	Summaries bool
	// HeaderFile is the path of a file with HTTP headers, such as Authorization. See push.Config.
	HeaderFile string
	// TLS configures TLS. If it is nil, the Sink uses plain HTTP.
	TLS *secure.TLS
	// Plain turns off gzip compression of payloads.
	Plain bool
	// Timeout limits each Send. Zero means 10 s.
	Timeout time.Duration
}

// Sink sends rows to one receiver. One goroutine may call AppendRow while another goroutine calls Send and Close.
type Sink struct {
	prefix    string
	summaries bool
	groups    [2]string // encoded heads of two groups: received names, and the daemon's own metrics (see group)
	poster    *push.Poster

	// The following fields describe the group to which rows are currently appended.
	open  bool
	own   bool
	start int // index of the group's ResourceMetrics message
	scope int // index of the group's ScopeMetrics message

	sent progress // progress of a payload that was too large for the receiver
}

var _ sink.RowSink = (*Sink)(nil)

// New returns a Sink. It connects at the first Send. The error is a *metric.FlagError that names the setting.
func New(cfg Config) (*Sink, error) {
	if err := sink.CheckPrefix(cfg.Prefix); err != nil {
		return nil, metric.FlagErrorf("prefix", nil, "%w", err)
	}
	path := cfg.Path
	if path == "" {
		path = "/v1/metrics"
	}
	if !strings.HasPrefix(path, "/") {
		return nil, metric.FlagErrorf("path", nil, "%q does not begin with a slash", path)
	}
	poster, err := push.New(push.Config{
		Addr: cfg.Addr, Path: path, Type: "application/x-protobuf",
		HeaderFile: cfg.HeaderFile, TLS: cfg.TLS, Plain: cfg.Plain, Timeout: cfg.Timeout,
	})
	if err != nil {
		return nil, err
	}
	s := &Sink{prefix: cfg.Prefix, summaries: cfg.Summaries, poster: poster}
	resource := resourceOf(cfg.Resource)
	s.groups = [2]string{group(resource, "github.com/statsd-ops/statsd", cfg.Version), group(resource, "statsd", cfg.Version)}
	return s, nil
}

// resourceOf encodes a Resource message with its attributes in sorted order.
func resourceOf(attributes map[string]string) (b []byte) {
	all := maps.Clone(attributes)
	if all == nil {
		all = map[string]string{}
	}
	if all["service.name"] == "" {
		all["service.name"] = "statsd"
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		b = appendAttribute(b, resourceAttributes, key, all[key])
	}
	return b
}

// group encodes the head of a group, which comes before the metrics: a Resource message, the tag and the length
// of ScopeMetrics, and a Scope message.
func group(resource []byte, name, version string) string {
	b := appendBytes(nil, resourceMetricsResource, resource)
	b, _ = open(b, resourceMetricsScope)
	scope := appendBytes(nil, scopeName, name)
	if version != "" {
		scope = appendBytes(scope, scopeVersion, version)
	}
	return string(appendBytes(b, scopeMetricsScope, scope))
}

// AppendRow appends a row as a Metric message. All received names of a payload are in one ResourceMetrics
// message, and the daemon's own metrics are in another message.
func (s *Sink) AppendRow(dst []byte, r *metric.Row) []byte {
	begun := len(dst)
	if len(dst) == 0 || !s.open || s.own != r.Own {
		dst = s.begin(dst, r.Own)
	}
	before := len(dst)
	dst = s.appendMetric(dst, r)
	if len(dst) == before { // the row cannot be sent
		if before > begun {
			s.open = false
		}
		return dst[:begun]
	}
	closeAt(dst, s.scope)
	closeAt(dst, s.start)
	return dst
}

// begin appends the head of a group.
func (s *Sink) begin(dst []byte, own bool) []byte {
	head := s.groups[0]
	if own {
		head = s.groups[1]
	}
	dst, s.start = open(dst, requestResourceMetrics)
	dst = append(dst, head...)
	s.scope = s.start + scopeStart(head)
	s.open, s.own = true, own
	return dst
}

// scopeStart returns the index of the content of ScopeMetrics in the head of a group.
func scopeStart(head string) int {
	n, size := uvarint([]byte(head)[1:])
	return 1 + size + int(n) + 1 + lengthBytes
}

// Send posts a payload made by AppendRow. Package push describes the errors.
func (s *Sink) Send(ctx context.Context, payload []byte) error {
	if len(payload) == 0 {
		return nil
	}
	err := s.sendFrom(ctx, payload)
	if err == nil || isFinal(err) {
		s.sent = progress{}
	}
	return err
}

func isFinal(err error) bool {
	_, final := errors.AsType[*sink.Refused](err)
	return final
}

// post posts a body. It returns an error if the receiver rejected some of the data points. The
// error contains their number.
func (s *Sink) post(ctx context.Context, body []byte) error {
	answer, err := s.poster.Post(ctx, body)
	if err != nil {
		return err
	}
	if n, text := rejected(answer); n > 0 {
		return &sink.Refused{Units: n, Err: fmt.Errorf("the receiver rejected %d data points: %s", n, push.Words([]byte(text)))}
	}
	return nil
}

// Close closes the connection.
func (s *Sink) Close() error { return s.poster.Close() }

// tooLarge reports whether the receiver refused a body because it is too large.
func tooLarge(err error) bool {
	status, ok := errors.AsType[*push.Status](err)
	return ok && status.Code == http.StatusRequestEntityTooLarge
}

// ParseResource parses attributes of the form KEY:VALUE,KEY:VALUE.
func ParseResource(text string) (map[string]string, error) {
	all := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(pair, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !found || key == "" || value == "" {
			return nil, fmt.Errorf("must be KEY:VALUE,KEY:VALUE, such as service.name:web, not %s", strconv.QuoteToASCII(pair))
		}
		if all[key] != "" {
			return nil, fmt.Errorf("%s is given twice", key)
		}
		all[key] = value
	}
	return all, nil
}
