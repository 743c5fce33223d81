package counterpart

import (
	"os/exec"
	"syscall"
)

// endWithTest makes the kernel kill the program when the test process ends, even if the test
// process was killed. A program that keeps running would send data to ports that later tests use.
func endWithTest(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
