package httpstats

import "strings"

// PatternName turns a pattern of http.ServeMux into a name: the method is left
// out, each part of host and path becomes a part of the name, and a wildcard is
// called by its own name.
//
//	GET /users/{id}/posts   users.id.posts
//	/files/{path...}        files.path
//	/static/                static
//	example.com/            example_com
//	/ and /{$}              root
func PatternName(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = strings.TrimLeft(path, " \t")
	}
	var parts []string
	for part := range strings.SplitSeq(pattern, "/") {
		part = strings.TrimSuffix(strings.Trim(part, "{}"), "...")
		if part != "" && part != "$" {
			parts = append(parts, plain(part))
		}
	}
	if len(parts) == 0 {
		return "root"
	}
	return strings.Join(parts, ".")
}

// plain keeps a part of a name to what every server keeps of it.
func plain(part string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-':
			return r
		default:
			return '_'
		}
	}, part)
}
