package httpstats

import "strings"

// PatternName turns a pattern of http.ServeMux into a name. It leaves out the
// method. Each part of host and path becomes a part of the name, a wildcard by its
// own name. Different patterns have different names, with two exceptions: a wildcard may be called like a literal in
// the same place, and literals may differ only in characters that names cannot have.
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
		case i == 0 && part == "": // no host
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

// plain keeps the characters that every server keeps in a part of a name.
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
