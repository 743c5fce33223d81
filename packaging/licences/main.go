// Licences collects the licences of the modules that the commands link, and of Go itself:
//
//	go run ./packaging/licences DIR PACKAGE...
//
// DIR/MODULE@VERSION has the files LICENSE, COPYING and NOTICE of a module. A module without any is
// an error. It prints the modules.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// module is a module with the folder of its files.
type module struct{ name, dir string }

func run(w io.Writer, args []string) error {
	if len(args) < 2 {
		return errors.New("want a folder and packages")
	}
	modules, err := linked(args[1:])
	if err != nil {
		return err
	}
	for _, m := range modules {
		if err := m.copyLicences(args[0]); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, m.name); err != nil {
			return err
		}
	}
	return nil
}

// linked returns the modules that the packages link, except their own, and Go.
func linked(packages []string) ([]module, error) {
	golang, err := goLines("env", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, err
	}
	const format = `{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}} {{.Dir}}{{end}}{{end}}`
	lines, err := goLines(append([]string{"list", "-deps", "-f", format}, packages...)...)
	if err != nil {
		return nil, err
	}
	modules := []module{{"go@" + strings.TrimPrefix(golang[0], "go"), golang[1]}}
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		if name, dir, ok := strings.Cut(line, " "); ok {
			modules = append(modules, module{name, dir})
		}
	}
	return modules, nil
}

// goLines returns the lines that a go command prints.
func goLines(args ...string) ([]string, error) {
	out, err := exec.Command("go", args...).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, failed.Stderr)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), err
}

var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

func (m module) copyLicences(to string) error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	to = filepath.Join(to, filepath.FromSlash(m.name))
	n := 0
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
		if err != nil {
			return err
		}
		if err := errors.Join(os.MkdirAll(to, 0o755), os.WriteFile(filepath.Join(to, e.Name()), text, 0o644)); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("%s: has no licence in %s", m.name, m.dir)
	}
	return nil
}
