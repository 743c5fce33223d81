package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/meta/api/apitest"
)

// TestOpenAPI compares the OpenAPI description with the answers of every path.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := start(t)
	d := apitest.Parse(t, s.get(t, "openapi.json").text)
	if d.At()["openapi"] != "3.1.0" || d.At("components", "securitySchemes", "token")["scheme"] != "bearer" {
		t.Errorf("%v", d.At())
	}
	queries := map[string]string{"explain": "?text=a", "tail": "?seconds=0"}
	bodies := map[string]string{"names/mute": `{"match":"a"}`}
	for name, p := range s.api.paths {
		method, body := "GET", ""
		if p.change != nil {
			method, body = "POST", bodies[name]
			if body == "" {
				body = "{}"
			}
		}
		if name == "live" || name == "openapi.json" {
			if d.At("paths", Root+name, "get") == nil {
				t.Errorf("%s is not described", name)
			}
			continue
		}
		for _, query := range []string{queries[name], "?nonsense=1"} {
			got := s.request(t, method, "/api/v1/"+name+query, body, operating, asJSON, "Accept: application/json")
			for _, fault := range d.Check(method, Root+name, got.code, got.text) {
				t.Errorf("%s in %s", fault, got.text)
			}
		}
	}
	for _, tt := range []struct{ path, method, want string }{
		{"values", "get", `{"description":"most","in":"query","name":"limit","required":false,"schema":{"default":50,"maximum":1000,"minimum":1,"type":"integer"}}`},
		{"values", "get", `"enum":["name","value"]`},
		{"explain", "get", `"name":"text","required":true,"schema":{"maxLength":1024,"minLength":1,"type":"string"}`},
		{"names/mute", "post", `"additionalProperties":false`},
		{"names/mute", "post", `"security":[{"token":[]}]`},
		{"names/mute", "post", `"required":["match"]`},
		{"tail", "get", `"text/event-stream":`},
		{"health", "get", `"$ref":"#/components/schemas/Health"`},
	} {
		text, err := json.Marshal(d.At("paths", Root+tt.path, tt.method))
		if err != nil || !strings.Contains(string(text), tt.want) {
			t.Errorf("%s lacks %s: %s", tt.path, tt.want, text)
		}
	}
}
