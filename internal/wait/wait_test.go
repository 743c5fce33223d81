package wait

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a fake test that records whether it failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()             {}
func (f *failing) Logf(string, ...any) {}
func (f *failing) Fatalf(string, ...any) {
	f.failed = true
	panic(f)
}

// fails reports whether a function fails its test, and how long the function takes.
func fails(t *testing.T, what func(testing.TB)) (failed bool, took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		f := &failing{TB: t}
		defer func() {
			if reason := recover(); reason != nil && reason != f {
				panic(reason)
			}
			failed, took = f.failed, time.Since(begun)
		}()
		what(f)
	})
	return failed, took
}

func TestUntil(t *testing.T) {
	looks := 0
	if failed, _ := fails(t, func(t testing.TB) { Until(t, "x", func() bool { looks++; return looks == 3 }) }); failed || looks != 3 {
		t.Errorf("failed %v after %d looks", failed, looks)
	}
	if failed, took := fails(t, func(t testing.TB) { Until(t, "x", func() bool { return false }) }); !failed || took < Patience {
		t.Errorf("failed %v after %v", failed, took)
	}
}

func TestLonger(t *testing.T) {
	var limits []time.Duration
	enough := func(limit time.Duration) error {
		limits = append(limits, limit)
		if limit < 4*time.Second {
			return errors.New("too short")
		}
		return nil
	}
	if failed, _ := fails(t, func(t testing.TB) { Longer(t, time.Second, enough) }); failed || len(limits) != 3 {
		t.Errorf("failed %v after %v", failed, limits)
	}
	never := func(time.Duration) error { return errors.New("never") }
	if failed, _ := fails(t, func(t testing.TB) { Longer(t, time.Second, never) }); !failed {
		t.Error("does not fail")
	}
}
