package aggregate

import (
	"fmt"
	"hash/maphash"
	"testing"
)

// Reference hashes of the byte sequences 00 01 02... with lengths 0 to 17. The key is 00 01 ... 0f.
var sipVectors = []uint64{
	0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
	0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
	0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
	0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
	0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c,
}

func TestSipHash(t *testing.T) {
	t.Parallel()
	var key [16]byte
	var text []byte
	for i := range key {
		key[i] = byte(i)
	}
	k := newMemberKey(key)
	for i, want := range sipVectors {
		if got := k.hash(text); got != want {
			t.Errorf("%d bytes: %#x, want %#x", i, got, want)
		}
		text = append(text, byte(i))
	}
	if a, b := newMemberKey([16]byte{}), newMemberKey([16]byte{}); a == b {
		t.Error("two tables without a key have the same one")
	}
}

// All set members of one flush interval are hashed with the same key, even if NextMemberKey is called during the
// interval.
func TestNextMemberKey(t *testing.T) {
	t.Parallel()
	table := testTable(2)
	add := func() {
		for i := range 2 {
			table.Shard(i).addText("u s a")
		}
	}
	table.SetMemberKey([16]byte{1})
	add()
	table.NextMemberKey([16]byte{2})
	add()
	for _, key := range []byte{1, 2} {
		k, rows := newMemberKey([16]byte{key}), 0
		iv := table.Drain(nil)
		iv.Rows(func(r *Row) {
			if rows++; len(r.Members) != 1 || r.Members[0] != k.member([]byte("a")) {
				t.Errorf("the members of the interval of key %d are %x", key, r.Members)
			}
		})
		if rows != 1 {
			t.Errorf("%d rows", rows)
		}
		iv.Summarize(Etsy.Layout(), 1)
		add()
	}
}

// BenchmarkHashMember compares the hash function for members with the hash function of the standard
// library.
func BenchmarkHashMember(b *testing.B) {
	key, seed := newMemberKey([16]byte{1}), maphash.MakeSeed()
	for _, n := range []int{8, 15, 36} {
		member := make([]byte, n)
		b.Run(fmt.Sprintf("siphash/bytes=%d", n), func(b *testing.B) {
			for b.Loop() {
				key.member(member)
			}
		})
		b.Run(fmt.Sprintf("maphash/bytes=%d", n), func(b *testing.B) {
			for b.Loop() {
				maphash.Bytes(seed, member)
			}
		})
	}
}
