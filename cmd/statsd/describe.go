package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

// described returns the current settings with their sources. It also returns the values that the
// settings would have after a reload or a restart.
func (d *daemon) described() question.Config {
	d.rereading.Lock()
	defer d.rereading.Unlock()
	return d.describe()
}

// describe is described for a caller that holds the lock.
func (d *daemon) describe() question.Config {
	running := d.current.running(d.started, d.waiting)
	c := question.Config{Files: []string{}, Settings: []question.Setting{}}
	if path := running.text("config"); path != "" {
		c.Files = append(c.Files, path)
	}
	next := newSettings(flags)
	_, restart, err := d.apply(next, true)
	if err != nil {
		c.Error, next = next.locate(err).Error(), running
	}
	for i, s := range running {
		if s.group != groupAbout {
			rows := s.described(next[i])
			for j := range rows {
				rows[j].Default = s.withoutSecret(running.defaultOf(s))
				rows[j].Restart = rows[j].Differs && needsRestart(s, restart)
			}
			c.Settings = append(c.Settings, rows...)
		}
	}
	return c
}

// compared is the result of a comparison of the configuration file with the running settings.
type compared struct {
	size    int64
	changed time.Time // modification time of the file
	text    string    // the differences; "" for none
}

// differs describes how the configuration file differs from the running settings, in one line. It returns "" if they are
// the same. It reads the file only if the file has changed since the last call, or if there was a reload.
func (d *daemon) differs() string {
	info, err := os.Stat(d.started.text("config"))
	if err != nil {
		return "the configuration file is gone: " + err.Error()
	}
	d.rereading.Lock()
	defer d.rereading.Unlock()
	if last := &d.compared; last.size != info.Size() || !last.changed.Equal(info.ModTime()) {
		*last = compared{info.Size(), info.ModTime(), differences(d.describe())}
	}
	return d.compared.text
}

// differences describes the settings whose values in the file differ from the running ones.
func differences(c question.Config) string {
	const most = 3
	var names []string
	for _, s := range c.Settings {
		if s.Differs && !slices.Contains(names, s.Flag) {
			names = append(names, s.Flag)
		}
	}
	switch n := len(names); {
	case c.Error != "":
		return "the configuration file has an error: " + c.Error
	case n == 0:
		return ""
	case n > most:
		names = append(names[:most], fmt.Sprintf("%d more", n-most))
	}
	return "the configuration file differs from the running settings: " + strings.Join(names, ", ")
}

// running returns the settings that are in effect. The parameter waiting lists the changed flags
// that need a restart. For these flags, running returns the values in the parameter started.
func (all settings) running(started settings, waiting []string) settings {
	running := slices.Clone(all)
	for i, s := range running {
		if slices.Contains(waiting, "--"+s.name) {
			running[i] = started[i]
		}
	}
	return running
}

// needsRestart reports whether the change of a setting needs a restart. Each element of restart starts with a
// flag, which may be followed by other words.
func needsRestart(s *setting, restart []string) bool {
	return slices.ContainsFunc(restart, func(r string) bool {
		flag, _, _ := strings.Cut(r, " ")
		return flag == "--"+s.name
	})
}

// described returns a row for each value of a setting, and then a row for each additional value in
// the parameter next.
func (s *setting) described(next *setting) (rows []question.Setting) {
	values, others := s.effective(), slices.Clone(next.effective())
	others = slices.DeleteFunc(others, func(o value) bool { return slices.ContainsFunc(values, o.same) })
	for _, v := range values {
		row := question.Setting{Flag: "--" + s.name, Value: s.withoutSecret(v.text), Source: v.source()}
		if !slices.ContainsFunc(next.effective(), v.same) {
			row.Differs = true
			if len(others) > 0 {
				row.New, others = s.withoutSecret(others[0].text), others[1:]
			}
		}
		rows = append(rows, row)
	}
	for _, o := range others {
		rows = append(rows, question.Setting{Flag: "--" + s.name, Source: fromDefault, New: s.withoutSecret(o.text), Differs: true})
	}
	if len(rows) == 0 {
		rows = append(rows, question.Setting{Flag: "--" + s.name, Source: fromDefault})
	}
	return rows
}

// same reports whether two values have the same text. Their sources may differ.
func (v value) same(other value) bool { return v.text == other.text }

// source returns the source of a value as text for people, such as "file, line 4".
func (v value) source() string {
	switch {
	case v.origin == fromDefault || v.origin == fromCommandLine:
		return v.origin
	case strings.HasPrefix(v.origin, "STATSD_DAEMON_") && !strings.Contains(v.origin, ":"):
		return "environment"
	}
	if i := strings.LastIndexByte(v.origin, ':'); i >= 0 {
		return "file, line " + v.origin[i+1:]
	}
	return fromCommandLine // the flag was given on a gstatsd command line
}

// defaultOf returns the default value of a setting. The default may depend on other settings.
func (all settings) defaultOf(s *setting) string {
	if !s.given() {
		return cmp.Or(s.text(), defaultSwitch(s))
	}
	others := newSettings(flags)
	for i, o := range all {
		if o != s && o.given() {
			others[i].values = o.values
		}
	}
	if err := others.setDefaults(); err != nil {
		return s.def
	}
	return cmp.Or(others.text(s.name), defaultSwitch(s))
}

func defaultSwitch(s *setting) string {
	if s.kind == isSwitch {
		return "false"
	}
	return ""
}
