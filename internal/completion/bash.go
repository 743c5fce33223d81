package completion

import (
	"fmt"
	"strings"
)

// bash splits --flag=value into three words, because = is in its COMP_WORDBREAKS.
func bash(p *Program) string {
	var b strings.Builder
	function := "_" + p.Name
	fmt.Fprintf(&b, `%s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
`, function)
	bashValues(&b, p.all())
	if len(p.Commands) > 0 {
		bashCommands(&b, p.Commands)
	}
	fmt.Fprintf(&b, "\tCOMPREPLY=($(compgen -W %s -- \"$cur\"))\n}\ncomplete -F %s %s\n", quote(strings.Join(names(p.Flags), " ")), function, p.Name)
	return b.String()
}

// bashValues offers the values of the flag before the cursor.
func bashValues(b *strings.Builder, flags []Flag) {
	b.WriteString("\tcase $prev in\n")
	var plain []string
	for i := range flags {
		f := &flags[i]
		pattern := strings.Join(f.spellings(), "|")
		switch {
		case f.Value == "":
		case len(f.Choices) > 0:
			fmt.Fprintf(b, "\t%s) COMPREPLY=($(compgen -W %s -- \"$cur\")); return ;;\n", pattern, quote(strings.Join(f.Choices, " ")))
		case f.Path:
			fmt.Fprintf(b, "\t%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", pattern)
		default:
			plain = append(plain, pattern)
		}
	}
	if len(plain) > 0 {
		fmt.Fprintf(b, "\t%s) return ;;\n", strings.Join(plain, "|"))
	}
	b.WriteString("\tesac\n")
}

// bashCommands offers the commands, or the flags and words of the command that was typed.
func bashCommands(b *strings.Builder, commands []Command) {
	var all []string
	for i := range commands {
		all = append(all, commands[i].Name)
	}
	fmt.Fprintf(b, `	local word command= flags= words=
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		%s) command=$word; break ;;
		esac
	done
	case $command in
`, strings.Join(all, "|"))
	for i := range commands {
		c := &commands[i]
		fmt.Fprintf(b, "\t%s) flags=%s words=%s ;;\n", c.Name, quote(strings.Join(names(c.Flags), " ")), quote(strings.Join(c.Words, " ")))
	}
	fmt.Fprintf(b, `	*) words=%s ;;
	esac
	if [[ $cur != -* ]]; then
		COMPREPLY=($(compgen -W "$words" -- "$cur"))
		return
	elif [[ $command ]]; then
		COMPREPLY=($(compgen -W "$flags" -- "$cur"))
		return
	fi
`, quote(strings.Join(all, " ")))
}
