package metric

import "testing"

func TestTakes(t *testing.T) {
	t.Parallel()
	for series, want := range map[string]struct{ graphite, labels bool }{
		"a":              {true, true},
		"a;k=v":          {true, true},
		"a;k=v;l==~":     {true, true},
		"a;k=v w":        {false, true},
		"a;k=\u00fc":     {false, true},
		`a;k="v"`:        {false, true},
		"a;":             {false, false},
		"a;k":            {false, false},
		"a;k=":           {false, false},
		"a;=v":           {false, false},
		"a;k=v;":         {false, false},
		"a;k=v\nb 1 2":   {false, false},
		"a;k=v\x00":      {false, false},
		"a;k=\xff":       {false, false},
		"a;k\r=v;k2=v2":  {false, false},
		"a;k=v;k2=v\x7f": {false, false},
	} {
		if got := GraphiteTags.Takes([]byte(series)); got != want.graphite {
			t.Errorf("graphite takes %q: %v", series, got)
		}
		if got := LabelTags.Takes([]byte(series)); got != want.labels {
			t.Errorf("labels takes %q: %v", series, got)
		}
	}
}
