package spool

import (
	"errors"

	"golang.org/x/sys/unix"
)

const errNotDir = unix.ENOTDIR

func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// isFull reports whether the disk is full.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// isExhausted reports whether the process cannot open more files.
func isExhausted(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) }
