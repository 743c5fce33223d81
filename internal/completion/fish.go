package completion

import (
	"fmt"
	"strings"
)

func fish(p *Program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "complete -c %s -f\n", p.Name)
	for i := range p.Commands {
		c := &p.Commands[i]
		fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", p.Name, fishQuote(noCommand(p)), c.Name, fishQuote(c.Help))
		if len(c.Words) > 0 {
			fmt.Fprintf(&b, "complete -c %s -n %s -a %s\n", p.Name, fishQuote(afterOne(c.Name)), fishQuote(strings.Join(c.Words, " ")))
		}
	}
	all := p.all()
	for i := range all {
		fishFlag(&b, p, &all[i])
	}
	return b.String()
}

// noCommand returns the fish condition for a command line without a command. The function afterOne
// returns the fish condition for a command line with one of the given commands.
func noCommand(p *Program) string {
	var names []string
	for i := range p.Commands {
		names = append(names, p.Commands[i].Name)
	}
	return "not __fish_seen_subcommand_from " + strings.Join(names, " ")
}

func afterOne(names ...string) string {
	return "__fish_seen_subcommand_from " + strings.Join(names, " ")
}

func fishFlag(b *strings.Builder, p *Program, f *Flag) {
	fmt.Fprintf(b, "complete -c %s", p.Name)
	if condition := fishCondition(p, f); condition != "" {
		fmt.Fprintf(b, " -n %s", fishQuote(condition))
	}
	if len(f.Name) == 1 {
		fmt.Fprintf(b, " -s %s", f.Name)
	} else {
		fmt.Fprintf(b, " -l %s", f.Name)
		if f.Short != 0 {
			fmt.Fprintf(b, " -s %c", f.Short)
		}
	}
	switch {
	case f.Value == "":
	case f.List:
		fmt.Fprintf(b, " -x -a %s", fishQuote("(__fish_append , "+strings.Join(f.Choices, " ")+")"))
	case len(f.Choices) > 0: // fish adds no space after a word that ends with a slash
		fmt.Fprintf(b, " -x -a %s", fishQuote(strings.Join(f.Choices, " ")))
	case f.Path:
		b.WriteString(" -r -F")
	default:
		b.WriteString(" -x")
	}
	fmt.Fprintf(b, " -d %s\n", fishQuote(f.Help))
}

// fishCondition returns the fish condition for offering a flag: no command was typed, or a command
// that has this flag.
func fishCondition(p *Program, f *Flag) string {
	var with []string
	for i := range p.Commands {
		if contains(p.Commands[i].Flags, f) {
			with = append(with, p.Commands[i].Name)
		}
	}
	switch bare := contains(p.Flags, f); {
	case bare && len(with) == len(p.Commands):
		return ""
	case bare && len(with) == 0:
		return noCommand(p)
	case bare:
		return noCommand(p) + "; or " + afterOne(with...)
	default:
		return afterOne(with...)
	}
}

func contains(flags []Flag, f *Flag) bool {
	for i := range flags {
		if flags[i].Name == f.Name {
			return true
		}
	}
	return false
}
