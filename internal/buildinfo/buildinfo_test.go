package buildinfo

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	const commit = "5216d38c1f0e9d0a3b7d6a7f3c1c5e0a9b8d7c6f"
	for _, tt := range []struct {
		version, commit, modified, want string
	}{
		{"v0.1.0", "", "", "v0.1.0"}, // built with go install MODULE@v0.1.0
		{"v0.1.0", commit, "false", "v0.1.0 (commit 5216d38c1f0e)"},
		{"v0.1.1-0.20261129040000-5216d38c1f0e+dirty", commit, "true", "v0.1.1-0.20261129040000-5216d38c1f0e+dirty (commit 5216d38c1f0e)"},
		{"(devel)", commit, "true", "unknown (commit 5216d38c1f0e, modified)"},
		{"(devel)", "", "", "unknown"}, // built with go run, or from a copy without git
		{"", "", "", "unknown"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: tt.version}}
		if tt.commit != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: tt.commit}, {Key: "vcs.modified", Value: tt.modified}}
		}
		if got := version(info); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt, got, tt.want)
		}
	}
}
