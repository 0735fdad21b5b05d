//! An iteration with a stored kernel: a product an entry.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::{
    Keep,
    log::in_range,
    state::{ROWS, State},
};
use crate::ot::{
    Real,
    kernel::scalings,
    marginals::{Side, Stride},
};

/// The precision of a kernel, which need not be that of the costs.
pub(super) trait Store: Real {
    /// Largest logarithm of a scaling before it is taken into the kernel.
    const DRIFT: f64;

    /// `out_j = exp((left + right_j − cost_j) scale + shift)`, its exponent in f64.
    fn exact<F: Real>(cost: &[F], left: f64, right: &[f64], scales: [f64; 2], out: &mut [Self]);
}

impl Store for f32 {
    const DRIFT: f64 = 15.0;

    fn exact<F: Real>(cost: &[F], left: f64, right: &[f64], scales: [f64; 2], out: &mut [Self]) {
        F::exact_f32(cost, left, right, scales, out);
    }
}

impl Store for f64 {
    const DRIFT: f64 = 150.0;

    fn exact<F: Real>(cost: &[F], left: f64, right: &[f64], scales: [f64; 2], out: &mut [Self]) {
        F::exact_f64(cost, left, right, scales, out);
    }
}

/// `K_ij = exp((f_i + g_j + mass − C_ij)/ε)` at the potentials where it was made, `[n, m]`, row-major; what has changed
/// since scales rows and columns: `[eq:absorption]`.
pub(super) struct Kernel<S> {
    entries: Vec<S>,
    f: Vec<f64>,
    g: Vec<f64>,
    mass: f64,
    /// The columns' scalings times their weights.
    vector: Vec<S>,
    sums: Vec<S>,
    /// The scalings of either side.
    left: Vec<f64>,
    right: Vec<f64>,
}

impl<S: Store> Kernel<S> {
    /// At the state's potentials, or at zero, which gives `exp(−C/ε)`.
    pub(super) fn new<F: Real>(state: &State<'_, F>, epsilon: f64, keep: Keep) -> Self {
        let mut kernel = Self {
            entries: vec![S::default(); state.f.len() * state.g.len()],
            f: Vec::new(),
            g: Vec::new(),
            mass: 0.0,
            vector: vec![S::default(); state.g.len()],
            sums: vec![S::default(); state.g.len() * state.f.len().div_ceil(state.chunk())],
            left: vec![0.0; state.f.len()],
            right: vec![0.0; state.g.len()],
        };
        kernel.rebuild(state, epsilon, keep);
        kernel
    }

    /// Makes the kernel anew, as [`Kernel::new`] does.
    pub(super) fn rebuild<F: Real>(&mut self, state: &State<'_, F>, epsilon: f64, keep: Keep) {
        match keep {
            Keep::Renewed => {
                self.f.clone_from(&state.f);
                self.g.clone_from(&state.g);
                self.mass = state.mass;
            }
            Keep::Bare => {
                self.f = vec![0.0; state.f.len()];
                self.g = vec![0.0; state.g.len()];
                self.mass = 0.0;
            }
        }
        let (f, g, mass) = (&self.f, &self.g, self.mass);
        let scales = [1.0 / epsilon, state.log_mass()];
        let (m, chunk, block) = (state.g.len(), state.chunk(), state.costs.block().min(2 * ROWS));
        self.entries.par_chunks_mut(chunk * m).enumerate().for_each(|(at, entries)| {
            let mut buffer = Vec::new();
            for (step, entries) in entries.chunks_mut(block * m).enumerate() {
                let first = at * chunk + step * block;
                let costs = state.costs.get(first..first + entries.len() / m, &mut buffer);
                for (k, (row, cost)) in entries.chunks_exact_mut(m).zip(costs.chunks_exact(m)).enumerate() {
                    S::exact(cost, f[first + k] + mass, g, scales, row);
                }
            }
        });
    }

    /// Whether the state has gone so far that the kernel should be made anew.
    pub(super) fn drifted<F: Real>(&self, state: &State<'_, F>, epsilon: f64) -> bool {
        let far = |now: &[f64], then: &[f64]| {
            !now.iter().zip(then).all(|(now, then)| (now - then).abs() <= S::DRIFT * epsilon)
        };
        far(&state.f, &self.f) || far(&state.g, &self.g)
    }

    /// What [`super::log::LogPass::run`] does; false when a sum left the range and nothing was changed that matters.
    pub(super) fn run<F: Real>(&mut self, state: &mut State<'_, F>, epsilon: f64, stride: Stride) -> bool {
        let (m, chunk) = (state.g.len(), state.chunk());
        scalings(&state.f, &self.f, 1.0 / epsilon, &mut self.left);
        scalings(&state.g, &self.g, 1.0 / epsilon, &mut self.right);
        for ((vector, right), b) in self.vector.iter_mut().zip(&self.right).zip(&state.b) {
            *vector = S::of(b * right);
        }
        let sound = AtomicBool::new(true);
        let (mut next, mut ratios) = (std::mem::take(&mut state.next), std::mem::take(&mut state.row_ratios));
        let (shared, left, vector) = (&*state, &self.left[..], &self.vector[..]);
        let whole = ((state.mass - self.mass) / epsilon).exp();
        let chunks = next.par_chunks_mut(chunk).zip(ratios.par_chunks_mut(chunk));
        let memory = self.entries.par_chunks(chunk * m).zip(self.sums.par_chunks_mut(m));
        chunks.zip(memory).enumerate().for_each(|(at, ((next, ratios), (entries, sums)))| {
            sums.fill(S::default());
            for start in (0..next.len()).step_by(ROWS) {
                let count = ROWS.min(next.len() - start);
                let row = |k: usize| &entries[(start + k.min(count - 1)) * m..][..m];
                let rows = [row(0), row(1), row(2), row(3)];
                let dots = rows.map(|row| S::dot(row, vector));
                let mut factors = [S::default(); ROWS];
                for k in 0..count {
                    let (here, row) = (start + k, at * chunk + start + k);
                    let left = left[row] * whole;
                    let ratio = left * dots[k].wide();
                    next[here] = shared.row_step(row, ratio.max(f64::MIN_POSITIVE).ln(), epsilon, stride);
                    let carried = ((next[here] - shared.f[row]) / epsilon).exp();
                    ratios[here] = ratio * carried;
                    let factor = left * carried;
                    let small = ratio < 1.0 && shared.row_is_lenient(row, epsilon);
                    if !((in_range::<S>(dots[k].wide()) || small) && in_range::<S>(factor)) {
                        sound.store(false, Ordering::Relaxed);
                    }
                    factors[k] = S::of(shared.a[row] * factor);
                }
                S::add(sums, factors, rows);
            }
        });
        (state.next, state.row_ratios) = (next, ratios);
        let (scale, ratios) = (state.column_scale(), &mut state.column_ratios);
        ratios.fill(0.0);
        for sums in self.sums.chunks_exact(m) {
            ratios.iter_mut().zip(sums).for_each(|(ratio, sum)| *ratio += sum.wide());
        }
        let lenient = state.sides[1] == Side::Free;
        let mut sound = sound.into_inner();
        for (ratio, right) in ratios.iter_mut().zip(&self.right) {
            sound &= in_range::<S>(*ratio) || lenient;
            *ratio = (scale * right * *ratio).max(f64::MIN_POSITIVE);
        }
        sound
    }
}
