// Package completion writes the scripts that let shells complete the flags and the commands of a
// program.
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

// Flag describes a flag for a script.
type Flag struct {
	Name    string // without dashes
	Short   rune   // 0 if there is none
	Help    string
	Value   string   // placeholder for the value in the help; "" if the flag takes none
	Choices []string // all valid values, if they are few
	List    bool     // the value has several of Choices, with commas between them
	Open    bool     // Choices are how values begin, as udp:// does
	Path    bool     // the value is a file or a directory
}

// Program describes a program for a script.
type Program struct {
	Name string
	// Flags are offered while there is no command.
	Flags []Flag
	// Commands are the first words that the program knows, if it has any.
	Commands []Command
}

// Command describes a command of a program.
type Command struct {
	Name, Help string
	Flags      []Flag
	Words      []string // the only arguments that it takes, if they are few
}

// prefix begins the flags that ask for a script.
const prefix = "--completion-script-"

// Shell returns the shell whose script one of the arguments requests, or "".
func Shell(args []string) string {
	for _, arg := range args {
		if shell, ok := strings.CutPrefix(arg, prefix); ok {
			return shell
		}
	}
	return ""
}

// Script returns the script for a shell.
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

// all returns each flag once: first the flags of the program, then the flags of its commands.
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

// spellings returns the forms of the flag: --port and -p. A flag whose name is a letter has only -n.
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

// quote quotes text for bash and zsh.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// fishQuote quotes text for fish.
func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// IsPath reports whether the placeholder of a value names a file or a directory.
func IsPath(placeholder string) bool {
	return slices.Contains([]string{"FILE", "DIR", "PATH", "FILE|URL"}, placeholder)
}
