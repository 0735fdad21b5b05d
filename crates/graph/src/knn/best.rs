//! The nearest of the candidates seen so far, for every node.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use super::Neighbours;

/// Values compared before a branch asks whether any was large enough.
const RUN: usize = 64;

/// Columns a rayon task takes.
const COLUMNS: usize = 512;

/// Keeps up to twice as many candidates of a node as are wanted, then drops all but the best: sorting is paid once for
/// as many candidates, and most are turned away by a comparison with the worst that would still be kept.
///
/// Candidates must come in the order of their rows: of equal ones the first is kept.
pub(super) struct Best<'a> {
    count: usize,
    /// The nodes that have a list, ascending.
    nodes: &'a [u32],
    lists: Vec<Shortlist>,
}

#[derive(Clone)]
struct Shortlist {
    /// What a candidate must be above.
    floor: f32,
    candidates: Vec<(f32, u32)>,
}

impl<'a> Best<'a> {
    pub(super) fn new(nodes: &'a [u32], count: usize) -> Self {
        let floor = if count == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { count, nodes, lists: vec![Shortlist { floor, candidates: Vec::new() }; nodes.len()] }
    }

    /// Offers each node of a span the nodes of another, with their `cosines` `[span, others]`; none is its own neighbour.
    pub(super) fn offer_rows(&mut self, cosines: &[f32], span: Range<usize>, others: Range<usize>) {
        let (count, nodes, others) = (self.count, &self.nodes[span.clone()], &self.nodes[others]);
        let rows = cosines.par_chunks(others.len()).zip(nodes);
        self.lists[span].par_iter_mut().zip(rows).for_each(|(list, (row, &node))| {
            let mut from = 0;
            while let Some(at) = next_above(row, from, list.floor) {
                if others[at] != node {
                    list.push(row[at], others[at], count);
                }
                from = at + 1;
            }
        });
    }

    /// The same the other way round, for spans without a node in common.
    pub(super) fn offer_columns(&mut self, cosines: &[f32], span: Range<usize>, others: Range<usize>) {
        let (count, nodes, width) = (self.count, &self.nodes[span], others.len());
        self.lists[others].par_chunks_mut(COLUMNS).enumerate().for_each(|(chunk, lists)| {
            let mut floors: Vec<f32> = lists.iter().map(|list| list.floor).collect();
            for (row, &node) in cosines.chunks(width).zip(nodes) {
                let row = &row[chunk * COLUMNS..][..lists.len()];
                let mut from = 0;
                while let Some(at) = next_above_each(row, from, &floors) {
                    lists[at].push(row[at], node, count);
                    floors[at] = lists[at].floor;
                    from = at + 1;
                }
            }
        });
    }

    /// The neighbours of all nodes below `of`.
    pub(super) fn finish(self, of: usize) -> Neighbours {
        let count = self.count;
        let lists: Vec<Vec<(f32, u32)>> = self.lists.into_par_iter().map(|list| list.sorted(count)).collect();
        let mut offsets = vec![0; of + 1];
        self.nodes.iter().zip(&lists).for_each(|(&node, list)| offsets[node as usize + 1] = list.len());
        (0..of).for_each(|node| offsets[node + 1] += offsets[node]);
        let (similarities, nodes) = lists.into_iter().flatten().unzip();
        Neighbours { offsets, nodes, similarities }
    }
}

impl Shortlist {
    fn push(&mut self, value: f32, other: u32, count: usize) {
        self.candidates.push((value, other));
        if self.candidates.len() >= 2 * count.max(8) {
            self.shrink(count);
        }
    }

    fn shrink(&mut self, count: usize) {
        if self.candidates.len() > count {
            self.candidates.select_nth_unstable_by(count - 1, nearer);
            self.candidates.truncate(count);
            self.floor = self.candidates[count - 1].0;
        }
    }

    fn sorted(mut self, count: usize) -> Vec<(f32, u32)> {
        self.candidates.sort_unstable_by(nearer);
        self.candidates.truncate(count);
        self.candidates
    }
}

fn nearer(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The first place from `from` on with a value above `floor`.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn next_above(values: &[f32], from: usize, floor: f32) -> Option<usize> {
    let mut start = from;
    for run in values[from..].chunks(RUN) {
        if run.iter().fold(false, |any, &x| any | (x > floor)) {
            return run.iter().position(|&x| x > floor).map(|at| start + at);
        }
        start += run.len();
    }
    None
}

/// The first place from `from` on with a value above that place's floor.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn next_above_each(values: &[f32], from: usize, floors: &[f32]) -> Option<usize> {
    let mut start = from;
    for (run, floors) in values[from..].chunks(RUN).zip(floors[from..].chunks(RUN)) {
        if run.iter().zip(floors).fold(false, |any, (x, floor)| any | (x > floor)) {
            return run.iter().zip(floors).position(|(x, floor)| x > floor).map(|at| start + at);
        }
        start += run.len();
    }
    None
}
