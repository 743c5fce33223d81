package metric

// NameForm is the form in which names are stored.
type NameForm struct {
	Dialect Dialect
	Tagged  bool // whether tags follow the name after a semicolon; these tags are already clean
	AsSent  bool // whether names are stored as sent, without cleaning; see AppendSent
}

// Append appends a name to dst in this form. It returns EmptyName or BadName if the name cannot be
// stored.
func (f NameForm) Append(dst, raw []byte) ([]byte, Reason) {
	name, tags, valid := raw, []byte(nil), true
	if f.Tagged {
		name, tags = CutTags(raw)
	}
	start := len(dst)
	if f.AsSent {
		dst, valid = AppendSent(dst, name)
	} else {
		dst = f.Dialect.AppendClean(dst, name)
	}
	switch {
	case !valid:
		return dst, BadName
	case len(dst) == start:
		return dst, EmptyName
	}
	return append(dst, tags...), None
}

// Keeps reports whether Append accepts a name and does not change it.
func (f NameForm) Keeps(name []byte) bool {
	if f.Tagged {
		name, _ = CutTags(name)
	}
	switch {
	case len(name) == 0:
		return false
	case f.AsSent:
		return IsSent(name)
	}
	return IsClean(name) || f.Dialect == Etsy && isCleanEtsy(name)
}
