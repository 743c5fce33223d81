package main

import (
	"io"
	"os"
	"os/exec"
)

// burnCommand makes this program occupy a core.
const burnCommand = "burn"

// burn uses a whole core until standard input ends, which also happens when the suite ends.
func burn() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for i := uint64(1); ; i++ {
		if i == 0 {
			return
		}
	}
}

// startBurners starts n burners.
func startBurners(n int) (stop func(), err error) {
	var burners []*exec.Cmd
	stop = func() {
		for _, b := range burners {
			_ = b.Process.Kill()
			_ = b.Wait()
		}
	}
	self, err := os.Executable()
	if err != nil {
		return stop, err
	}
	for range n {
		b := exec.Command(self, burnCommand)
		if _, err = b.StdinPipe(); err == nil {
			err = b.Start()
		}
		if err != nil {
			stop()
			return stop, err
		}
		burners = append(burners, b)
	}
	return stop, nil
}
