package aggregate

// Memory says how much memory a table takes, in bytes.
type Memory struct {
	Names   int // records of names, aliases, and the hash tables that find them
	Samples int // samples of timers, members of sets, adjustments of gauges; not the sketches of timers
}

// Memory returns the memory of the table. Only the flushing goroutine may call it.
func (t *Table) Memory() (m Memory) {
	for _, s := range t.shards {
		s.mutex.Lock()
		m.Names += s.names.bytes()
		if s.retiring != nil {
			m.Names += s.retiring.bytes()
		}
		for _, a := range s.aliases {
			if a != nil {
				m.Names += a.bytes()
			}
		}
		m.Samples += s.blocks[0].bytes() + s.blocks[1].bytes() + len(s.spare.pages)*blockPageWords*8
		s.mutex.Unlock()
	}
	return m
}

func (b *blocks) bytes() int {
	words := len(b.pages) * blockPageWords
	for _, l := range b.large {
		words += cap(l)
	}
	return words * 8
}
