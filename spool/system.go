package spool

import (
	"errors"

	"golang.org/x/sys/unix"
)

const errNotDir = unix.ENOTDIR

func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// isFull reports whether err says that there is no room on the disk.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// isExhausted reports whether err says that the process can open no more files.
func isExhausted(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) }
