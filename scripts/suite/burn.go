package main

import (
	"io"
	"os"
	"os/exec"
)

// burnCommand is the argument with which this program keeps a CPU core busy.
const burnCommand = "burn"

// burn keeps a CPU core busy until its standard input is closed. This happens when the suite ends,
// even if the suite is killed.
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

// startBurners starts n processes that each keep a CPU core busy.
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
