package completion

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

var flags = []Flag{
	{Name: "port", Short: 'p', Help: "Port for UDP and TCP; 0 picks one.", Value: "8125"},
	{Name: "naming", Help: "Scheme of a name's [path]: it is \\ odd.", Value: "reference", Choices: []string{"reference", "etsy", "etsy-legacy"}},
	{Name: "config", Help: "Read settings.", Value: "FILE", Path: true},
	{Name: "quiet", Short: 'q', Help: "Log only warnings."},
	{Name: "pct", Help: "Percentile: 50:99.", Value: "A:B"},
	{Name: "stats", Help: "Some of: mean, sum.", Value: "STAT,...", Choices: []string{"mean", "mean_90", "sum"}, List: true},
	{Name: "sink", Short: 's', Help: "Where to.", Value: "URL", Choices: []string{"load://", "graphite://", "graphite+tls://"}, Open: true},
}

// demo is a program without commands. tool is a program with commands.
var (
	demo = Program{Name: "demo", Flags: flags}
	tool = Program{Name: "tool", Flags: []Flag{flags[2], flags[3], {Name: "old", Help: "Old form."}}, Commands: []Command{
		{Name: "top", Help: "Show the first: most.", Flags: []Flag{flags[2], flags[3], {Name: "by", Help: "What to count.", Value: "WHAT", Choices: []string{"name", "kind"}}, {Name: "n", Short: 'n', Help: "How many.", Value: "N"}}},
		{Name: "tail", Help: "Show the last.", Flags: []Flag{flags[2], flags[3]}},
		{Name: "debug", Help: "Log more.", Flags: []Flag{flags[3]}, Words: []string{"on", "off"}},
	}}
)

// completed lists typed words, and the completions that a shell must offer for them.
var completed = []struct {
	program *Program
	words   []string // the typed words; the shell completes the last one
	want    []string
}{
	{&demo, []string{"--nam"}, []string{"--naming"}},
	{&demo, []string{"--naming", ""}, []string{"etsy", "etsy-legacy", "reference"}},
	{&demo, []string{"--naming", "etsy-"}, []string{"etsy-legacy"}},
	{&demo, []string{"--config", "hosts"}, []string{"hosts.conf"}},
	{&demo, []string{"--config=hosts"}, []string{"--config=hosts.conf"}},
	{&demo, []string{"-q", "--qui"}, []string{"--quiet"}},
	{&demo, []string{"--stats", "s"}, []string{"sum"}},
	{&demo, []string{"--stats", "sum,me"}, []string{"sum,mean", "sum,mean_90"}},
	{&demo, []string{"--naming=etsy-"}, []string{"--naming=etsy-legacy"}},
	{&demo, []string{"--stats=sum,me"}, []string{"--stats=sum,mean", "--stats=sum,mean_90"}},
	{&demo, []string{"--sink", "gra"}, []string{"graphite+tls://", "graphite://"}},
	{&demo, []string{"-s", "lo"}, []string{"load://"}},
	{&demo, []string{"--sink=gra"}, []string{"--sink=graphite+tls://", "--sink=graphite://"}},
	{&demo, []string{"--sink", "load:"}, []string{"load://"}},
	{&tool, []string{"t"}, []string{"tail", "top"}},
	{&tool, []string{"--quiet", "deb"}, []string{"debug"}},
	{&tool, []string{"--ol"}, []string{"--old"}},
	{&tool, []string{"top", "--by", ""}, []string{"kind", "name"}},
	{&tool, []string{"top", "--qui"}, []string{"--quiet"}},
	{&tool, []string{"--quiet", "top", "--config", "hosts"}, []string{"hosts.conf"}},
	{&tool, []string{"debug", "o"}, []string{"off", "on"}},
	{&tool, []string{"tail", "--b"}, nil},
	{&tool, []string{"tail", "--ol"}, nil},
}

// folder creates a directory with one file, and returns the path of the directory.
func folder(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hosts.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// write writes the completion script of a program to a file, and returns its path.
func write(t *testing.T, dir, shell string, p *Program) string {
	t.Helper()
	script, err := Script(shell, *p)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "."+p.Name+"."+shell)
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// check runs a shell for each test case, and compares the offered completions.
func check(t *testing.T, shell string, args func(program string, words []string, script string) []string) {
	t.Helper()
	program := counterpart.Find(t, shell)
	dir := folder(t)
	for _, test := range completed {
		path := write(t, dir, shell, test.program)
		cmd := exec.Command(program, args(test.program.Name, test.words, path)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "ZDOTDIR="+dir, "XDG_CONFIG_HOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v:\n%s", test.words, err, out)
		}
		got := strings.Fields(string(out))
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: offers %q, want %q", test.words, got, test.want)
		}
	}
}

func TestBash(t *testing.T) {
	t.Parallel()
	check(t, "bash", func(program string, words []string, script string) []string {
		return append([]string{"--norc", "-c", bashDriver, "bash", script, program}, words...)
	})
}

// bashDriver calls the completion function like bash: with words that are split at = and :. It
// prints the completed last word for each completion.
const bashDriver = `
eval "$(cat "$1")"
COMP_LINE="${*:2}"
COMP_POINT=${#COMP_LINE} COMP_WORDS=() last=${*: -1}
for word in "${@:2}"; do
	while [[ $word =~ ^([^=:]*)([=:]+)(.*)$ ]]; do
		[[ ! ${BASH_REMATCH[1]} ]] || COMP_WORDS+=("${BASH_REMATCH[1]}")
		COMP_WORDS+=("${BASH_REMATCH[2]}")
		word=${BASH_REMATCH[3]}
	done
	[[ ! $word && ${COMP_WORDS[${#COMP_WORDS[@]}-1]} == [=:]* ]] || COMP_WORDS+=("$word")
done
COMP_CWORD=$((${#COMP_WORDS[@]}-1))
_$2
for answer in "${COMPREPLY[@]}"; do
	printf '%s\n' "${last%"${last##*[=:]}"}$answer"
done
`

// Bash splits --naming=et into three words. Some programs call the completion function with only
// these words, without the whole command line.
func TestBashEquals(t *testing.T) {
	t.Parallel()
	program := counterpart.Find(t, "bash")
	script, _ := Script("bash", demo)
	for typed, want := range map[string]string{"--naming =": "reference etsy etsy-legacy", "--naming = etsy-": "etsy-legacy", "--port =": ""} {
		out, err := exec.Command(program, "--norc", "-c", script+`COMP_WORDS=(demo `+typed+`); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _demo; echo "${COMPREPLY[*]}"`).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: offers %q, %v, want %q", typed, got, err, want)
		}
	}
}

func TestFish(t *testing.T) {
	t.Parallel()
	check(t, "fish", func(program string, words []string, script string) []string {
		line := program + " " + strings.Join(words, " ")
		return []string{"--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string replace -r "\t.*" ""; true`, script, line}
	})
}

// zsh completes only at a terminal, so the driver runs zsh in a pseudo-terminal (zpty). The driver
// types text, and reads the output until it contains each of the given words. For --naming=etsy-,
// zsh lists only etsy-legacy, without the text before it.
const zshDriver = `
emulate -L zsh
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; setopt no_beep no_list_ambiguous; autoload -Uz compinit; compinit -u -d $HOME/.dump; source $1; cd $PWD; print REA''DY"
local shown
zpty -r z shown '*READY*'
zpty -w -n z "$2"$'\t'
shift 2
for word; do
	[[ $all == *$word* ]] || zpty -r z shown "*$word*"
	all+=$shown
done
zpty -d z
`

func TestZsh(t *testing.T) {
	t.Parallel()
	program := counterpart.Find(t, "zsh")
	dir := folder(t)
	for _, test := range completed {
		if test.want == nil {
			continue // the driver waits for offered words, so it cannot test that zsh offers none
		}
		path := write(t, dir, "zsh", test.program)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		args := []string{"-f", "-c", zshDriver, "zsh", path, test.program.Name + " " + strings.Join(test.words, " ")}
		for _, want := range test.want {
			args = append(args, want[strings.LastIndexAny(want, "=,")+1:])
		}
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "TERM=dumb")
		out, err := cmd.CombinedOutput()
		stop()
		if err != nil {
			t.Errorf("%q: %q are not offered: %v\n%s", test.words, test.want, err, out)
		}
	}
}

func TestUnknownShell(t *testing.T) {
	if _, err := Script("tcsh", demo); err == nil || !strings.Contains(err.Error(), "use bash, zsh or fish") {
		t.Errorf("error %v", err)
	}
}
