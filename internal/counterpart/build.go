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

// Programs is the variable with the directory of the commands of this tree, built before the tests.
const Programs = "STATSD_TEST_PROGRAMS"

// Build puts commands of this tree, such as statsd, into a directory, which it makes. They are built without the race
// detector. make test has built them once; go test builds them here.
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
	build.Dir = tree() // the test may be in a nested module
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// copyProgram copies a program. No process may start meanwhile. A new process would hold the copy open for writing
// until its exec, and the system does not run such a program ("text file busy").
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

// tree returns the top directory of this source tree.
func tree() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
