package sinktest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/statsd-ops/statsd/metric"
)

func payload(r *Recorder, points ...Point) (b []byte) {
	for _, p := range points {
		b = r.AppendPoint(b, metric.Point{Path: []byte(p.Path), Value: p.Value, Time: p.Time})
	}
	return b
}

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRecorder()
		first := []Point{{"stats.a", 0.1, 10}, {"odd \"path\"\n", -math.MaxFloat64, -1}}
		second := []Point{{"stats.b", 5e-324, 20}}
		down := errors.New("down")

		r.Fail(down)
		if err := r.Send(t.Context(), payload(r, first...)); !errors.Is(err, down) {
			t.Errorf("error %v, want %v", err, down)
		}
		r.Hang()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if err := r.Send(ctx, payload(r, first...)); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want context.Canceled", err)
			}
			if err := r.Send(t.Context(), payload(r, first...)); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if got := r.Points(); len(got) != 0 {
			t.Errorf("a sink that fails or hangs has taken %v", got)
		}
		r.Recover()
		if got, err := r.Wait(t.Context(), 2); err != nil || !slices.Equal(got, first) {
			t.Errorf("Wait = %v, %v, want %v", got, err, first)
		}
		if err := r.Send(t.Context(), payload(r, second...)); err != nil {
			t.Error(err)
		}
		if got := r.Points(); !slices.Equal(got, slices.Concat(first, second)) {
			t.Errorf("points %v", got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if got := []int{r.Attempts(), r.Payloads(), r.Closed()}; !slices.Equal(got, []int{4, 2, 1}) {
			t.Errorf("attempts, payloads, closed = %v, want [4 2 1]", got)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Wait(ended, 4); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		if err := r.Send(t.Context(), []byte("rubbish\n")); err == nil {
			t.Error("rubbish was taken")
		}
	})
}
