package main

import (
	"io"

	"github.com/statsd-ops/statsd/internal/completion"
)

// writeCompletion writes the completion script for commands and flags.
func writeCompletion(w io.Writer, shell string) error {
	p := completion.Program{Name: "statsdmonitor"}
	for i := range flags {
		if f := &flags[i]; f.old || oneOf(everywhere, f.name) {
			p.Flags = append(p.Flags, completed(f))
		}
	}
	for i := range commands {
		c := &commands[i]
		entry := completion.Command{Name: c.name, Help: c.help, Words: c.words}
		for _, u := range c.takes() {
			entry.Flags = append(entry.Flags, completed(findFlag(u.name)))
		}
		p.Commands = append(p.Commands, entry)
	}
	script, err := completion.Script(shell, p)
	if err != nil {
		return &exit{exitUsage, err}
	}
	_, err = io.WriteString(w, script)
	return err
}

func oneOf(uses []use, name string) bool {
	for _, u := range uses {
		if u.name == name {
			return true
		}
	}
	return false
}

// completed describes a flag for the completion script. An optional value is not completed.
func completed(f *flag) completion.Flag {
	c := completion.Flag{Name: f.name, Short: f.short, Help: f.help, Choices: f.choices, Path: completion.IsPath(f.holder)}
	if !f.optional {
		c.Value = f.holder
	}
	return c
}
