package main

import (
	"cmp"
	"math/bits"
	"slices"
)

// arrow is a reference from one node of a graph to another.
type arrow struct{ from, to int }

// graph is a graph whose nodes are files or packages.
type graph struct {
	names []string
	why   map[arrow][]string // for each arrow, the names that its source uses from its target, such as names of functions and types
}

func (g *graph) count() int { return len(g.why) }

// add adds a reference: the arrow a, and the name that its source uses from its target. The
// parameter to is this name. add ignores references of a node to itself.
func (g *graph) add(a arrow, to string) {
	if a.from == a.to {
		return
	}
	if g.why == nil {
		g.why = map[arrow][]string{}
	}
	if !slices.Contains(g.why[a], to) {
		g.why[a] = append(g.why[a], to)
	}
}

// reach returns, for each node, which nodes can be reached from it, including the node itself.
func (g *graph) reach() [][]bool {
	reach := make([][]bool, len(g.names))
	for i := range reach {
		reach[i] = make([]bool, len(g.names))
		reach[i][i] = true
	}
	for a := range g.why {
		reach[a.from][a.to] = true
	}
	for via := range reach {
		for from := range reach {
			for to := range reach {
				reach[from][to] = reach[from][to] || reach[from][via] && reach[via][to]
			}
		}
	}
	return reach
}

// components returns the strongly connected components in top-down order: no arrow points from a
// component to an earlier one.
func (g *graph) components() [][]int {
	reach := g.reach()
	var all [][]int
	for i := range reach {
		known := slices.IndexFunc(all, func(c []int) bool { return reach[i][c[0]] && reach[c[0]][i] })
		if known < 0 {
			all = append(all, []int{i})
		} else {
			all[known] = append(all[known], i)
		}
	}
	// A component reaches more nodes than each component that it refers to. So an order by the number of reached nodes,
	// with the largest number first, is top-down.
	size := func(c []int) (n int) {
		for _, reached := range reach[c[0]] {
			if reached {
				n++
			}
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b []int) int { return cmp.Compare(size(b), size(a)) })
	return all
}

// order returns the nodes in a top-down order with as few arrows pointing up as possible.
func (g *graph) order() []int {
	var all []int
	for _, c := range g.components() {
		if len(c) <= maxExact {
			c = g.exact(c)
		} else {
			c = g.improved(c)
		}
		all = append(all, c...)
	}
	return all
}

// maxExact is the maximum number of nodes in a component for which all orders are considered.
const maxExact = 20

// exact finds the best order by dynamic programming. A state is the set of nodes that are already
// placed at the top.
func (g *graph) exact(nodes []int) []int {
	out := make([]uint, len(nodes)) // for each node, the set of nodes that it refers to
	for i, from := range nodes {
		for j, to := range nodes {
			if _, ok := g.why[arrow{from, to}]; ok {
				out[i] |= 1 << j
			}
		}
	}
	sets := 1 << len(nodes)
	cost, last := make([]int, sets), make([]int8, sets)
	for set := 1; set < sets; set++ {
		cost[set] = sets
		for i := range nodes {
			if set>>i&1 == 0 {
				continue
			}
			above := set &^ (1 << i)
			if c := cost[above] + bits.OnesCount(out[i]&uint(above)); c < cost[set] {
				cost[set], last[set] = c, int8(i)
			}
		}
	}
	var order []int
	for set := sets - 1; set != 0; set &^= 1 << last[set] {
		order = append(order, nodes[last[set]])
	}
	slices.Reverse(order)
	return order
}

// improved finds a good order. It repeatedly moves one node to its best position, until no move
// reduces the number of arrows pointing up.
func (g *graph) improved(nodes []int) []int {
	order := slices.Clone(nodes)
	best := len(g.up(order))
	for better := true; better; {
		better = false
		for _, node := range nodes {
			rest := slices.DeleteFunc(slices.Clone(order), func(n int) bool { return n == node })
			for place := range len(order) {
				try := slices.Insert(slices.Clone(rest), place, node)
				if n := len(g.up(try)); n < best {
					order, best, better = try, n, true
				}
			}
		}
	}
	return order
}

// up returns the arrows that point up in an order, sorted.
func (g *graph) up(order []int) []arrow {
	place := map[int]int{}
	for i, node := range order {
		place[node] = i
	}
	var up []arrow
	for a := range g.why {
		from, known := place[a.from]
		to, also := place[a.to]
		if known && also && from > to {
			up = append(up, a)
		}
	}
	slices.SortFunc(up, func(a, b arrow) int {
		return cmp.Or(cmp.Compare(place[a.from], place[b.from]), cmp.Compare(place[a.to], place[b.to]))
	})
	return up
}
