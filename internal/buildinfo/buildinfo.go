// Package buildinfo returns the version of the running program.
package buildinfo

import (
	"runtime/debug"
	"strings"
)

// Version returns the version of the module and the commit that was built, for example "v0.1.0 (commit 5216d38c1f0e)".
// The Go toolchain records both when it builds from a git checkout. When it builds for "go install MODULE@v0.1.0", it
// records only the version.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	return version(info)
}

const unknown = "unknown"

func version(info *debug.BuildInfo) string {
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = unknown
	}
	commit, modified := "", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	switch {
	case commit == "":
		return v
	case modified && !strings.HasSuffix(v, "+dirty"):
		return v + " (commit " + commit + ", modified)"
	}
	return v + " (commit " + commit + ")"
}
