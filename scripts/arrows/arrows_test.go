package main

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOrder counts the arrows that point up. The functions order and exact must leave as few of these arrows as
// possible. The function improved, which order calls for more than maxExact nodes, may leave up to two arrows more.
func TestOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		g := randomGraph(random, 6)
		all := []int{0, 1, 2, 3, 4, 5}
		want := len(g.why)
		permute(all, 0, func(order []int) { want = min(want, len(g.up(order))) })
		if got := len(g.up(g.order())); got != want {
			t.Fatalf("%v: order leaves %d arrows up, want %d", g.why, got, want)
		}
		if got := len(g.up(g.exact(all))); got != want {
			t.Fatalf("%v: exact leaves %d arrows up, want %d", g.why, got, want)
		}
		if got := len(g.up(g.improved(all))); got > want+2 {
			t.Fatalf("%v: improved leaves %d arrows up, want at most 2 more than %d", g.why, got, want)
		}
	}
}

func TestComponents(t *testing.T) {
	var g graph
	g.names = []string{"bottom", "a", "b", "top"}
	for _, a := range []arrow{{3, 1}, {1, 2}, {2, 1}, {2, 0}, {0, 0}} {
		g.add(a, "")
	}
	got := g.components()
	if len(got) != 3 || !slices.Equal(got[0], []int{3}) || !slices.Equal(got[1], []int{1, 2}) || !slices.Equal(got[2], []int{0}) {
		t.Errorf("components %v, want [3] [1 2] [0]", got)
	}
	if g.count() != 4 {
		t.Errorf("%d arrows, want 4: a node has no arrow to itself", g.count())
	}
}

func randomGraph(random *rand.Rand, nodes int) *graph {
	var g graph
	for i := range nodes {
		g.names = append(g.names, strconv.Itoa(i))
	}
	for range 2 * nodes {
		g.add(arrow{random.IntN(nodes), random.IntN(nodes)}, "")
	}
	return &g
}

func permute(order []int, from int, visit func([]int)) {
	if from == len(order) {
		visit(order)
	}
	for i := from; i < len(order); i++ {
		order[from], order[i] = order[i], order[from]
		permute(order, from+1, visit)
		order[from], order[i] = order[i], order[from]
	}
}

// References to methods and fields are counted. Test files are ignored. Files for other operating
// systems count as files, but their references are not counted.
func TestMeasure(t *testing.T) {
	rooms, err := measure([]string{"testdata/room"})
	if err != nil {
		t.Fatal(err)
	}
	r := rooms[0]
	if r.files != 3 || r.graph.count() != 2 || len(r.up) != 1 {
		t.Errorf("%d files, %d arrows, %d up; want 3, 2, 1", r.files, r.graph.count(), len(r.up))
	}
	if r.function.String() != "4 (High)" || r.file.String() != "8 (high.go)" {
		t.Errorf("longest function %s, longest file %s", r.function, r.file)
	}
	var why []string
	for _, names := range r.graph.why {
		why = append(why, strings.Join(names, " "))
	}
	slices.Sort(why)
	if !slices.Equal(why, []string{"High", "depth low n"}) {
		t.Errorf("arrows refer to %q", why)
	}
}

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out, []string{"testdata/room"}, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"testdata/room  3      2       1", "up: ", "-> ", "cycles"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := run(&out, []string{"testdata/missing"}, false); err == nil || !strings.Contains(err.Error(), "testdata/missing") {
		t.Errorf("error %v, want one that names the directory", err)
	}
}
