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

// freeBytes returns how many more bytes this process can write to the disk that contains the directory.
func freeBytes(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return product(disk.Bavail, disk.Bsize), nil
}

// product multiplies a by b. The types of a and b differ between operating systems.
func product[A, B int64 | uint64 | uint32 | int32](a A, b B) int64 { return int64(a) * int64(b) }
