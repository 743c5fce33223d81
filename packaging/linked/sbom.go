package main

import (
	"encoding/json"
	"os"
)

// These are the types of CycloneDX 1.5 that the SBOM uses.
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Ref      string    `json:"bom-ref"`
		Type     string    `json:"type"`
		Name     string    `json:"name"`
		Version  string    `json:"version"`
		Hashes   []hash    `json:"hashes,omitempty"`
		Licences []licence `json:"licenses"`
		PURL     string    `json:"purl"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	licence struct {
		Licence struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

func newComponent(kind string, m module) component {
	purl := "pkg:" + m.registry + "/" + m.path + "@" + m.version
	c := component{Ref: purl, Type: kind, Name: m.path, Version: m.version, PURL: purl, Licences: make([]licence, 1)}
	c.Licences[0].Licence.ID = m.licence
	return c
}

// writeSBOM writes an SBOM with the modules and their licences.
func writeSBOM(o options, modules []module) error {
	own := module{registry: "golang", path: "github.com/statsd-ops/statsd", version: o.version, licence: "Apache-2.0"}
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1}
	b.Metadata = metadata{Timestamp: o.date, Component: newComponent("application", own)}
	needs := dependency{Ref: b.Metadata.Component.Ref}
	for _, m := range modules {
		c := newComponent("library", m)
		if m.hash != "" {
			c.Hashes = []hash{{"SHA-256", m.hash}}
		}
		b.Components = append(b.Components, c)
		needs.DependsOn = append(needs.DependsOn, c.Ref)
	}
	b.Dependencies = []dependency{needs}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.sbom, append(text, '\n'), 0o644)
}
