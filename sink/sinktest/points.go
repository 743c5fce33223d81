package sinktest

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Points returns the points that were received on a connection. A line that is not in Graphite's format fails the
// test.
func (c Connection) Points(t testing.TB) []Point {
	t.Helper()
	points := make([]Point, 0, len(c.Lines))
	for _, line := range c.Lines {
		path, rest, _ := strings.Cut(line, " ")
		p, err := parsePoint(path, rest)
		if err != nil {
			t.Errorf("published %q: %v", line, err)
		}
		points = append(points, p)
	}
	return points
}

// Points returns the points of all complete connections, in order. Points on broken connections are left out,
// because the sender sends them again.
func (s *Server) Points() (points []Point) {
	s.t.Helper()
	for _, c := range s.Connections() {
		if c.Whole {
			points = append(points, c.Points(s.t)...)
		}
	}
	return points
}

// PointsOf returns the points with the given path.
func (s *Server) PointsOf(path string) []Point {
	s.t.Helper()
	return slices.DeleteFunc(s.Points(), func(p Point) bool { return p.Path != path })
}

// WaitOf waits until the given path has at least n points, and returns these points. If the wait
// takes longer than the parameter patience, WaitOf fails the test.
func (s *Server) WaitOf(path string, n int, patience time.Duration) []Point {
	s.t.Helper()
	s.await(patience, func() bool { return len(s.PointsOf(path)) >= n })
	points := s.PointsOf(path)
	if len(points) < n {
		s.t.Fatalf("%d points of %s, want %d", len(points), path, n)
	}
	return points
}

// parsePoint parses "value time", which is the text after a path.
func parsePoint(path, rest string) (Point, error) {
	value, at, _ := strings.Cut(rest, " ")
	v, valueErr := strconv.ParseFloat(value, 64)
	t, timeErr := strconv.ParseInt(at, 10, 64)
	return Point{path, v, t}, errors.Join(valueErr, timeErr)
}
