// Command linked lists all code of other authors that the commands contain: the Go modules, the scripts that the
// commands embed, and Go itself.
//
//	go run ./packaging/linked -licences DIR -sbom FILE -version 1.2.3 -date 2026-11-29T00:00:00Z PACKAGE...
//
// It prints the modules. It copies the files LICENSE, COPYING, NOTICE and PATENTS of each module to DIR/MODULE@VERSION.
// It writes an SBOM in the format CycloneDX to FILE, with the version, the hash and the licence of each module. If this
// program does not know the licence of a module, it exits with an error.
package main

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.licences, "licences", "", "folder for licences")
	flag.StringVar(&o.sbom, "sbom", "", "file for the SBOM")
	flag.StringVar(&o.version, "version", "", "version of the commands")
	flag.StringVar(&o.date, "date", "", "release time of the version")
	flag.Parse()
	if err := run(os.Stdout, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "linked:", err)
		os.Exit(1)
	}
}

// options are the values of the flags. An output whose flag is empty is not written.
type options struct{ licences, sbom, version, date string }

func run(w io.Writer, o options, packages []string) error {
	if len(packages) == 0 {
		return errors.New("no packages are given")
	}
	modules, err := linked(packages)
	if err != nil {
		return err
	}
	scripts, err := embedded(packages)
	if err != nil {
		return err
	}
	modules = append(modules, scripts...)
	for i := range modules {
		if err := modules[i].readLicences(); err != nil {
			return err
		}
	}
	if o.licences != "" {
		if err := writeLicences(o.licences, modules); err != nil {
			return err
		}
	}
	if o.sbom != "" {
		if err := writeSBOM(o, modules); err != nil {
			return err
		}
	}
	for _, m := range modules {
		if _, err := fmt.Fprintln(w, m.path+"@"+m.version); err != nil {
			return err
		}
	}
	return nil
}

// module is a Go module that the commands link, or an npm package whose scripts they embed.
type module struct {
	registry      string // "golang" or "npm"
	path, version string
	dir           string
	hash          string // the hash of the module in go.sum (SHA-256), in hexadecimal
	licence       string // identifier in SPDX's list of licences
	texts         map[string][]byte
}

// linked returns Go itself and the modules that the packages link on Linux, except the module of
// the packages.
func linked(packages []string) ([]module, error) {
	golang, err := goLines("env", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, err
	}
	const format = `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Sum}} {{.Dir}}{{end}}{{end}}`
	lines, err := goLines(append([]string{"list", "-deps", "-f", format}, packages...)...)
	if err != nil {
		return nil, err
	}
	modules := []module{{registry: "golang", path: "std", version: strings.TrimPrefix(golang[0], "go"), dir: golang[1]}}
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		words := strings.SplitN(line, " ", 4)
		if len(words) < 4 {
			continue
		}
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(words[2], "h1:"))
		if err != nil {
			return nil, fmt.Errorf("%s: the checksum %q: %w", words[0], words[2], err)
		}
		modules = append(modules, module{registry: "golang", path: words[0], version: words[1], hash: hex.EncodeToString(sum), dir: words[3]})
	}
	return modules, nil
}

// goLines runs a go command for Linux, and returns the lines of its output.
func goLines(args ...string) ([]string, error) {
	command := exec.Command(cmp.Or(os.Getenv("GO"), "go"), args...)
	command.Env = append(os.Environ(), "GOOS=linux")
	out, err := command.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, failed.Stderr)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), err
}
