//go:build unix

package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const errNotDir = unix.ENOTDIR

// flock locks file for as long as it is open.
func flock(file *os.File) error {
	for {
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != unix.EINTR {
			return err
		}
	}
}

func isLocked(err error) bool   { return errors.Is(err, unix.EWOULDBLOCK) }
func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// isFull reports whether err says that there is no room on the disk.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// isExhausted reports whether err says that the process can open no more files.
func isExhausted(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) }
