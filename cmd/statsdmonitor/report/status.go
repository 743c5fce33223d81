package report

import (
	"math"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// labels is the column in which the values of a status start.
const labels = 10

// manyNew is a number of new names. With more new names, the status suggests the command "prefixes", which counts the
// new names of each prefix.
const manyNew = 1000

// Status formats a report about the daemon: its health, its losses, its sinks, and its cost.
func Status(p Page, _ question.Answer, st question.Status) string {
	s := &sheet{Page: &p}
	s.title(&st)
	for i := range st.Health.Reasons {
		s.reason(&st.Health.Reasons[i])
	}
	if len(st.Health.Reasons) == 0 {
		s.line(span{"OK: " + s.healthy(&st), good})
	}
	s.intake(&st)
	s.flush(&st)
	s.sinks(&st)
	c := st.Cost
	s.groups("cost", labels, []span{
		{text: cores(c.Cores) + " cores"}, {text: memory(float64(c.Memory))},
		{text: rate(c.MicrosPerSample) + " us/sample"}, {text: rate(c.BytesPerName) + " B/name"},
	}, s.trend(&st, "cost"))
	for _, m := range st.Muted {
		s.groups("muted", labels, []span{{m.Match, warn}, {text: "until " + s.minute(m.Until)}, {text: plural.Things(m.Samples, "sample", "samples") + " not kept"}}, "")
	}
	if len(st.Muted) > 0 {
		s.suggest(&st, "alerts --audit") // the audit log shows who muted the names
	}
	if st.Draining {
		s.groups("draining", labels, []span{{"/readyz answers 503; the daemon still receives", warn}}, "")
	}
	return s.String()
}

// title writes the host and the state. The uptime is right-aligned.
func (s *sheet) title(st *question.Status) {
	state := strings.ToUpper(ascii.Safe(st.Health.State))
	left := ascii.Safe(st.Host) + "  " + state
	if !st.Health.Since.IsZero() {
		left += " for " + s.since(st.Health.Since)
	}
	right := "up " + s.since(st.Started) + ", version " + ascii.Safe(st.Version)
	space := s.width() - len(left) - len(right)
	if space < 2 {
		space, right = 0, ""
	}
	host, rest := left[:len(ascii.Safe(st.Host))+2], left[len(ascii.Safe(st.Host))+2:]
	s.line(span{host, bold}, span{rest, ofState(st.Health.State)}, span{text: strings.Repeat(" ", space) + right})
}

// reason writes a reason for the health state, with its effect. A reason whose state is "note" is only information: it
// does not change the health state.
func (s *sheet) reason(r *question.Reason) {
	mark := span{"! ", ofState(r.State)}
	if r.State == "note" {
		mark = span{text: "- "}
	}
	s.text(mark, 2, r.Text)
	if r.Effect != "" {
		s.text(span{}, 2, r.Effect)
	}
	s.hint(s.next(r.Next))
}

// next returns a command that the daemon suggests, completed with the address of the daemon.
func (p *Page) next(command string) string {
	rest, ok := strings.CutPrefix(command, "statsdmonitor ")
	if !ok {
		return command
	}
	if words, ok := strings.CutPrefix(rest, "--at "); ok {
		_, rest, _ = strings.Cut(words, " ")
	}
	return p.ask(rest)
}

// healthy formats a summary for a healthy daemon.
func (s *sheet) healthy(st *question.Status) string {
	text := "nothing lost in 15m"
	if n := st.Lost.Sum15m; n > 0 {
		text = rate(math.Ceil(n)) + " lost in 15m"
	}
	if len(st.Sinks) == 0 {
		return text
	}
	var oldest time.Duration
	for i := range st.Sinks {
		if st.Sinks[i].Accepted.IsZero() && st.Flush.Number == 0 {
			return text + ", waiting for the first flush"
		}
		if st.Sinks[i].Accepted.IsZero() {
			return text + ", and no points yet for " + st.Sinks[i].Name
		}
		oldest = max(oldest, s.Now.Sub(st.Sinks[i].Accepted))
	}
	return text + ", all sinks within " + lasting(oldest)
}

// intake writes the received samples, the losses, and the number of names.
func (s *sheet) intake(st *question.Status) {
	in, lost := st.Received, st.Lost
	s.groups("received", labels, []span{
		{text: rate(in.Samples) + " samples/s"}, {text: rate(in.Datagrams) + " datagrams/s"},
		{text: plural.Things(uint64(max(in.Connections, 0)), "TCP connection", "TCP connections")},
	}, s.trend(st, "received"))
	var groups []span
	for _, l := range []struct {
		what string
		rate float64
	}{{"kernel", lost.Kernel}, {"bad", lost.Bad}, {"refused", lost.Refused}, {"dropped", lost.Dropped}} {
		g := span{text: l.what + " " + rate(l.rate)}
		if l.rate > 0 {
			g.style = warn
		}
		groups = append(groups, g)
	}
	s.groups("lost/s", labels, append(groups, span{text: "(mean of 15m)"}), s.trend(st, "lost"))
	if lost.Bad > 0 {
		s.suggest(st, "discards")
	}
	names := count(st.Names.Held)
	if st.Names.Limit > 0 {
		names += " of " + count(st.Names.Limit)
	}
	s.groups("names", labels, []span{{text: names}, {text: grown(st.Names.Grown15m)}}, s.trend(st, "names"))
	if n := st.Names.Grown15m; n > manyNew && n > st.Names.Held/10 {
		s.suggest(st, "prefixes")
	}
}

// suggest writes a suggested command, unless a reason already suggests it.
func (s *sheet) suggest(st *question.Status, command string) {
	for i := range st.Health.Reasons {
		if strings.Contains(st.Health.Reasons[i].Next+" ", " "+command+" ") {
			return
		}
	}
	s.hint(s.ask(command))
}

func (s *sheet) flush(st *question.Status) {
	f := st.Flush
	if f.At.IsZero() {
		s.groups("flush", labels, []span{{text: "none yet"}}, "")
		return
	}
	late := span{text: "late " + count(f.Late)}
	if f.Late > 0 {
		late.style = warn
	}
	s.groups("flush", labels, []span{
		{text: brief(f.Took) + " of " + brief(f.Interval) + ", " + s.ago(f.At)},
		{text: "receivers delayed " + brief(f.HeldUp)}, late,
	}, s.trend(st, "flush"))
}

func (s *sheet) sinks(st *question.Status) {
	var groups []span
	for i := range st.Sinks {
		k := &st.Sinks[i]
		text := k.Name + " " + k.State + " " + s.ago(k.Accepted)
		switch {
		case k.State != "ok" && k.Behind > 0:
			text = k.Name + " " + k.State + " " + lasting(seconds(k.Behind))
		case k.Accepted.IsZero():
			text = k.Name + " " + k.State
		}
		groups = append(groups, span{text, ofState(k.State)})
	}
	if groups == nil {
		groups = []span{{"none", warn}}
	}
	s.groups("sinks", labels, groups, s.trend(st, "waiting"))
}

// ramp contains a character for each height in a trend, the lowest first.
const ramp = ".:-=+*#"

// trend draws the last hour of a metric as one line, on wide pages.
func (s *sheet) trend(st *question.Status, figure string) string {
	values := st.Trends[figure]
	if s.width() < wide || len(values) == 0 {
		return ""
	}
	return "[" + sparkline(values[max(len(values)-30, 0):]) + "]"
}

// sparkline draws a character for each value, according to its position between the minimum and the maximum. If
// the values vary little, all characters are the same. A gap is drawn as a space.
func sparkline(values []question.Number) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if f := float64(v); !math.IsNaN(f) {
			low, high = min(low, f), max(high, f)
		}
	}
	if least := math.Abs(high) / 10; high-low < least {
		low, high = (low+high-least)/2, (low+high+least)/2
	}
	line := make([]byte, len(values))
	for i, v := range values {
		switch f := float64(v); {
		case math.IsNaN(f):
			line[i] = ' '
		case high > low:
			at := (f - low) / (high - low) * float64(len(ramp)-1)
			line[i] = ramp[min(max(int(at+0.5), 0), len(ramp)-1)]
		default:
			line[i] = ramp[0]
		}
	}
	return string(line)
}

// grown formats the number of names that were added in 15 minutes.
func grown(n int) string {
	if n == 0 {
		return "no change in 15m"
	}
	return signed(n) + " in 15m"
}
