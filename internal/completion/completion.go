// Package completion writes scripts for shell completion of a program's flags and commands.
//
//	eval "$(statsd --completion-script-bash)"     # in ~/.bashrc
//	eval "$(statsd --completion-script-zsh)"      # in ~/.zshrc, after compinit
//	statsd --completion-script-fish | source      # in ~/.config/fish/config.fish
package completion

import (
	"fmt"
	"slices"
	"strings"
)

// Flag describes a flag for the completion script.
type Flag struct {
	Name    string // name without dashes
	Short   rune   // 0 if the flag has no short form
	Help    string
	Value   string   // placeholder for the value in the help text; "" if the flag takes no value
	Choices []string // all valid values, if there are few
	List    bool     // the value is a list of Choices, separated by commas
	Open    bool     // Choices are only the beginnings of valid values, such as udp://
	Path    bool     // the value is a file or a directory
}

// Program describes a program for the completion script.
type Program struct {
	Name string
	// Flags are completed before the name of a command is typed.
	Flags []Flag
	// Commands are the commands that the program accepts as the first word, if it has any.
	Commands []Command
}

// Command describes a command of a program.
type Command struct {
	Name, Help string
	Flags      []Flag
	Words      []string // all valid arguments of the command, if there are few
}

// prefix is the start of the flags that print a completion script.
const prefix = "--completion-script-"

// Shell returns the name of the shell if an argument requests a completion script, or "".
func Shell(args []string) string {
	for _, arg := range args {
		if shell, ok := strings.CutPrefix(arg, prefix); ok {
			return shell
		}
	}
	return ""
}

// Script returns the completion script for a shell.
func Script(shell string, p Program) (string, error) {
	switch shell {
	case "bash":
		return bash(&p), nil
	case "zsh":
		return zsh(&p), nil
	case "fish":
		return fish(&p), nil
	}
	return "", fmt.Errorf("%s%s: there is no script for that shell; use bash, zsh or fish", prefix, shell)
}

// all returns all flags of the program and of its commands, without duplicates.
func (p *Program) all() []Flag {
	all := slices.Clone(p.Flags)
	for i := range p.Commands {
		for _, f := range p.Commands[i].Flags {
			if !slices.ContainsFunc(all, func(one Flag) bool { return one.Name == f.Name }) {
				all = append(all, f)
			}
		}
	}
	return all
}

// spellings returns the forms of the flag, for example --port and -p. A flag with a name of one
// letter has only the short form.
func (f *Flag) spellings() []string {
	if len(f.Name) == 1 {
		return []string{"-" + f.Name}
	}
	all := []string{"--" + f.Name}
	if f.Short != 0 {
		all = append(all, "-"+string(f.Short))
	}
	return all
}

func names(flags []Flag) (all []string) {
	for i := range flags {
		all = append(all, flags[i].spellings()[0])
	}
	return all
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// IsPath reports whether the placeholder of a value names a file or a directory.
func IsPath(placeholder string) bool {
	return slices.Contains([]string{"FILE", "DIR", "PATH", "FILE|URL"}, placeholder)
}
