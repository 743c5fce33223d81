package prometheus

// identity returns the labels, but leaves out each label with an empty value. In Prometheus, an empty label is the
// same as a missing label.
func identity(labels []byte) []byte {
	const empty = `=""`
	for i := 0; i+len(empty) <= len(labels); i++ {
		if string(labels[i:i+len(empty)]) == empty {
			return withoutEmpty(labels)
		}
	}
	return labels
}

func withoutEmpty(labels []byte) (rest []byte) {
	for len(labels) > 0 {
		end, quoted := 0, false
		for ; end < len(labels) && (quoted || labels[end] != ','); end++ {
			switch {
			case labels[end] == '\\':
				end++
			case labels[end] == '"':
				quoted = !quoted
			}
		}
		one := labels[:end]
		labels = labels[min(end+1, len(labels)):]
		if n := len(one); n >= 3 && string(one[n-3:]) == `=""` {
			continue
		}
		if len(rest) > 0 {
			rest = append(rest, ',')
		}
		rest = append(rest, one...)
	}
	return rest
}
