//! A spanning tree of rows, columns and a root, its flows and potentials: the basis of the network simplex.

/// No node.
const NONE: u32 = u32::MAX;

/// A strongly feasible tree: every node can send flow to the root along it. With that, and ties between arcs that
/// could leave broken by their place on the cycle, the simplex ends (Cunningham 1976).
#[derive(Debug)]
pub(super) struct Tree {
    rows: usize,
    parent: Vec<u32>,
    first_child: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Flow on the arc to the parent, in units; and what a unit of it costs.
    flow: Vec<i64>,
    cost: Vec<f64>,
    /// `c + potential[row] − potential[column]` is zero on the arcs of the tree. Columns follow rows; the root is last.
    potential: Vec<f64>,
    /// Which climb last passed a node.
    mark: Vec<u32>,
    climb: u32,
    stack: Vec<u32>,
}

/// An arc of the plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Arc {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) units: i64,
    pub(super) cost: f64,
}

impl Tree {
    /// The forest of these arcs, all of positive flow and without cycles, each component hung to the root by an arc
    /// without flow from a row. Its cost is what makes that row's potential the one given.
    pub(super) fn new(rows: usize, columns: usize, arcs: &[Arc], row_potentials: &[f64]) -> Self {
        let nodes = rows + columns + 1;
        let mut tree = Self {
            rows,
            parent: vec![NONE; nodes],
            first_child: vec![NONE; nodes],
            next: vec![NONE; nodes],
            previous: vec![NONE; nodes],
            flow: vec![0; nodes],
            cost: vec![0.0; nodes],
            potential: vec![0.0; nodes],
            mark: vec![0; nodes],
            climb: 0,
            stack: Vec::new(),
        };
        let mut around = vec![Vec::new(); rows + columns];
        for (at, arc) in arcs.iter().enumerate() {
            around[arc.row].push(at);
            around[rows + arc.column].push(at);
        }
        let root = (nodes - 1) as u32;
        for row in 0..rows {
            if tree.parent[row] != NONE {
                continue;
            }
            tree.hang(row as u32, root);
            tree.cost[row] = -row_potentials[row];
            tree.potential[row] = row_potentials[row];
            let mut waiting = vec![row];
            while let Some(node) = waiting.pop() {
                for &at in &around[node] {
                    let Arc { row, column, units, cost } = arcs[at];
                    let other = if node == row { rows + column } else { row };
                    if tree.parent[other] != NONE || tree.parent[node] == other as u32 {
                        continue;
                    }
                    tree.hang(other as u32, node as u32);
                    (tree.flow[other], tree.cost[other]) = (units, cost);
                    let sign = if other == row { -cost } else { cost };
                    tree.potential[other] = tree.potential[node] + sign;
                    waiting.push(other);
                }
            }
        }
        tree
    }

    pub(super) fn row_potentials(&self) -> &[f64] {
        &self.potential[..self.rows]
    }

    pub(super) fn column_potentials(&self) -> &[f64] {
        &self.potential[self.rows..self.potential.len() - 1]
    }

    /// The arcs with flow.
    pub(super) fn arcs(&self) -> impl Iterator<Item = Arc> + '_ {
        let root = self.parent.len() - 1;
        (0..root).filter(move |&node| self.flow[node] > 0 && self.parent[node] as usize != root).map(|node| {
            let parent = self.parent[node] as usize;
            let (row, column) = if node < self.rows { (node, parent) } else { (parent, node) };
            Arc { row, column: column - self.rows, units: self.flow[node], cost: self.cost[node] }
        })
    }

    /// Brings the arc from `row` to `column` into the tree and takes the one that limits its flow out.
    pub(super) fn pivot(&mut self, row: usize, column: usize, cost: f64) {
        let (source, target) = (row as u32, (self.rows + column) as u32);
        let join = self.join(source, target);
        let (mut least, mut out, mut from_source) = (i64::MAX, NONE, true);
        // Flow runs against the arcs that lead up from the source's side and down to the target's.
        let mut node = source;
        while node != join {
            if self.leads_up(node) && self.flow[node as usize] < least {
                (least, out) = (self.flow[node as usize], node);
            }
            node = self.parent[node as usize];
        }
        let mut node = target;
        while node != join {
            if !self.leads_up(node) && self.flow[node as usize] <= least {
                (least, out, from_source) = (self.flow[node as usize], node, false);
            }
            node = self.parent[node as usize];
        }
        debug_assert!(out != NONE, "a cycle of costs that are finite is limited");
        if least > 0 {
            self.push(source, join, -least);
            self.push(target, join, least);
        }
        let reduced = cost + self.potential[source as usize] - self.potential[target as usize];
        let (inner, outer) = if from_source { (source, target) } else { (target, source) };
        self.rehang(inner, outer, out, least, cost);
        self.shift(inner, if from_source { -reduced } else { reduced });
    }

    /// Computes the potentials anew from the arcs, which takes the rounding errors of many pivots out of them.
    pub(super) fn refresh(&mut self) {
        let root = self.parent.len() - 1;
        self.stack.clear();
        self.stack.push(root as u32);
        while let Some(node) = self.stack.pop() {
            let mut child = self.first_child[node as usize];
            while child != NONE {
                let at = child as usize;
                let sign = if self.leads_up(child) { -self.cost[at] } else { self.cost[at] };
                self.potential[at] = self.potential[node as usize] + sign;
                self.stack.push(child);
                child = self.next[at];
            }
        }
    }

    /// Whether the arc to the parent is directed to it: from a row, that is.
    fn leads_up(&self, node: u32) -> bool {
        (node as usize) < self.rows
    }

    /// Where the ways from two nodes to the root meet.
    fn join(&mut self, first: u32, second: u32) -> u32 {
        self.climb += 1;
        let (mut one, mut other) = (first, second);
        loop {
            if self.mark[one as usize] == self.climb {
                return one;
            }
            self.mark[one as usize] = self.climb;
            let above = self.parent[one as usize];
            one = if above == NONE { one } else { above };
            if above == NONE {
                // At the root already: the other way meets a mark, at the latest here.
                while self.mark[other as usize] != self.climb {
                    other = self.parent[other as usize];
                }
                return other;
            }
            std::mem::swap(&mut one, &mut other);
        }
    }

    /// Adds to the flow of the arcs from `node` up to `join`: where they lead up, and takes it where they lead down.
    fn push(&mut self, node: u32, join: u32, units: i64) {
        let mut node = node;
        while node != join {
            self.flow[node as usize] += if self.leads_up(node) { units } else { -units };
            node = self.parent[node as usize];
        }
    }

    /// Takes the arc above `out` away and hangs what was below it by `inner` to `outer`.
    fn rehang(&mut self, inner: u32, outer: u32, out: u32, units: i64, cost: f64) {
        let (mut node, mut above, mut flow, mut cost) = (inner, outer, units, cost);
        loop {
            let at = node as usize;
            let (old, old_flow, old_cost) = (self.parent[at], self.flow[at], self.cost[at]);
            self.cut(node);
            self.hang(node, above);
            (self.flow[at], self.cost[at]) = (flow, cost);
            if node == out {
                return;
            }
            (above, node, flow, cost) = (node, old, old_flow, old_cost);
        }
    }

    fn hang(&mut self, node: u32, above: u32) {
        let first = self.first_child[above as usize];
        self.parent[node as usize] = above;
        self.next[node as usize] = first;
        self.previous[node as usize] = NONE;
        if first != NONE {
            self.previous[first as usize] = node;
        }
        self.first_child[above as usize] = node;
    }

    fn cut(&mut self, node: u32) {
        let (previous, next) = (self.previous[node as usize], self.next[node as usize]);
        match previous {
            NONE => self.first_child[self.parent[node as usize] as usize] = next,
            previous => self.next[previous as usize] = next,
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    /// Adds to the potentials of a subtree.
    fn shift(&mut self, top: u32, by: f64) {
        self.stack.clear();
        self.stack.push(top);
        while let Some(node) = self.stack.pop() {
            self.potential[node as usize] += by;
            let mut child = self.first_child[node as usize];
            while child != NONE {
                self.stack.push(child);
                child = self.next[child as usize];
            }
        }
    }
}
