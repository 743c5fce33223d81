package descriptors

import (
	"syscall"
	"testing"
)

func TestShare(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }()
	for _, test := range []struct {
		limit  uint64
		wanted int
		want   int
	}{{64, 32, 4}, {64, 3, 3}, {256, 32, 16}, {512, 256, 32}, {20, 32, 2}} {
		if test.limit > before.Max {
			t.Skipf("the hard limit is %d", before.Max)
		}
		limit := before
		limit.Cur = test.limit
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if got := Share(test.wanted); got != test.want {
			t.Errorf("limit %d: a share of %d is %d, want %d", test.limit, test.wanted, got, test.want)
		}
	}
}
