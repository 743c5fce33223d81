package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// room holds the measurements of one package.
type room struct {
	dir      string
	files    int
	graph    graph
	order    []int
	up       []arrow
	function longest
	file     longest
}

// longest is the longest function or file found so far. The length is in lines.
type longest struct {
	name  string
	lines int
}

func (l *longest) see(name string, lines int) {
	if lines > l.lines {
		l.name, l.lines = name, lines
	}
}

func (l longest) String() string { return fmt.Sprintf("%d (%s)", l.lines, l.name) }

// listed is a package in the output of go list.
type listed struct {
	Dir, ImportPath, Export          string
	GoFiles, IgnoredGoFiles, Imports []string
	DepOnly                          bool
}

// list runs go list and parses its output.
func list(args ...string) ([]listed, error) {
	args = append([]string{"list", "-json=Dir,ImportPath,Export,GoFiles,IgnoredGoFiles,Imports,DepOnly"}, args...)
	out, err := exec.Command("go", args...).Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return nil, fmt.Errorf("go list: %s", strings.TrimSpace(string(failed.Stderr)))
	} else if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the output of go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// imports returns the graph of imports between the given packages.
func imports(packages []listed) *graph {
	var g graph
	for _, p := range packages {
		g.names = append(g.names, p.ImportPath)
	}
	for from, p := range packages {
		for _, name := range p.Imports {
			if to := slices.Index(g.names, name); to >= 0 {
				g.add(arrow{from, to}, name)
			}
		}
	}
	return &g
}

// readRoom measures the package in a directory.
func readRoom(path string) (room, error) {
	packages, err := list("-export", "-deps", path)
	if err != nil {
		return room{}, err
	}
	exports := map[string]string{}
	var p listed
	for _, l := range packages {
		exports[l.ImportPath] = l.Export
		if !l.DepOnly {
			p = l
		}
	}
	r := room{}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return room{}, err
		}
		r.files++
		r.see(set, f, name)
		if slices.Contains(p.GoFiles, name) {
			files = append(files, f)
			r.graph.names = append(r.graph.names, name)
		}
	}
	if err := r.refer(set, files, p.ImportPath, exports); err != nil {
		return room{}, err
	}
	r.order = r.graph.order()
	r.up = r.graph.up(r.order)
	return r, nil
}

// see measures the lengths of a file and of its functions.
func (r *room) see(set *token.FileSet, f *ast.File, name string) {
	lines := func(from, to token.Pos) int { return set.Position(to).Line - set.Position(from).Line + 1 }
	r.file.see(name, set.File(f.FileStart).LineCount())
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			r.function.see(fn.Name.Name, lines(fn.Pos(), fn.End()))
		}
	}
}

// refer type-checks the package and adds its arrows. It ignores references in files for other
// operating systems, because these files are not compiled.
func (r *room) refer(set *token.FileSet, files []*ast.File, path string, exports map[string]string) error {
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})}
	checked, err := config.Check(path, set, files, &info)
	if err != nil {
		return err
	}
	place := func(pos token.Pos) int {
		return slices.Index(r.graph.names, filepath.Base(set.Position(pos).Filename))
	}
	for ident, object := range info.Uses {
		if _, isPackage := object.(*types.PkgName); !isPackage && object.Pkg() == checked {
			r.graph.add(arrow{place(ident.Pos()), place(object.Pos())}, object.Name())
		}
	}
	for _, why := range r.graph.why {
		slices.Sort(why)
	}
	return nil
}
