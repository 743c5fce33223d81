package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v2"
)

// Limits for the content of a file.
const (
	MaxFile      = 1 << 20 // maximum size of a file in bytes
	MaxRules     = 10_000
	MaxRegexes   = 1_000
	maxMatch     = 4 << 10 // maximum length of a glob or a regular expression in bytes
	maxBounds    = 1_000   // maximum number of buckets of a histogram
	maxQuantiles = 100     // maximum number of quantiles of a summary
	maxAges      = 100     // maximum number of parts of a summary's window
	maxLabels    = 100     // maximum number of labels of a rule
)

// file is the content of a rules file. The types of its fields are the same as in statsd_exporter,
// so that the YAML reader accepts the same values.
type file struct {
	Defaults fileDefaults `yaml:"defaults"`
	Rules    []fileRule   `yaml:"mappings"`
}

type fileDefaults struct {
	ObserverType        string        `yaml:"observer_type"`
	MatchType           string        `yaml:"match_type"`
	GlobDisableOrdering bool          `yaml:"glob_disable_ordering"`
	TTL                 fileDuration  `yaml:"ttl"`
	Summary             fileSummary   `yaml:"summary_options"`
	Histogram           fileHistogram `yaml:"histogram_options"`

	Order     string `yaml:"order"`     // key that statsd_exporter does not have
	Unmatched string `yaml:"unmatched"` // key that statsd_exporter does not have
}

type fileSummary struct {
	Quantiles  []fileQuantile `yaml:"quantiles"`
	MaxAge     fileDuration   `yaml:"max_age"`
	AgeBuckets uint32         `yaml:"age_buckets"`
	BufCap     uint32         `yaml:"buf_cap"` // size of a buffer of statsd_exporter; ignored
}

type fileQuantile struct {
	Quantile float64 `yaml:"quantile"`
	Error    float64 `yaml:"error"` // ignored, because quantiles are always within 1 %
}

type fileHistogram struct {
	Buckets      []float64 `yaml:"buckets"`
	NativeFactor float64   `yaml:"native_histogram_bucket_factor"`
	NativeMax    uint32    `yaml:"native_histogram_max_buckets"`
}

type fileRule struct {
	Match           string            `yaml:"match"`
	Name            string            `yaml:"name"`
	Labels          map[string]string `yaml:"labels"`
	HonorLabels     bool              `yaml:"honor_labels"`
	ObserverType    string            `yaml:"observer_type"`
	MatchType       string            `yaml:"match_type"`
	HelpText        string            `yaml:"help"`
	Action          string            `yaml:"action"`
	MatchMetricType *string           `yaml:"match_metric_type"`
	TTL             fileDuration      `yaml:"ttl"`
	Summary         *fileSummary      `yaml:"summary_options"`
	Histogram       *fileHistogram    `yaml:"histogram_options"`
	Scale           *float64          `yaml:"scale"`

	ID   string `yaml:"id"`         // key that statsd_exporter does not have
	Mode string `yaml:"mode"`       // key that only rules for intake may have
	Sign string `yaml:"gauge_sign"` // key that only rules for intake may have

	line int
}

// fileDuration is a duration in a file. As in statsd_exporter, a number without a unit is a number
// of nanoseconds.
type fileDuration time.Duration

// shortest is the shortest duration that makes sense. If a duration is shorter, its author probably
// forgot the unit.
const shortest = fileDuration(time.Millisecond)

// short reports whether the unit of the duration is probably missing.
func (d fileDuration) short() bool { return d > 0 && d < shortest }

// UnmarshalYAML implements the YAML reader's interface for custom types.
func (d *fileDuration) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	value, err := time.ParseDuration(text)
	if nanoseconds, bad := strconv.ParseInt(text, 10, 64); bad == nil {
		value, err = time.Duration(nanoseconds), nil
	}
	if err != nil {
		var list map[string]int // the line number is only in errors, so provoke an error: a duration is not a map
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: must be a duration such as 5m or 30s, not %q", lineOf(unmarshal(&list)), text)}}
	}
	*d = fileDuration(value)
	return nil
}

// UnmarshalYAML reads a rule and stores its line number. The YAML reader reports line numbers only in errors, so
// UnmarshalYAML provokes an error to get the number.
func (r *fileRule) UnmarshalYAML(unmarshal func(any) error) error {
	type plain fileRule
	if err := unmarshal((*plain)(r)); err != nil {
		return err
	}
	var number int // reading a rule as a number always fails, and the error contains the line number
	r.line = lineOf(unmarshal(&number))
	return nil
}

var lineNumber = regexp.MustCompile(`line (\d+):`)

// lineOf returns the line number in an error of the YAML reader, or 0 if the error has no line number.
func lineOf(err error) int {
	if err == nil {
		return 0
	}
	m := lineNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// readFile parses a file. It does not check its rules.
func readFile(text []byte) (*file, error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("has %d bytes, and may have at most %d", len(text), MaxFile)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("is not valid UTF-8")
	}
	f := &file{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.SetStrict(true)
	if err := decoder.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " "))
	}
	var more any
	if err := decoder.Decode(&more); more != nil || err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("has a second document after ---: only the first document would be used")
	}
	if len(f.Rules) > MaxRules {
		return nil, fmt.Errorf("has %d rules, and may have at most %d", len(f.Rules), MaxRules)
	}
	return f, nil
}
