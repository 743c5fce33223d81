package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

const childDir = "SPOOL_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childDir+"_FROM")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// child appends and delivers records without end, and prints a message after each step.
func child(dir, from string) error {
	s, err := Open(Config{Dir: dir, FsyncEvery: 5 * time.Millisecond})
	if err != nil {
		return err
	}
	s.cfg.MaxBytes = segmentsAtLeast << 20 // use small segments, and a spool that never gets full
	var i int
	if _, err := fmt.Sscan(from, &i); err != nil {
		return err
	}
	for ; ; i++ {
		if err := s.Append(record(i)); err != nil {
			return err
		}
		fmt.Println("appended")
		if i%3 == 0 {
			continue
		}
		if _, err := s.Next(); errors.Is(err, io.EOF) {
			continue
		} else if err != nil {
			return err
		}
		if err := s.Advance(); err != nil {
			return err
		}
		fmt.Println("delivered")
	}
}

// TestSoakKilledAtAnyMoment repeatedly kills a process that uses a spool. Every step that the
// process has reported must have taken effect: no record is lost or duplicated.
func TestSoakKilledAtAnyMoment(t *testing.T) {
	soak.Slow(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	appended, delivered := 0, 0 // the numbers of records that were reported; appended is also the number of the next record
	slowest := time.Duration(0)
	kills := soak.Pick(10, 200)
	for range kills {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("%s_FROM=%d", childDir, appended))
		var failure bytes.Buffer
		cmd.Stderr = &failure
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		if !said.Scan() { // the first line says that the process has started
			t.Fatalf("the child ended: %s", failure.String())
		}
		appended++
		time.AfterFunc(time.Duration(random.IntN(20_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for said.Scan() {
			switch said.Text() {
			case "appended":
				appended++
			case "delivered":
				delivered++
			}
		}
		_ = cmd.Wait()
		if failure.Len() > 0 {
			t.Fatal(failure.String())
		}

		start := time.Now()
		s := open(t, Config{Dir: dir})
		slowest = max(slowest, time.Since(start))
		st := s.Stats()
		got := take(t, s, (appended-delivered)/2+1)
		if len(got) > 0 {
			if got[0] != delivered && got[0] != delivered+1 {
				t.Fatalf("record %d comes first, but %d were delivered", got[0], delivered)
			}
			delivered = got[0] + len(got)
		}
		if end := delivered + s.Stats().Records; end != appended && end != appended+1 {
			t.Fatalf("the last record is %d, but %d were appended", end-1, appended)
		}
		appended = delivered + s.Stats().Records
		for i, n := range got {
			if n != got[0]+i {
				t.Fatalf("took %v", got)
			}
		}
		if st.Missing+st.Damaged+st.Lost != 0 {
			t.Fatalf("%+v", st)
		}
		crash(s)
	}
	soak.Row(t, fmt.Sprintf("spool's process killed at %d random moments", kills),
		fmt.Sprintf("none of %d records lost, none twice; slowest restart %v", appended, slowest.Round(time.Millisecond)), "0, 0; 2 s")
	if soak.On() && slowest > 2*time.Second {
		t.Errorf("a restart took %v", slowest)
	}
}
