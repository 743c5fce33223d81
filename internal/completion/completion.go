// Package completion writes the scripts that let shells complete the flags of a command.
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
	Path    bool     // the value is a file or a directory
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
func Script(shell, command string, flags []Flag) (string, error) {
	switch shell {
	case "bash":
		return bash(command, flags), nil
	case "zsh":
		return zsh(command, flags), nil
	case "fish":
		return fish(command, flags), nil
	}
	return "", fmt.Errorf("%s%s: there is no script for that shell; want bash, zsh or fish", prefix, shell)
}

// spellings returns the forms of the flag: --port and -p.
func (f *Flag) spellings() []string {
	all := []string{"--" + f.Name}
	if f.Short != 0 {
		all = append(all, "-"+string(f.Short))
	}
	return all
}

// bash splits --flag=value into three words, because = is in its COMP_WORDBREAKS.
func bash(command string, flags []Flag) string {
	var b strings.Builder
	function := "_" + command
	fmt.Fprintf(&b, `%s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	case $prev in
`, function)
	var names, plain []string
	for i := range flags {
		f := &flags[i]
		names = append(names, "--"+f.Name)
		pattern := strings.Join(f.spellings(), "|")
		switch {
		case f.Value == "":
		case len(f.Choices) > 0:
			fmt.Fprintf(&b, "\t%s) COMPREPLY=($(compgen -W %s -- \"$cur\")); return ;;\n", pattern, quote(strings.Join(f.Choices, " ")))
		case f.Path:
			fmt.Fprintf(&b, "\t%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", pattern)
		default:
			plain = append(plain, pattern)
		}
	}
	if len(plain) > 0 {
		fmt.Fprintf(&b, "\t%s) return ;;\n", strings.Join(plain, "|"))
	}
	fmt.Fprintf(&b, "\tesac\n\tCOMPREPLY=($(compgen -W %s -- \"$cur\"))\n}\ncomplete -F %s %s\n", quote(strings.Join(names, " ")), function, command)
	return b.String()
}

func zsh(command string, flags []Flag) string {
	var b strings.Builder
	function := "_" + command
	fmt.Fprintf(&b, "#compdef %s\n%s() {\n\t_arguments", command, function)
	for i := range flags {
		f := &flags[i]
		help := "[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(f.Help) + "]"
		value, long := "", "--"+f.Name
		if f.Value != "" {
			long += "="
			value = ":" + strings.ReplaceAll(f.Value, ":", `\:`) + ":"
			switch {
			case len(f.Choices) > 0:
				value += "(" + strings.Join(f.Choices, " ") + ")"
			case f.Path:
				value += "_files"
			}
		}
		fmt.Fprintf(&b, " \\\n\t\t%s", quote("*"+long+help+value))
		if f.Short != 0 {
			fmt.Fprintf(&b, " \\\n\t\t%s", quote("*-"+string(f.Short)+help+value))
		}
	}
	// The script works both ways: as a file in $fpath, which the shell calls, and in eval.
	fmt.Fprintf(&b, "\n}\nif [ \"${funcstack[1]}\" = %s ]; then\n\t%s \"$@\"\nelse\n\tcompdef %s %s\nfi\n", function, function, function, command)
	return b.String()
}

func fish(command string, flags []Flag) string {
	var b strings.Builder
	fmt.Fprintf(&b, "complete -c %s -f\n", command)
	for i := range flags {
		f := &flags[i]
		fmt.Fprintf(&b, "complete -c %s -l %s", command, f.Name)
		if f.Short != 0 {
			fmt.Fprintf(&b, " -s %c", f.Short)
		}
		switch {
		case f.Value == "":
		case len(f.Choices) > 0:
			fmt.Fprintf(&b, " -x -a %s", quote(strings.Join(f.Choices, " ")))
		case f.Path:
			b.WriteString(" -r -F")
		default:
			b.WriteString(" -x")
		}
		fmt.Fprintf(&b, " -d %s\n", fishQuote(f.Help))
	}
	return b.String()
}

// quote quotes text for bash and zsh.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// fishQuote quotes text for fish.
func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// IsPath reports whether the placeholder of a value names a file or a directory.
func IsPath(placeholder string) bool {
	return slices.Contains([]string{"FILE", "DIR", "PATH"}, placeholder)
}
