package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// readConfig reads a configuration file, and sets all settings that have no value yet. It returns all errors in
// the file, including errors in lines that the command line or the environment overrides.
func (all settings) readConfig(path string) (wrong problems) {
	text, err := safefile.ReadFile(path, maxConfig)
	if err != nil {
		return problems{fmt.Errorf("--config: %w", err)}
	}
	if other := otherFormat(path, string(text)); other != "" {
		return problems{fmt.Errorf("--config: %s is a configuration file of %s, which this daemon cannot read; see docs/migrating.md for the equivalent settings", path, other)}
	}
	found := map[*setting][]value{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		v := value{origin: fmt.Sprintf("%s:%d", path, number)}
		s, text, err := all.parseLine(line)
		if err != nil {
			wrong = append(wrong, v.locate(err))
			continue
		}
		if s == nil {
			continue
		}
		v.text = text
		if before := found[s]; len(before) > 0 && !s.many {
			wrong = append(wrong, v.locate(fmt.Errorf("--%s: is already set in %s", s.name, before[0].origin)))
			continue
		}
		found[s] = append(found[s], v)
	}
	for s, values := range found {
		if len(s.values) == 0 {
			s.values = values // the values are checked together with all other values
			continue
		}
		for _, v := range values {
			if err := s.checkValue(v); err != nil {
				wrong = append(wrong, err)
			}
		}
	}
	return wrong
}

// maxConfig is the maximum size of a configuration file, in bytes.
const maxConfig = 1 << 20

// otherFormat detects configuration files of other programs, and returns the name of the program. Etsy's statsd
// uses JavaScript, and statsite uses sections.
func otherFormat(path, text string) string {
	text = strings.TrimSpace(text)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '{', strings.HasPrefix(line, "/*"), strings.HasPrefix(line, "//"), strings.HasPrefix(line, "module.exports"):
			return "Etsy's statsd"
		case line[0] == '[':
			return "statsite"
		}
		break
	}
	if extension := filepath.Ext(path); extension == ".js" || extension == ".json" {
		return "Etsy's statsd"
	}
	return ""
}

// parseLine parses a line of a configuration file. The line has the name of a flag, without dashes, and the flag's
// value. The value of a switch may be omitted. For an empty line, parseLine returns nil.
func (all settings) parseLine(line string) (s *setting, text string, err error) {
	line = strings.TrimSpace(uncomment(line))
	if line == "" {
		return nil, "", nil
	}
	name := line
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, text = line[:i], strings.TrimSpace(line[i:])
	}
	s = all.get(name)
	near := all.nearest(name)
	assigned, to := all.assigned(strings.TrimPrefix(name, "--"), text)
	dashed := all.get(strings.TrimPrefix(name, "--"))
	switch {
	case assigned != nil:
		return nil, "", fmt.Errorf("put a space between a setting and its value, not = or :; write: %s %s", assigned.name, assigned.rewritten(to))
	case s == nil && dashed != nil && dashed.group != groupAbout:
		return nil, "", fmt.Errorf("write a setting without its dashes: %s", strings.TrimSpace(dashed.name+" "+dashed.withoutSecret(text)))
	case s == nil && near != nil && near.group != groupAbout:
		return nil, "", fmt.Errorf("there is no setting %q; did you mean %s?", name, near.name)
	case s == nil || s.group == groupAbout:
		return nil, "", fmt.Errorf("there is no setting %q; a line is a flag without its dashes, a space, and its value", name)
	case text == "" && s.kind == isSwitch:
		text = "true"
	case text == "":
		return nil, "", fmt.Errorf("--%s: has no value (write an empty value as \"\")", s.name)
	case text == `""`:
		text = ""
	}
	return s, text, nil
}

// rewritten returns a value of another format, such as TOML or YAML, as a configuration file takes it.
func (s *setting) rewritten(value string) string {
	value = strings.Trim(value, `"'`)
	switch {
	case s.kind == isSwitch && slices.Contains([]string{"false", "no", "off", "0"}, value):
		return "false"
	case s.kind == isSwitch:
		return "true"
	}
	return cmp.Or(s.withoutSecret(value), s.holder)
}

// assigned returns the setting in a line such as "port = 8125", "port=8125" or "port: 8125", and its value.
func (all settings) assigned(name, text string) (s *setting, value string) {
	if i := strings.IndexAny(name, "=:"); i > 0 {
		return all.get(name[:i]), strings.TrimSpace(name[i+1:] + " " + text)
	}
	if text == "=" || strings.HasPrefix(text, "= ") || strings.HasPrefix(text, ": ") {
		return all.get(name), strings.TrimSpace(text[1:])
	}
	return nil, ""
}

// uncomment removes a comment. A comment starts with a # at the start of the line or after a space.
func uncomment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

// print lists all settings and the sources of their values, in the format of a configuration file. Settings
// without a value are printed as comments.
func (all settings) print(w io.Writer) error {
	for _, s := range all {
		if s.group == groupAbout {
			continue
		}
		values := s.effective()
		line := fmt.Sprintf("%-18s %-16s # %s\n", "# "+s.name, "is not set", fromDefault)
		if len(values) > 0 {
			line = ""
		}
		for _, v := range values {
			line += fmt.Sprintf("%-18s %-16s # %s\n", s.name, cmp.Or(v.text, `""`), v.origin)
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}
