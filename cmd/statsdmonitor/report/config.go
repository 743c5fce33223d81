package report

import (
	"strings"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Settings selects the settings that Config writes.
type Settings uint8

// The values of Settings.
const (
	Set       Settings = iota // only settings that are not defaults
	All                       // all settings
	Differing                 // only settings that differ from the configuration file
)

// Config returns a function that formats the running configuration.
func Config(which Settings) func(Page, question.Answer, question.Config) string {
	return func(p Page, a question.Answer, c question.Config) string {
		s := &sheet{Page: &p}
		shown := selected(c.Settings, which)
		s.settings(shown)
		if c.Error != "" {
			s.text(span{"! ", warn}, 2, "the files cannot be read now: "+c.Error)
		}
		switch {
		case which == Differing && len(shown) == 0 && c.Error == "":
			s.line(span{text: "the running settings are the ones in the files"})
		case which == Set:
			s.line(span{plural.Things(uint64(len(c.Settings)-len(shown)), "more setting has its", "more settings have their") + " default value: " + s.ask("config --all"), dim})
		}
		if len(c.Files) > 0 {
			s.text(span{}, 0, plural.Verb(uint64(len(c.Files)), "file: ", "files: ")+strings.Join(c.Files, ", "))
		}
		s.foot(a)
		return s.String()
	}
}

func selected(settings []question.Setting, which Settings) (shown []question.Setting) {
	for _, x := range settings {
		if which == All || x.Differs || which == Set && x.Source != "default" {
			shown = append(shown, x)
		}
	}
	return shown
}

func (s *sheet) settings(settings []question.Setting) {
	name, value, source := 0, 0, 0
	for _, x := range settings {
		name, value, source = max(name, len(dashed(x.Flag))), max(value, len(valueOf(&x))), max(source, len(ascii.Safe(x.Source)))
	}
	name = min(name, s.width()/3)
	value = max(min(value, s.width()-name-source-2*len(gap)), narrowest)
	for _, x := range settings {
		text := pad(shorten(valueOf(&x), value), value)
		s.line(span{pad(shorten(dashed(x.Flag), name), name), bold}, span{text: gap + text}, span{gap + x.Source, dim})
		if !x.Differs {
			continue
		}
		effect := "a reload applies the change"
		if x.Restart {
			effect = "only a restart applies the change"
		}
		said := "the file now says " + x.New
		if x.New == "" {
			said = "the file no longer has this setting"
		}
		s.text(span{"  ! ", warn}, 4, said+": "+effect)
	}
}

// valueOf returns the value of a setting. If somebody has set it to an empty text, valueOf returns two quotes, so that the
// value does not seem to be missing.
func valueOf(x *question.Setting) string {
	if x.Value == "" && x.Source != "default" {
		return `""`
	}
	return ascii.Safe(x.Value)
}

// dashed returns the name of a setting with its dashes.
func dashed(name string) string { return "--" + strings.TrimPrefix(ascii.Safe(name), "--") }
