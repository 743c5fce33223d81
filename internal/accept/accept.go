// Package accept reads two headers of HTTP requests, Accept and Accept-Encoding (RFC 9110, section
// 12.5). The headers name the formats that a client accepts.
package accept

import (
	"mime"
	"strconv"
	"strings"
)

// Choice is one element of an Accept or Accept-Encoding header.
type Choice struct {
	name    string // such as text/plain or gzip, in lower case
	version string // "" means any version
	weight  float64
}

// Parse parses an Accept or Accept-Encoding header. It leaves out invalid elements.
func Parse(header []string) (all []Choice) {
	for text := range strings.SplitSeq(strings.Join(header, ","), ",") {
		name, parameters, err := mime.ParseMediaType(text)
		if err != nil {
			continue
		}
		c := Choice{name, parameters["version"], 1}
		if q, given := parameters["q"]; given {
			if c.weight, err = strconv.ParseFloat(q, 64); err != nil || !(c.weight >= 0 && c.weight <= 1) {
				continue
			}
		}
		all = append(all, c)
	}
	return all
}

// Weigh returns the weight of a media type, and whether one of the choices names it. If several
// choices match the media type, the most specific choice counts.
func Weigh(all []Choice, media, version string) (weight float64, named bool) {
	group, _, _ := strings.Cut(media, "/")
	const name, exact = 3, 4
	best := 0
	for _, c := range all {
		rank := 0
		switch {
		case c.name == media && c.version == version:
			rank = exact
		case c.name == media && c.version == "":
			rank = name
		case c.name == group+"/*":
			rank = 2
		case c.name == "*/*":
			rank = 1
		}
		if rank > best {
			best, weight = rank, c.weight
		}
	}
	return weight, best >= name
}

// Gzip reports whether an Accept-Encoding header accepts gzip.
func Gzip(accept []string) bool {
	for _, c := range Parse(accept) {
		if c.name == "gzip" {
			return c.weight > 0
		}
	}
	return false
}
