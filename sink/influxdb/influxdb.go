// Package influxdb sends rows to InfluxDB, or to another program that takes its line protocol over
// HTTP, such as VictoriaMetrics
// (https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/).
//
// Each name is one line: the name is the measurement, tags are tags, and each statistic is a field. All
// fields are floats, because the type of a field can never change. Times are in seconds:
//
//	web.hits,host=a rate=3.2,count=32 1795251862
//	web.time lower=1,mean=81.5,upper_90=119 1795251862
//
// # Refusals
//
// InfluxDB answers 400 if it refuses some lines of a payload, for example because a field has another type. It has
// stored the other lines. Send counts the lines that the answer reports as dropped, and the payload is not sent again.
// After an answer of 404 (no such database) the payload is sent again, because somebody can make the database.
package influxdb

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/push"
	"github.com/statsd-ops/statsd/sink/secure"
)

// Config configures a Sink.
type Config struct {
	// Addr is the receiver's "host:port".
	Addr string
	// Database is the database of version 1's /write. It is required unless Bucket is set.
	Database string
	// Retention is the retention policy of version 1. Empty means the database's default.
	Retention string
	// Org and Bucket select version 2's /api/v2/write.
	Org, Bucket string
	// TokenFile has version 2's token.
	TokenFile string
	// HeaderFile has headers to send, such as Authorization. See push.Config.
	HeaderFile string
	// Prefix is put in front of each measurement, with a dot between.
	Prefix string
	// TLS configures TLS. nil means no TLS.
	TLS *secure.TLS
	// Plain sends payloads without gzip.
	Plain bool
	// Timeout limits one Send. Zero means 10 s.
	Timeout time.Duration
}

// path returns the path of writes, with its query.
func (c *Config) path() (string, error) {
	query := url.Values{"precision": {"s"}}
	switch {
	case c.Bucket != "" && c.Database != "":
		return "", metric.FlagErrorf("db", nil, "is for version 1, and bucket is for version 2: set one of them")
	case c.Bucket != "":
		query.Set("bucket", c.Bucket)
		if c.Org != "" {
			query.Set("org", c.Org)
		}
		return "/api/v2/write?" + query.Encode(), nil
	case c.Database == "":
		return "", metric.FlagErrorf("db", nil, "is missing: give the name of the database, as in influxdb://HOST:8086?db=statsd")
	}
	query.Set("db", c.Database)
	if c.Retention != "" {
		query.Set("rp", c.Retention)
	}
	return "/write?" + query.Encode(), nil
}

// Sink sends to one receiver. One goroutine appends, another one sends and closes.
type Sink struct {
	prefix string
	poster *push.Poster
}

var _ sink.RowSink = (*Sink)(nil)

// New makes a Sink. The first Send connects. The error is a *metric.FlagError that names the setting.
func New(cfg Config) (*Sink, error) {
	path, err := cfg.path()
	if err != nil {
		return nil, err
	}
	if err := sink.CheckPrefix(cfg.Prefix); err != nil {
		return nil, metric.FlagErrorf("prefix", nil, "%w", err)
	}
	poster, err := push.New(push.Config{
		Addr: cfg.Addr, Path: path, Type: "text/plain; charset=utf-8",
		HeaderFile: cfg.HeaderFile, Token: cfg.TokenFile, TokenScheme: "Token",
		TLS: cfg.TLS, Plain: cfg.Plain, Timeout: cfg.Timeout,
	})
	if err != nil {
		return nil, err
	}
	return &Sink{prefix: cfg.Prefix, poster: poster}, nil
}

// AppendRow appends a row as a line. A row without a finite statistic is left out.
func (s *Sink) AppendRow(dst []byte, r *metric.Row) []byte {
	start := len(dst)
	if s.prefix != "" {
		dst = append(append(dst, s.prefix...), '.')
	}
	dst = appendEscaped(dst, r.Name)
	if len(dst) > start && dst[start] == '#' {
		dst[start] = '_' // the line would be a comment
	}
	dst = appendTags(dst, r.Tags)
	dst = append(dst, ' ')
	fields := len(dst)
	for _, stat := range r.Stats {
		if math.IsNaN(stat.Value) || math.IsInf(stat.Value, 0) {
			continue
		}
		if len(dst) > fields {
			dst = append(dst, ',')
		}
		dst = append(append(dst, stat.Name...), '=')
		dst = strconv.AppendFloat(dst, stat.Value, 'g', -1, 64)
	}
	if len(dst) == fields || len(r.Name) == 0 {
		return dst[:start]
	}
	dst = strconv.AppendInt(append(dst, ' '), r.Time, 10)
	return append(dst, '\n')
}

// appendTags appends ";key=value;key=value" as ",key=value,key=value". The protocol has no empty
// values.
func appendTags(dst, tags []byte) []byte {
	if len(tags) == 0 {
		return dst
	}
	for tag := range bytes.SplitSeq(tags[1:], []byte{';'}) {
		key, value, _ := bytes.Cut(tag, []byte{'='})
		if len(key) > 0 && len(value) > 0 {
			dst = appendEscaped(append(dst, ','), key)
			if string(key) == "time" {
				dst = append(dst, '_') // a tag cannot have this key
			}
			dst = appendEscaped(append(dst, '='), value)
		}
	}
	return dst
}

// appendEscaped appends a measurement, or the key or value of a tag. A backslash becomes a slash:
// before a comma, a space or an equals sign the protocol reads a backslash as an escape, and it has
// no escape for the backslash itself.
func appendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		switch {
		case c == ',' || c == ' ' || c == '=':
			dst = append(dst, '\\', c)
		case c == '\\':
			dst = append(dst, '/')
		case c < ' ':
			dst = append(dst, '_')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// Send posts a payload made by AppendRow. See package push for the errors.
func (s *Sink) Send(ctx context.Context, payload []byte) error {
	if len(payload) == 0 {
		return nil
	}
	_, err := s.poster.Post(ctx, payload)
	if refused, ok := errors.AsType[*sink.Refused](err); ok {
		refused.Units = dropped(err)
	}
	return err
}

// Close closes the connection.
func (s *Sink) Close() error { return s.poster.Close() }

// partly matches the number of lines that version 1 dropped.
var partly = regexp.MustCompile(`partial write: .*dropped=(\d+)`)

// dropped returns the number of lines that the receiver reports as dropped, or 0 for all.
func dropped(err error) int {
	status, ok := errors.AsType[*push.Status](err)
	if !ok || status.Code != http.StatusBadRequest {
		return 0
	}
	found := partly.FindSubmatch(bytes.ReplaceAll(status.Answer, []byte{'\n'}, []byte{' '}))
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil || n == 0 {
		// The count does not include lines that it cannot parse: the answer names each of these.
		n = bytes.Count(status.Answer, []byte("unable to parse"))
	}
	return n
}
