package completion

import (
	"fmt"
	"strings"
)

// bash returns the completion script for bash. Bash splits words at = and :, so the script takes the last word from the
// whole command line. It returns only the text after the last colon. Some programs call the completion function without
// the command line in COMP_LINE. In this case the script uses the split words in COMP_WORDS.
func bash(p *Program) string {
	var b strings.Builder
	function := "_" + p.Name
	fmt.Fprintf(&b, `%s() {
	local line=${COMP_LINE:0:COMP_POINT} cur prev begin= before
	if [[ ! $line ]]; then
		line="${COMP_WORDS[*]:0:COMP_CWORD+1}" line=${line// = /=} line=${line/%% =/=}
	fi
	cur=${line##*[[:space:]]}
	read -ra before <<<"${line%%"$cur"}"
	prev=${before[${#before[@]}-1]}
	case $cur in
	--*=*) prev=${cur%%%%=*} cur=${cur#*=} ;;
	esac
	case $cur in
	[\'\"]*) cur=${cur:1} ;;
	*:*) [[ $COMP_WORDBREAKS != *:* ]] || begin=${cur%%"${cur##*:}"} ;;
	esac
`, function)
	bashValues(&b, p.all())
	if len(p.Commands) > 0 {
		bashCommands(&b, p.Commands)
	}
	fmt.Fprintf(&b, "\tCOMPREPLY=($(compgen -W %s -- \"$cur\"))\n}\ncomplete -F %s %s\n", quote(strings.Join(names(p.Flags), " ")), function, p.Name)
	return b.String()
}

// bashValues completes the value of the flag before the cursor.
func bashValues(b *strings.Builder, flags []Flag) {
	b.WriteString("\tcase $prev in\n")
	var plain []string
	for i := range flags {
		f := &flags[i]
		pattern, words := strings.Join(f.spellings(), "|"), quote(strings.Join(f.Choices, " "))
		switch {
		case f.Value == "":
		case f.List:
			fmt.Fprintf(b, "\t%s) compopt -o nospace 2>/dev/null; COMPREPLY=($(compgen -P \"${cur%%\"${cur##*,}\"}\" -W %s -- \"${cur##*,}\")) ;;\n", pattern, words)
		case f.Open:
			fmt.Fprintf(b, "\t%s) compopt -o nospace 2>/dev/null; COMPREPLY=($(compgen -W %s -- \"$cur\")) ;;\n", pattern, words)
		case len(f.Choices) > 0:
			fmt.Fprintf(b, "\t%s) COMPREPLY=($(compgen -W %s -- \"$cur\")) ;;\n", pattern, words)
		case f.Path:
			fmt.Fprintf(b, "\t%s) compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n", pattern)
		default:
			plain = append(plain, pattern)
		}
	}
	if len(plain) > 0 {
		fmt.Fprintf(b, "\t%s) ;;\n", strings.Join(plain, "|"))
	}
	// If the word before the cursor is one of these flags, only its values are completed.
	b.WriteString("\t*) prev= ;;\n\tesac\n\tif [[ $prev ]]; then\n\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"$begin\"}\")\n\t\treturn\n\tfi\n")
}

// bashCommands completes the names of the commands. After a command name, it completes the flags
// and arguments of this command.
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
