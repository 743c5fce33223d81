package httpstats

import "strings"

// PatternName converts a pattern of http.ServeMux to a name. It leaves out the method. Each part of the host and the
// path is converted to a part of the name. A wildcard such as {id} becomes the part id. Different patterns have
// different names, with two exceptions: a wildcard and a literal at the same position may have the same text, and two
// literals may differ only in characters that are not allowed in names.
//
//	GET /users/{id}/posts   users.id.posts
//	/users                  users
//	/users/                 users._all
//	/users/{$}              users._index
//	/files/{path...}        files.path._all
//	example.com/            example_com._all
//	/                       root
//	/{$}                    root._index
func PatternName(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = strings.TrimLeft(path, " \t")
	}
	if pattern == "/" {
		return "root"
	}
	var name strings.Builder
	for i, part := range strings.Split(pattern, "/") {
		switch {
		case i == 0 && part == "": // the pattern has no host
			continue
		case part == "":
			part = "_all"
		case part == "{$}":
			if name.Len() == 0 {
				name.WriteString("root")
			}
			part = "_index"
		case strings.HasSuffix(part, "...}"):
			part = plain(part[1:len(part)-len("...}")]) + "._all"
		case part[0] == '{':
			part = plain(strings.Trim(part, "{}"))
		default:
			part = plain(part)
		}
		if name.Len() > 0 {
			name.WriteByte('.')
		}
		name.WriteString(part)
	}
	return name.String()
}

// plain keeps the characters that every server accepts in a part of a name.
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
