package report

import (
	"strings"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Flushed formats the answer to the command flush.
func Flushed(p Page, _ question.Answer, f question.Flushed) string {
	s := &sheet{Page: &p}
	s.line(span{text: "flush " + count(f.Number) + " was made; its points have the time " + s.clock(f.At)})
	return s.String()
}

// Reloaded formats the answer to the command reload.
func Reloaded(p Page, _ question.Answer, r question.Reloaded) string {
	s := &sheet{Page: &p}
	verb := "changed: "
	if r.DryRun {
		verb = "a reload would change: "
	}
	if len(r.Changed) > 0 {
		s.text(span{}, 0, verb+strings.Join(r.Changed, ", "))
	} else {
		s.line(span{text: verb + "nothing"})
	}
	if len(r.Restart) > 0 {
		s.text(span{"! ", warn}, 2, "only a restart changes: "+strings.Join(r.Restart, ", "))
	}
	return s.String()
}

// Drained formats the answer to the command drain.
func Drained(p Page, _ question.Answer, d question.Drained) string {
	s := &sheet{Page: &p}
	if d.Draining {
		s.text(span{}, 0, "draining until "+s.clock(d.Until)+": /readyz fails, and the daemon still receives")
	} else {
		s.line(span{text: "not draining: /readyz answers as usual"})
	}
	return s.String()
}

// Debugged formats the answer to the command debug.
func Debugged(p Page, _ question.Answer, d question.Debugged) string {
	s := &sheet{Page: &p}
	if d.Match == "" {
		s.line(span{text: "no lines are logged any more"})
	} else {
		s.text(span{}, 0, "lines of "+d.Match+" are logged until "+s.clock(d.Until))
	}
	return s.String()
}

// Mutes formats the answer to the commands mute and unmute: all names that are muted now.
func Mutes(p Page, _ question.Answer, m question.Mutes) string {
	s := &sheet{Page: &p}
	if len(m.Muted) == 0 {
		s.line(span{text: "nothing is muted"})
		return s.String()
	}
	if m.Names > 0 {
		s.line(span{text: plural.Things(uint64(m.Names), "known name matches", "known names match")})
	}
	rows := make([][]span, len(m.Muted))
	for i, x := range m.Muted {
		rows[i] = []span{{text: count(x.Samples)}, {text: s.clock(x.Until)}, {text: x.Match}}
	}
	s.table([]column{{head: "samples", right: true}, {head: "until"}, {head: "muted", flex: true}}, rows)
	return s.String()
}

// maxListed is the maximum number of deleted names that are listed.
const maxListed = 10

// Deleted formats the answer to the command delete.
func Deleted(p Page, _ question.Answer, d question.Deleted) string {
	s := &sheet{Page: &p}
	names := plural.Things(uint64(max(d.Names, 0)), "name", "names")
	if d.DryRun {
		s.text(span{}, 0, names+" would be deleted; add --yes to delete them")
	} else {
		s.text(span{}, 0, names+" "+plural.Verb(uint64(max(d.Names, 0)), "is", "are")+" deleted")
	}
	shown := d.First[:min(len(d.First), maxListed)]
	for _, name := range shown {
		s.line(span{text: "  " + unquoted(name)})
	}
	if more := d.Names - len(shown); more > 0 && len(shown) > 0 {
		s.line(span{"  and " + count(more) + " more", dim})
	}
	return s.String()
}
