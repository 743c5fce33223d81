package listen

import (
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

// A temporary socket at PATH.new is not removed if another process reads from it.
func TestFreshPathInUse(t *testing.T) {
	t.Parallel()
	for _, scheme := range local {
		path := filepath.Join(t.TempDir(), "s")
		other := net.ListenConfig{}
		l, err := other.Listen(t.Context(), "unix", path+".new")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := Open(at(scheme, path), nil); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s: %v", scheme, err)
		}
		if !reaches(Unix, path+".new") {
			t.Errorf("%s: the other socket is gone", scheme)
		}
	}
}
