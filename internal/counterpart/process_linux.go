package counterpart

import (
	"os/exec"
	"syscall"
)

// endWithTest makes the kernel kill the program when the test process ends, also when the test is killed.
// Otherwise the program would keep running, and talk to ports that later tests use.
func endWithTest(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
