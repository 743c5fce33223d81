// Package otlp sends rows to an OpenTelemetry collector, or to another program that accepts OTLP over HTTP with
// protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
//
//	counter   Sum, delta, monotonic, from the beginning to the end of the flush interval
//	gauge     Gauge
//	set       Gauge of the number of members
//	timer     ExponentialHistogram, delta, of at most 160 bins on each side of 0; with
//	          Config.Summaries a Summary with the percentile thresholds as quantiles
//	own       Gauge, in a scope of its own
//
// Tags are attributes of data points. A counter below 0 cannot be a monotonic sum. It is left out, and
// counted as unsendable. Counts in OTLP are whole numbers, so weights are rounded so that the bins still add up to the
// count.
//
// # Loss and duplicates
//
// See package push for answers. The receiver can get a delta twice if the connection breaks before the answer. A
// payload that is too large for the receiver (413) is sent in halves.
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

// ExpBins is the maximum number of bins of a timer on each side of 0. It is the default of OpenTelemetry's SDKs.
const ExpBins = 160

// Config configures a Sink.
type Config struct {
	// Addr is the receiver's "host:port".
	Addr string
	// Path is the path of metrics. Empty means /v1/metrics.
	Path string
	// Resource has the attributes of the resource, such as service.name. A service.name of "statsd" is
	// added if there is none.
	Resource map[string]string
	// Version is the version of the scope.
	Version string
	// Prefix is put in front of each name, with a dot between.
	Prefix string
	// Summaries sends timers as Summary. The quantiles are the Layout.Percentiles.
	Summaries bool
	// HeaderFile has headers to send, such as Authorization. See push.Config.
	HeaderFile string
	// TLS configures TLS. nil means no TLS.
	TLS *secure.TLS
	// Plain sends payloads without gzip.
	Plain bool
	// Timeout limits one Send. Zero means 10 s.
	Timeout time.Duration
}

// Sink sends to one receiver. One goroutine appends, another one sends and closes.
type Sink struct {
	prefix    string
	summaries bool
	groups    [2]string // the encoded beginning of a group: for names, and for the daemon's own figures (see group)
	poster    *push.Poster

	// The group to which rows are appended now.
	open  bool
	own   bool
	start int // index of its ResourceMetrics
	scope int // index of its ScopeMetrics

	sent progress // progress of a payload that was too large
}

var _ sink.RowSink = (*Sink)(nil)

// New makes a Sink. The first Send connects. The error is a *metric.FlagError that names the setting.
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

// resourceOf encodes a Resource with its attributes in order.
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

// group encodes the fields of a group before its metrics: a Resource, and, after the tag and the length
// of ScopeMetrics, a Scope.
func group(resource []byte, name, version string) string {
	b := appendBytes(nil, resourceMetricsResource, resource)
	b, _ = open(b, resourceMetricsScope)
	scope := appendBytes(nil, scopeName, name)
	if version != "" {
		scope = appendBytes(scope, scopeVersion, version)
	}
	return string(appendBytes(b, scopeMetricsScope, scope))
}

// AppendRow appends a row as a Metric. All rows of a payload are in one ResourceMetrics, and the
// daemon's own figures in another one.
func (s *Sink) AppendRow(dst []byte, r *metric.Row) []byte {
	begun := len(dst)
	if len(dst) == 0 || !s.open || s.own != r.Own {
		dst = s.begin(dst, r.Own)
	}
	before := len(dst)
	dst = s.appendMetric(dst, r)
	if len(dst) == before { // nothing to send
		if before > begun {
			s.open = false
		}
		return dst[:begun]
	}
	closeAt(dst, s.scope)
	closeAt(dst, s.start)
	return dst
}

// begin begins a group.
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

// scopeStart returns where the content of ScopeMetrics begins in the beginning of a group.
func scopeStart(head string) int {
	n, size := uvarint([]byte(head)[1:])
	return 1 + size + int(n) + 1 + lengthBytes
}

// Send posts a payload made by AppendRow. See package push for the errors.
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

// post sends a body that the receiver may find too large.
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

// tooLarge reports whether the receiver wants a smaller payload.
func tooLarge(err error) bool {
	status, ok := errors.AsType[*push.Status](err)
	return ok && status.Code == http.StatusRequestEntityTooLarge
}

// ParseResource reads attributes: KEY:VALUE,KEY:VALUE.
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
