package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// readLicences reads the licence files of a module, and finds out which licences they contain.
func (m *module) readLicences() error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	m.texts = map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
		if err != nil {
			return err
		}
		m.texts[e.Name()] = text
		if m.licence == "" {
			m.licence = recognise(string(text))
		}
	}
	if m.licence == "" {
		return fmt.Errorf("%s: the licence in %s is unknown: read the licence, and add it to packaging/linked", m.path, m.dir)
	}
	return nil
}

// licences maps the name of a licence to phrases that only this licence contains.
var licences = []struct {
	name      string
	sentences []string
}{
	{"Apache-2.0", []string{"Apache License", "Version 2.0, January 2004", "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"}},
	{"MIT", []string{"Permission is hereby granted, free of charge", "The above copyright notice and this permission notice"}},
	{"BSD-3-Clause", []string{"Redistribution and use in source and binary forms", "Redistributions in binary form", "Neither the name"}},
	{"BSD-2-Clause", []string{"Redistribution and use in source and binary forms", "Redistributions in binary form"}},
	{"ISC", []string{"Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"}},
	{"MPL-2.0", []string{"Mozilla Public License", "Version 2.0"}},
}

// recognise returns the name of the licence with this text, or "" if the licence is unknown.
func recognise(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, l := range licences {
		all := true
		for _, sentence := range l.sentences {
			all = all && strings.Contains(text, sentence)
		}
		if all {
			return l.name
		}
	}
	return ""
}

// writeLicences writes the licence texts of all modules.
func writeLicences(dir string, modules []module) error {
	for _, m := range modules {
		to := filepath.Join(dir, filepath.FromSlash(m.path+"@"+m.version))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		var failed []error
		for name, text := range m.texts {
			failed = append(failed, os.WriteFile(filepath.Join(to, name), text, 0o644))
		}
		if err := errors.Join(failed...); err != nil {
			return err
		}
	}
	return nil
}
