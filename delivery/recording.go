package delivery

import (
	"context"
	"reflect"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/sink"
)

// recording passes the raw values of each name to a Recorder.
type recording struct {
	*life
	log    zerolog.Logger
	wanted Destination
	before sink.State // counts of earlier recordings with the same name
}

func (r *recording) open(_ *Config, before feed) error {
	if before, ok := before.(*recording); ok {
		r.before = before.counts()
	}
	return r.wanted.Recorder.Open()
}

func (r *recording) close() error { return r.wanted.Recorder.Close() }

func (r *recording) is(d *Destination) bool { return reflect.DeepEqual(d.Config, r.wanted.Config) }

// run runs the Recorder until the recording is removed or ctx ends.
func (r *recording) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.mu.Lock()
		defer r.mu.Unlock()
		for r.phase == serving {
			r.changed.Wait()
		}
		r.finish()
		cancel()
	}()
	if err := r.wanted.Recorder.Run(ctx); err != nil {
		r.log.Error().Err(err).Msg("the sink has stopped: restart the daemon")
	}
	r.end()
	<-stopped
}

// counts returns the Recorder's state. The counts in it include the counts of earlier recordings
// with the same name.
func (r *recording) counts() sink.State {
	st := r.wanted.Recorder.State()
	st.Made += r.before.Made
	st.Delivered += r.before.Delivered
	st.Dropped += r.before.Dropped
	return st
}

func (r *recording) state() State {
	st := r.counts()
	return State{Address: r.wanted.Address, Recorder: &st}
}
