package completion

import (
	"fmt"
	"strings"
)

func zsh(p *Program) string {
	var b strings.Builder
	function := "_" + p.Name
	fmt.Fprintf(&b, "#compdef %s\n%s() {\n", p.Name, function)
	if len(p.Commands) == 0 {
		fmt.Fprintf(&b, "\t_arguments%s\n", zshFlags(p.Flags))
	} else {
		zshCommands(&b, p)
	}
	// The script works in two ways: as a file in $fpath that zsh loads, and through eval.
	fmt.Fprintf(&b, "}\nif [ \"${funcstack[1]}\" = %s ]; then\n\t%s \"$@\"\nelse\n\tcompdef %s %s\nfi\n", function, function, function, p.Name)
	return b.String()
}

// zshFlags returns the flags as arguments for zsh's _arguments function.
func zshFlags(flags []Flag) string {
	var b strings.Builder
	for i := range flags {
		f := &flags[i]
		help := "[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(f.Help) + "]"
		value := ""
		if f.Value != "" {
			value = ":" + strings.ReplaceAll(f.Value, ":", `\:`) + ":"
			words := strings.ReplaceAll(strings.Join(f.Choices, " "), ":", `\:`)
			switch {
			case f.List:
				value += "_values -s , value " + words
			case f.Open:
				value += `compadd -S "" - ` + words
			case len(f.Choices) > 0:
				value += "(" + words + ")"
			case f.Path:
				value += "_files"
			}
		}
		for _, spelling := range f.spellings() {
			if f.Value != "" && strings.HasPrefix(spelling, "--") {
				spelling += "="
			}
			fmt.Fprintf(&b, " \\\n\t\t%s", quote("*"+spelling+help+value))
		}
	}
	return b.String()
}

// zshCommands completes the names of the commands. After a command name, it completes the flags and
// arguments of this command.
func zshCommands(b *strings.Builder, p *Program) {
	b.WriteString("\tlocal context state line\n\ttypeset -A opt_args\n\tlocal -a commands=(")
	for i := range p.Commands {
		c := &p.Commands[i]
		fmt.Fprintf(b, "\n\t\t%s", quote(c.Name+":"+strings.ReplaceAll(c.Help, ":", `\:`)))
	}
	fmt.Fprintf(b, "\n\t)\n\t_arguments -C%s \\\n\t\t'1: :->command' \\\n\t\t'*:: :->argument'\n", zshFlags(p.Flags))
	b.WriteString("\tcase $state in\n\tcommand) _describe command commands ;;\n\targument)\n\t\tcase $words[1] in\n")
	for i := range p.Commands {
		c := &p.Commands[i]
		words := ""
		if len(c.Words) > 0 {
			words = " \\\n\t\t" + quote("1: :("+strings.Join(c.Words, " ")+")")
		}
		fmt.Fprintf(b, "\t\t%s) _arguments%s%s ;;\n", c.Name, zshFlags(c.Flags), words)
	}
	b.WriteString("\t\tesac ;;\n\tesac\n")
}
