package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// embedded returns the npm packages whose scripts the Go packages embed. Each folder with embedded
// files and a licence is an npm package.
func embedded(packages []string) (scripts []module, err error) {
	const format = `{{$dir := .Dir}}{{range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}`
	files, err := goLines(append([]string{"list", "-deps", "-f", format}, packages...)...)
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, file := range files {
		dir := filepath.Dir(file)
		if !licenceFile.MatchString(filepath.Base(file)) || slices.ContainsFunc(scripts, func(m module) bool { return m.dir == dir }) {
			continue
		}
		version, err := versionIn(dir)
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, module{registry: "npm", path: strings.ToLower(filepath.Base(dir)), version: version, dir: dir})
	}
	return scripts, nil
}

var scriptVersion = regexp.MustCompile(`\bv(\d+\.\d+\.\d+)\b`)

// versionIn returns the version in the first line of a script.
func versionIn(dir string) (string, error) {
	scripts, err := filepath.Glob(filepath.Join(dir, "*.js"))
	if err != nil {
		return "", err
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			return "", err
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if m := scriptVersion.FindStringSubmatch(first); m != nil {
			return m[1], nil
		}
	}
	return "", fmt.Errorf("%s: no script has a version such as v1.2.3 in its first line", dir)
}
