package counterpart

import (
	"testing"

	"golang.org/x/sys/unix"
)

const smallDiskSize = "size=8m"

// SmallDisk returns a directory on a file system of its own, of 8 MiB, until the test
// ends. Only root can have one.
func SmallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, smallDiskSize); err != nil {
		Missing(t, "mounting a tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Remount changes the flags of a SmallDisk, such as unix.MS_RDONLY.
func Remount(t testing.TB, disk string, flags uintptr) {
	t.Helper()
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT|flags, smallDiskSize); err != nil {
		t.Fatal(err)
	}
}
