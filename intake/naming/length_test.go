package naming

import (
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// The length limit applies to the name as sent, even if the clean name is shorter.
func TestLengthAsSent(t *testing.T) {
	t.Parallel()
	long := "a" + strings.Repeat("%", 99)
	for tags := range metric.Tags(4) {
		for _, sent := range []string{long, long + ":k:v", long + ";k=v"} {
			tagger := wire.NewTagger(tags, metric.DefaultTagStyles, metric.Reference)
			var to aggregate.Resolved
			NewResolver(Config{Tags: tags}, tagger, nil).Resolve(metric.Counter, []byte(sent), &to)
			if to.Length < 100 || to.Reason != metric.None {
				t.Errorf("%v, %.5s%s: %d bytes, %v", tags, sent, sent[100:], to.Length, to.Reason)
			}
		}
	}
}
