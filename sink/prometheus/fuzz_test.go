package prometheus

import (
	"testing"
)

// FuzzPage checks that Prometheus can parse the page, for all received samples and all valid mappings.
func FuzzPage(f *testing.F) {
	f.Add("mappings:\n- {match: 'a.*', name: 'x_$1', labels: {le1: '$1'}}", "a.b:1|c\na.b:2|g\na:1|ms|#le:1,quantile:2,__name__:x")
	f.Add("defaults: {observer_type: histogram, histogram_options: {buckets: [-1, 0, 1]}}", "a:5|h|#le:9\na.bucket:1|c\na_sum:1|g\na:-3|h|@0.3")
	f.Add("mappings:\n- {match: '.*', match_type: regex, name: '$0', labels: {l1: \"$0\\0\\n\\\"\"}, help: \"a\\0\\nb\", scale: -1e300}", "é\"\\:1e300|c\né\"\\:1e300|c\nx\x00y:1|g")
	f.Add("mappings:\n- {match: 'a', name: b, observer_type: summary}\n- {match: 'b', name: b, observer_type: histogram}", "a:1|h\nb:1|h\nb_count:1|c\ns:x|s")
	f.Add("", "a;=x;y=;;z:1|c\n[a=b]:1|c\nstatsd_x:1|c\n-:1|c\n9:1|c")
	f.Fuzz(func(t *testing.T, mapping, received string) {
		if len(mapping) > 4096 || len(received) > 4096 {
			return
		}
		cfg := mapped(t, mapping)
		cfg.Own = true
		d, err := newDaemon(t, cfg)
		if err != nil {
			return
		}
		d.flush(received)
		d.flush(received)
		parse(t, d.page())
	})
}
