package prometheus

// texts stores many short texts in a few large blocks of memory, which are called pages. So the garbage collector has
// little work. A stored text never changes, so a copy of the field pages is a consistent snapshot of all texts.
type texts struct {
	pages [][]byte
	// wasted is the number of bytes of texts that are no longer needed.
	used, wasted int
}

const textPage = 64 << 10

// text is the position of a text in the pages.
type text struct {
	page   uint32
	at, of uint16
}

// put stores a copy of a text of less than 64 KiB.
func (t *texts) put(b []byte) text {
	if last := len(t.pages) - 1; last < 0 || len(t.pages[last])+len(b) > textPage {
		t.pages = append(t.pages, make([]byte, 0, textPage))
	}
	last := len(t.pages) - 1
	at := len(t.pages[last])
	t.pages[last] = append(t.pages[last], b...)
	t.used += len(b)
	return text{uint32(last), uint16(at), uint16(len(b))}
}

func (t *texts) get(p text) []byte { return textOf(t.pages, p) }

func textOf(pages [][]byte, p text) []byte {
	if p.of == 0 {
		return nil
	}
	return pages[p.page][p.at : int(p.at)+int(p.of)]
}

// drop counts the bytes of a text that is no longer needed.
func (t *texts) drop(p text) { t.wasted += int(p.of) }
