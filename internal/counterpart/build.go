package counterpart

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// Programs is the name of an environment variable. Its value is a directory with the commands of
// this repository, built before the tests.
const Programs = "STATSD_TEST_PROGRAMS"

// Build creates dir and puts commands of this repository, such as statsd, into it. The commands are
// built without the race detector. "make test" builds them once before the tests and Build copies
// them; with plain "go test", Build compiles them.
func Build(dir string, names ...string) error {
	if built := os.Getenv(Programs); built != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, name := range names {
			if err := copyProgram(filepath.Join(dir, name), filepath.Join(built, name)); err != nil {
				return err
			}
		}
		return nil
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "./cmd/"+name)
	}
	build := exec.Command("go", args...)
	build.Dir = tree() // the test may be in a nested module, so build from the top directory
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// copyProgram copies a program. During the copy, this process must not start other processes. A new
// process has the copy open for writing until it calls exec. The kernel refuses to execute a file
// that is open for writing ("text file busy").
func copyProgram(to, from string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// tree returns the top directory of this repository.
func tree() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
