package question

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
)

func TestCheck(t *testing.T) {
	parameters := []Parameter{
		{Name: "match", Default: "*"},
		{Name: "limit", Kind: Int, Default: 50, Min: 1, Max: 1000},
		{Name: "bad", Kind: Bool, Default: false},
		{Name: "by", Choices: []string{"name", "kind"}, Default: "name"},
	}
	args, err := Check(parameters, map[string]any{"limit": "7", "bad": "true"})
	if err != nil || args.Int("limit") != 7 || !args.Bool("bad") || args.Text("match") != "*" || args.Text("by") != "name" {
		t.Errorf("got %v, %v", args, err)
	}
	for name, v := range map[string]any{
		"limit": "0", "bad": "perhaps", "by": "sender", "speed": 1, "match": 5,
	} {
		var e *Error
		if _, err := Check(parameters, map[string]any{name: v}); !errors.As(err, &e) || e.Code != BadParameter || e.Parameter != name {
			t.Errorf("%s=%v: got %v, want bad_parameter", name, v, err)
		}
	}
	if _, err := Check([]Parameter{{Name: "text", Required: true}}, nil); err == nil {
		t.Error("a required parameter may be missing")
	}
}

func TestNumber(t *testing.T) {
	text, err := json.Marshal([]Number{1.5, Number(math.NaN()), 3e9})
	if err != nil || string(text) != "[1.5,null,3000000000]" {
		t.Fatalf("got %s, %v", text, err)
	}
	var back []Number
	if err := json.Unmarshal(text, &back); err != nil || back[0] != 1.5 || !math.IsNaN(float64(back[1])) {
		t.Errorf("read back %v, %v", back, err)
	}
}
