package ports

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// reserveEnv is the name of an environment variable. If it is set, the test program reserves ports,
// prints the first port, and waits.
const reserveEnv = "STATSD_PORTS_TEST_RESERVE"

func TestMain(m *testing.M) {
	if os.Getenv(reserveEnv) == "" {
		os.Exit(m.Run())
	}
	first, _, err := Reserve()
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(first)
	_, _ = os.Stdin.Read(make([]byte, 1)) // Read returns when the test closes the pipe
}

func TestReserve(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		first, release, err := Reserve()
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if seen[first] {
			t.Fatalf("port %d was given twice", first)
		}
		seen[first] = true
		if first < low || first+Count > high {
			t.Errorf("port %d is outside the range", first)
		}
		if !free(first) {
			t.Errorf("the ports from %d on are not free", first)
		}
	}
}

// TestOtherProcess checks that a reservation is respected by other processes, and ends when its
// process exits.
func TestOtherProcess(t *testing.T) {
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), reserveEnv+"=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	var first int
	if _, err := fmt.Fscan(out, &first); err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("tcp", address(first-1)); err == nil {
		_ = l.Close()
		t.Errorf("port %d, the lock, is free", first-1)
	} else if !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
	_ = in.Close()
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address(first-1))
	if err != nil {
		t.Fatalf("the reservation outlived its process: %v", err)
	}
	_ = l.Close()
}
