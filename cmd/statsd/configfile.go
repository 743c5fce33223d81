package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// readConfig reads a configuration file, and sets what is not set yet. All of
// the file must be right, also what the command line or the environment win over.
func (all settings) readConfig(path string) error {
	file, err := safefile.Read(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	defer file.Close()
	found := map[*setting][]value{}
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		at := fmt.Sprintf("%s:%d", path, number)
		s, text, err := all.parseLine(lines.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if s == nil {
			continue
		}
		v := value{text, at}
		if err := s.check(v); err != nil {
			return err
		}
		if before := found[s]; len(before) > 0 && !s.many {
			return v.locate(fmt.Errorf("--%s: is set in %s already", s.name, before[0].origin))
		}
		found[s] = append(found[s], v)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("--config: read %s: %w", path, err)
	}
	for s, values := range found {
		if len(s.values) == 0 {
			s.values = values
		}
	}
	return nil
}

// parseLine reads a line: a flag without its dashes, and its value, which a
// switch can do without. It returns no setting for an empty line.
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
	switch {
	case s == nil && near != nil && near.group != groupAbout:
		return nil, "", fmt.Errorf("there is no setting %q; did you mean %s?", name, near.name)
	case s == nil || s.group == groupAbout:
		return nil, "", fmt.Errorf("there is no setting %q; a line is a flag without its dashes, a space, and its value", name)
	case text == "" && s.kind == isSwitch:
		text = "true"
	case text == "":
		return nil, "", fmt.Errorf("--%s: has no value (an empty one is written \"\")", s.name)
	case text == `""`:
		text = ""
	}
	return s, text, nil
}

// uncomment cuts off a comment: a # at the start or behind a space, and what
// follows it.
func uncomment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

// print lists all settings with where they come from, as a configuration file
// that would set the same. What is not set is a comment.
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
