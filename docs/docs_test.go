// Package docs holds the operators' documentation, and tests that compare it with the code.
package docs

import (
	"cmp"
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/linktest"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/operator"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/load"
	"github.com/statsd-ops/statsd/sink/prometheus"
	"github.com/statsd-ops/statsd/sink/sinktest"
	"github.com/statsd-ops/statsd/wire"
)

const (
	root   = ".."
	module = "github.com/statsd-ops/statsd/"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sameWords fails the test if only one of two lists contains a word.
func sameWords(t *testing.T, documented, there []string, what string) {
	t.Helper()
	for _, name := range there {
		if !slices.Contains(documented, name) {
			t.Errorf("%s %s is not documented", what, name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(there, name) {
			t.Errorf("%s %s is documented, and does not exist", what, name)
		}
	}
}

var figureRow = regexp.MustCompile("(?m)^- `([a-zA-Z_.]+)` \\([A-Za-z0-9]")

// published.md describes exactly the metrics that a new daemon publishes about itself.
func TestFigures(t *testing.T) {
	windows, err := load.New(load.Config{Addr: "127.0.0.1:0", Minutes: 1, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	mapping := filepath.Join(t.TempDir(), "mapping.yml")
	if err := os.WriteFile(mapping, []byte("mappings: [{match: a, name: a, id: RULE}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	page, err := prometheus.New(prometheus.Config{Addr: "127.0.0.1:0", Mapping: mapping, MaxSeries: 1, MaxFamilies: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var cfg server.Config
	cfg.Host, cfg.Receivers, cfg.UDPBuffer, cfg.PipeDir, cfg.PipeTimeout = "127.0.0.1", 1, 1<<20, t.TempDir(), time.Second
	cfg.PortOff = true
	for _, scheme := range []listen.Scheme{listen.UDP, listen.TLS, listen.HMAC} {
		cfg.Listeners = append(cfg.Listeners, listen.Listener{Name: "NAME", Scheme: scheme, Address: "127.0.0.1:0", Receivers: 1})
	}
	for i, scheme := range []listen.Scheme{listen.Unixgram, listen.Unix} {
		cfg.Listeners = append(cfg.Listeners, listen.Listener{Name: "NAME", Scheme: scheme, Address: filepath.Join(t.TempDir(), strconv.Itoa(i))})
	}
	cfg.FlushInterval, cfg.MonitorHost = time.Hour, "127.0.0.1"
	cfg.MaxTCPConnections, cfg.TCPLineTimeout = 1, time.Hour
	cfg.QueueBytes, cfg.ReplayRate = 1<<20, 1
	cfg.Sinks = []delivery.Destination{{Name: "NAME", Sink: sinktest.NewRecorder()}, {Name: "NAME", Recorder: windows}, {Name: "NAME", Recorder: page}}
	cfg.Layout, cfg.MetadataPrefix, cfg.AlertInterval = aggregate.Reference.Layout(), "statsd", time.Hour
	cfg.Expire, cfg.GaugeExpire, cfg.MaxNames, cfg.MaxNameLength, cfg.MaxSetMembers, cfg.MaxTimerSamples = 2, time.Hour, 1, 1, 1, 1
	cfg.Channels = []alert.Channel{{Name: "NAME"}}
	if cfg.Rules, err = rules.Load([]byte("mappings: [{match: a, name: a, id: RULE}]"), rules.Intake); err != nil {
		t.Fatal(err)
	}
	cfg.Cluster = collect.Cluster{
		CollectFrom: "URL", CollectID: "NAME", CollectPartitions: 1, CollectReplicas: 1, CollectBytes: 1, Late: collect.LateCorrect, LateHorizon: time.Hour,
		OpenCluster: func() (*collect.Connection, error) {
			e := linktest.New(link.Settings{Version: link.SettingsVersion, Partitions: 1, Interval: time.Hour, Horizon: time.Hour, Tags: cfg.Tags.String()}, 1)
			return &collect.Connection{
				Engine: e.Connect(), Sender: func() (link.Sender, error) { return e.Sender(), nil },
				Members: func(string) link.Members { return linktest.NewMembers() },
			}, nil
		},
	}
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range s.Figures() {
		names = append(names, f.Name)
	}
	var described []string
	for _, row := range figureRow.FindAllStringSubmatch(read(t, "published.md"), -1) {
		described = append(described, row[1])
	}
	sameWords(t, described, names, "figure")

	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(ended); err != nil {
		t.Error(err)
	}
}

var reasonRow = regexp.MustCompile("(?m)^- `([a-z_]+)`: ")

// health.md describes exactly the reasons that the health status can contain.
func TestReasons(t *testing.T) {
	var described []string
	for _, row := range reasonRow.FindAllStringSubmatch(read(t, "health.md"), -1) {
		described = append(described, row[1])
	}
	sameWords(t, described, meta.ReasonIDs(), "reason")
}

var methodRow = regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| (.*?)\\| `([a-z]+)` \\|$")

// api.md lists all XML-RPC methods and their parameters.
func TestMethods(t *testing.T) {
	_, text, _ := strings.Cut(read(t, "api.md"), "\n## XML-RPC\n")
	text, _, _ = strings.Cut(text, "\n## ")
	described := map[string]string{}
	for _, row := range methodRow.FindAllStringSubmatch(text, -1) {
		described[row[1]] = strings.TrimSpace(row[2]) + " " + row[3]
	}
	for _, q := range operator.New(operator.Sources{}).Questions() {
		var required, optional []string
		for _, p := range q.Parameters {
			if p.Required {
				required = append(required, "`"+p.Name+"`")
			} else {
				optional = append(optional, "`"+p.Name+"`")
			}
		}
		if len(optional) > 0 {
			required = append(required, "["+strings.Join(optional, ", ")+"]")
		}
		method := cmp.Or(q.Method, q.Name)
		if want := strings.Join(required, ", ") + " " + q.Name; described[method] != want {
			t.Errorf("method %s: described as %q, want %q", method, described[method], want)
		}
		delete(described, method)
	}
	for method := range described {
		t.Errorf("there is no method %s", method)
	}
}

var examples = regexp.MustCompile("(?s)```examples((?: --[a-z-]+=[a-z-]+)*)\n(.*?)```")

// reading contains the settings with which the lines of an example are parsed.
type reading struct {
	tags    metric.Tags
	styles  metric.TagStyles
	dialect metric.Dialect
	asSent  bool
}

// readings maps the flags that are written above an example to settings of the parser.
var readings = map[string]func(*reading){
	"--tags=graphite":     func(r *reading) { r.tags = metric.GraphiteTags },
	"--tags=keep-in-name": func(r *reading) { r.tags = metric.TagsInName },
	"--tags=labels":       func(r *reading) { r.tags = metric.LabelTags },
	"--tag-styles=all": func(r *reading) {
		r.styles = metric.DefaultTagStyles | metric.InfluxDB | metric.Librato | metric.SignalFX
	},
	"--dialect=etsy":  func(r *reading) { r.dialect = metric.Etsy },
	"--names=as-sent": func(r *reading) { r.asSent = true },
}

// Each example line in lines.md has the result that the document shows.
func TestLines(t *testing.T) {
	n := 0
	for _, block := range examples.FindAllStringSubmatch(read(t, "lines.md"), -1) {
		var as reading
		for flag := range strings.FieldsSeq(block[1]) {
			readings[flag](&as)
		}
		for _, example := range joined(block[2]) {
			line, want, ok := strings.Cut(example, "=>")
			if !ok {
				t.Errorf("no => in %q", example)
				continue
			}
			line, want = strings.TrimRight(line, " "), strings.TrimSpace(want)
			if got := outcome(line, as); got != want {
				t.Errorf("%s\n\tsays %s\n\tgives %s", line, want, got)
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("found only %d examples", n)
	}
}

// joined returns the lines of a block of examples. It appends an indented line to the line before
// it.
func joined(block string) (lines []string) {
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if rest, more := strings.CutPrefix(line, "    "); more && len(lines) > 0 {
			lines[len(lines)-1] += " " + strings.TrimSpace(rest)
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

// outcome parses a line, and returns the result in the notation of lines.md.
func outcome(line string, as reading) string {
	table := aggregate.NewTable(aggregate.Config{
		Shards: 1, MaxNames: 10, MaxNameLength: 1024, MaxSetMembers: 10, MaxTimerSamples: 10, Expire: [metric.Kinds]uint32{1, 1, 1, 1},
		Tagged: as.tags.Series(), Dialect: as.dialect, NamesAsSent: as.asSent,
	})
	p := wire.Parser{Dialect: as.dialect, Tagger: wire.NewTagger(as.tags, as.styles, as.dialect)}
	var sample metric.Sample
	var faults []string
	shard := table.Shard(0)
	shard.Lock()
	p.Reset([]byte(line))
	for item := p.Next(&sample); item != wire.End; item = p.Next(&sample) {
		reason := metric.None
		switch item {
		case wire.Sample:
			reason = shard.Add(&sample)
		case wire.Discard:
			reason = p.Reason()
		case wire.Event:
			faults = append(faults, "event")
		}
		if reason != metric.None {
			faults = append(faults, "discarded, "+reason.String())
		}
	}
	shard.Unlock()
	var out []string
	for point := range table.Drain(nil).Summarize(aggregate.Reference.Layout(), 0).Points() {
		out = append(out, fmt.Sprintf("%s %s", point.Path, strconv.FormatFloat(point.Value, 'f', -1, 64)))
	}
	return strings.Join(append(out, faults...), ", ")
}

var importRow = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| (.*) \\|$")

// The table of imports in ARCHITECTURE.md lists exactly the imports of the commands.
func TestImports(t *testing.T) {
	there := map[string][]string{}
	for _, command := range []string{"cmd/statsd", "cmd/statsdmonitor"} {
		collectImports(t, command, there)
	}
	text := read(t, filepath.Join(root, "ARCHITECTURE.md"))
	var packages []string
	for _, row := range importRow.FindAllStringSubmatch(text, -1) {
		packages = append(packages, row[1])
		var imports []string
		for word := range strings.SplitSeq(row[2], ", ") {
			if word != "nothing" {
				imports = append(imports, strings.Trim(word, "`"))
			}
		}
		sameWords(t, imports, there[row[1]], row[1]+"'s import")
	}
	sameWords(t, packages, slices.Collect(maps.Keys(there)), "package")
}

// collectImports adds the imports of a package to found, and the imports of the packages that it
// imports. It ignores packages outside this module.
func collectImports(t *testing.T, dir string, found map[string][]string) {
	t.Helper()
	if _, known := found[dir]; known {
		return
	}
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no package in %s: %v", dir, err)
	}
	found[dir] = nil
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			name, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if ours && !slices.Contains(found[dir], name) {
				found[dir] = append(found[dir], name)
				collectImports(t, name, found)
			}
		}
	}
}

var anchor = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// The targets of all links within the project exist.
func TestLinks(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			checkLinks(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkLinks(t *testing.T, path string) {
	t.Helper()
	for _, m := range anchor.FindAllStringSubmatch(read(t, path), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		target, anchor, _ := strings.Cut(m[1], "#")
		file := path
		if target != "" {
			file = filepath.Join(filepath.Dir(path), target)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s links to %s: %v", path, m[1], err)
		} else if anchor != "" && !slices.Contains(anchors(read(t, file)), anchor) {
			t.Errorf("%s links to %s: no such heading", path, m[1])
		}
	}
}

var (
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noAnchor = regexp.MustCompile(`[^a-z0-9_ -]`)
)

// anchors returns the anchors that GitHub and similar sites generate for the headings of a text.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}
