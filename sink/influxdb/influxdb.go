// Package influxdb sends rows to InfluxDB, or to another program that accepts InfluxDB's line protocol over HTTP, such
// as VictoriaMetrics
// (https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/).
//
// Each name is encoded as one line: the name is the measurement, its tags are the tags, and each statistic is a field.
// All fields are floats, because InfluxDB never allows the type of a field to change. Times are in seconds:
//
//	web.hits,host=a rate=3.2,count=32 1795251862
//	web.time lower=1,mean=81.5,upper_90=119 1795251862
//
// # Refusals
//
// InfluxDB responds with status 400 if it refuses some lines of a payload, for example because a field has another type
// in the database. It has stored the other lines. Send counts the lines that the response reports as dropped, and the
// payload is not sent again. After status 404 (the database does not exist), the payload is sent again, because an
// operator can create the database.
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

// Config is the configuration of a Sink.
type Config struct {
	// Addr is the receiver's "host:port".
	Addr string
	// Database is the database for the /write path of InfluxDB 1. It is required unless Bucket is set.
	Database string
	// Retention is the retention policy for InfluxDB 1. Empty means the database's default policy.
	Retention string
	// Org and Bucket select the /api/v2/write path of InfluxDB 2.
	Org, Bucket string
	// TokenFile is the path of a file with a token for InfluxDB 2.
	TokenFile string
	// HeaderFile is the path of a file with HTTP headers, such as Authorization. See push.Config.
	HeaderFile string
	// Prefix is added before each measurement, with a dot between them.
	Prefix string
	// TLS configures TLS. If it is nil, the Sink uses plain HTTP.
	TLS *secure.TLS
	// Plain turns off gzip compression of payloads.
	Plain bool
	// Timeout limits each Send. Zero means 10 s.
	Timeout time.Duration
}

// path returns the URL path for writes, with its query string.
func (c *Config) path() (string, error) {
	query := url.Values{"precision": {"s"}}
	switch {
	case c.Bucket != "" && c.Database != "":
		return "", metric.FlagErrorf("db", nil, "cannot be used together with bucket: db is for InfluxDB version 1, and bucket is for version 2")
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

// Sink sends rows to one receiver. One goroutine may call AppendRow while another goroutine calls Send and Close.
type Sink struct {
	prefix string
	poster *push.Poster
}

var _ sink.RowSink = (*Sink)(nil)

// New returns a Sink. It connects at the first Send. The error is a *metric.FlagError that names the setting.
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

// AppendRow appends a row as a line. It leaves out a row without a finite value.
func (s *Sink) AppendRow(dst []byte, r *metric.Row) []byte {
	start := len(dst)
	if s.prefix != "" {
		dst = append(append(dst, s.prefix...), '.')
	}
	dst = appendEscaped(dst, r.Name)
	if len(dst) > start && dst[start] == '#' {
		dst[start] = '_' // a line that begins with # would be a comment
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

// appendTags converts tags from the form ";key=value;key=value" to the form ",key=value,key=value". It leaves out
// tags with an empty value, which the line protocol does not allow.
func appendTags(dst, tags []byte) []byte {
	if len(tags) == 0 {
		return dst
	}
	for tag := range bytes.SplitSeq(tags[1:], []byte{';'}) {
		key, value, _ := bytes.Cut(tag, []byte{'='})
		if len(key) > 0 && len(value) > 0 {
			dst = appendEscaped(append(dst, ','), key)
			if string(key) == "time" {
				dst = append(dst, '_') // the line protocol does not allow this key for a tag
			}
			dst = appendEscaped(append(dst, '='), value)
		}
	}
	return dst
}

// appendEscaped appends a measurement, a tag key or a tag value. It replaces a backslash by a slash. The line
// protocol reads a backslash before a comma, a space or an equals sign as an escape, and has no escape for the
// backslash itself.
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

// Send posts a payload made by AppendRow. Package push describes the errors.
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

// partly matches InfluxDB 1's message about dropped lines, and captures their number.
var partly = regexp.MustCompile(`partial write: .*dropped=(\d+)`)

// dropped returns the number of lines that the receiver reports as dropped. 0 means that it dropped the whole
// payload.
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
		// The reported number does not include lines that cannot be parsed. The response has a message for each of
		// these lines.
		n = bytes.Count(status.Answer, []byte("unable to parse"))
	}
	return n
}
