package counterpart

import (
	"syscall"
	"testing"
)

const smallDiskSize = "size=8m"

// SmallDisk returns a directory on its own file system of 8 MiB. The file system is removed when the test ends.
// SmallDisk needs root. It uses package syscall, not golang.org/x/sys: the tests of package client use this package, so
// x/sys would add a line to the go.sum of every module that imports package client.
func SmallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, smallDiskSize); err != nil {
		Missing(t, "mounting a tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Remount changes the mount flags of a SmallDisk, for example to syscall.MS_RDONLY.
func Remount(t testing.TB, disk string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT|flags, smallDiskSize); err != nil {
		t.Fatal(err)
	}
}
