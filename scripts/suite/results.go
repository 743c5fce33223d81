package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// result is the result of one run of the tests. In the results file it is one line:
//
//	2026-11-29T10:50:00Z 41b86fd1c0de quiet 371s passed
//	2026-11-29T11:02:00Z 41b86fd1c0de busy 803s failed: server TestPipes; meta TestAttack
type result struct {
	at         time.Time
	commit     string
	conditions string
	took       time.Duration
	failed     []string
}

func (r result) String() string {
	outcome := "passed"
	if len(r.failed) > 0 {
		outcome = "failed: " + strings.Join(r.failed, "; ")
	}
	return fmt.Sprintf("%s %s %s %.0fs %s", r.at.UTC().Format(time.RFC3339), r.commit, r.conditions, r.took.Seconds(), outcome)
}

// parseResult parses a line of the results file.
func parseResult(text string) (r result, err error) {
	fields := strings.SplitN(text, " ", 5)
	if len(fields) < 5 {
		return r, fmt.Errorf("no result: %q", text)
	}
	r.commit, r.conditions = fields[1], fields[2]
	if r.at, err = time.Parse(time.RFC3339, fields[0]); err != nil {
		return r, err
	}
	if r.took, err = time.ParseDuration(fields[3]); err != nil {
		return r, err
	}
	if names, failed := strings.CutPrefix(fields[4], "failed: "); failed {
		r.failed = strings.Split(names, "; ")
	}
	return r, nil
}

// keep appends a result to the results file.
func keep(path string, r result) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, r)
	return errors.Join(err, file.Close())
}

// kept reads the results file. If the file does not exist, there are no results.
func kept(path string) (all []result, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	for in.Scan() {
		r, err := parseResult(in.Text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, r)
	}
	return all, in.Err()
}

// commit returns the checked-out commit. The result ends with + if files were changed since the
// commit.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changed := ""
	if exec.Command("git", "diff", "--quiet", "HEAD").Run() != nil {
		changed = "+"
	}
	return strings.TrimSpace(string(head)) + changed
}

// addUp prints how many runs passed under each condition, and how often each test failed.
func addUp(results []result, out io.Writer) {
	runs, passed, failed := map[string]int{}, map[string]int{}, map[string]map[string]int{}
	commits := map[string]bool{}
	for _, r := range results {
		runs[r.conditions]++
		commits[r.commit] = true
		if len(r.failed) == 0 {
			passed[r.conditions]++
		}
		for _, name := range r.failed {
			if failed[r.conditions] == nil {
				failed[r.conditions] = map[string]int{}
			}
			failed[r.conditions][name]++
		}
	}
	for _, conditions := range slices.Backward(slices.Sorted(maps.Keys(runs))) { // "quiet" comes before "busy"
		fmt.Fprintf(out, "%s: %d of %d runs passed\n", conditions, passed[conditions], runs[conditions])
		of := failed[conditions]
		for _, name := range slices.SortedFunc(maps.Keys(of), func(a, b string) int {
			return cmp.Or(of[b]-of[a], strings.Compare(a, b))
		}) {
			fmt.Fprintf(out, "    %d of %d: %s\n", of[name], runs[conditions], name)
		}
	}
	if len(commits) > 1 {
		fmt.Fprintf(out, "commits: %s\n", strings.Join(slices.Sorted(maps.Keys(commits)), " "))
	}
}
