package main

import (
	"io"

	"github.com/statsd-ops/statsd/internal/completion"
)

// printCompletion prints the script that completes statsd's flags in a shell.
func printCompletion(w io.Writer, shell string) error {
	var all []completion.Flag
	for i := range flags {
		f := &flags[i]
		c := completion.Flag{Name: f.name, Short: f.short, Help: f.help, Choices: f.choices, Path: completion.IsPath(f.holder)}
		if f.kind != isSwitch {
			c.Value = f.holder
		}
		all = append(all, c)
		for _, alias := range f.aliases {
			c.Name, c.Short = alias, 0
			all = append(all, c)
		}
	}
	script, err := completion.Script(shell, completion.Program{Name: "statsd", Flags: all})
	if err != nil {
		return usageError(err.Error())
	}
	_, err = io.WriteString(w, script)
	return err
}
