// Command arrows measures the structure of packages. An arrow is a reference from one file to another file of the same
// package: to a function, a type, a variable, a method or a field. The files of a package are put into an order in which
// as few arrows as possible point up. Test files are ignored.
//
//	go run ./scripts/arrows [-v] DIRECTORY...
//
// With -v it lists the files from the top down, and each arrow that points up.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

func main() {
	verbose := flag.Bool("v", false, "list the files from the top down, and each arrow that points up")
	flag.Parse()
	if err := run(os.Stdout, flag.Args(), *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "arrows:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, dirs []string, verbose bool) error {
	rooms, err := measure(dirs)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "package\tfiles\tarrows\tup\tlongest function\tlongest file")
	var files, arrows, up int
	for _, r := range rooms {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\n", r.dir, r.files, r.graph.count(), len(r.up), r.function, r.file)
		files, arrows, up = files+r.files, arrows+r.graph.count(), up+len(r.up)
	}
	fmt.Fprintf(table, "together\t%d\t%d\t%d\t\t\n", files, arrows, up)
	if err := table.Flush(); err != nil {
		return err
	}
	if verbose {
		for _, r := range rooms {
			writeOrder(out, r)
		}
	}
	return writeTree(out)
}

func writeOrder(out io.Writer, r room) {
	fmt.Fprintf(out, "\n%s, from the top down:\n", r.dir)
	for _, file := range r.order {
		fmt.Fprintf(out, "  %s\n", r.graph.names[file])
	}
	for _, a := range r.up {
		fmt.Fprintf(out, "  up: %s -> %s (%s)\n", r.graph.names[a.from], r.graph.names[a.to], strings.Join(r.graph.why[a], ", "))
	}
}

// writeTree prints how many imports there are between the packages of the module, and how many
// cycles they make. Go does not allow import cycles, so the second number must be 0.
func writeTree(out io.Writer) error {
	packages, err := list("./...")
	if err != nil {
		return err
	}
	g := imports(packages)
	circles := 0
	for _, c := range g.components() {
		if len(c) > 1 {
			circles++
		}
	}
	_, err = fmt.Fprintf(out, "\ntree: %d packages, %d arrows between them, %d cycles\n", len(packages), g.count(), circles)
	return err
}

// measure measures the packages in these directories.
func measure(dirs []string) ([]room, error) {
	var rooms []room
	for _, dir := range dirs {
		r, err := readRoom("./" + filepath.ToSlash(filepath.Clean(dir)))
		if err != nil {
			return nil, fmt.Errorf("reading the package in %s: %w", dir, err)
		}
		r.dir = filepath.ToSlash(filepath.Clean(dir))
		rooms = append(rooms, r)
	}
	return rooms, nil
}
