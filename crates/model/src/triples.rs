//! Pairwise loss and penalty of a batch's rows with their gradients, in one pass each, on the CPU.

use multiversion::multiversion;
use rayon::prelude::*;
use recgoat_torch::{as_slice, as_slice_mut, dot, scalar_with_gradient};
use tch::Tensor;

use crate::Result;

/// Rows a rayon task takes at least.
const ROWS: usize = 256;

/// `−mean log σ(z_u · (z_i − z_j))` on the tape, over triples of rows of `gathered` `[nodes, dim]`, a contiguous CPU
/// tensor.
///
/// Cost: a dozen flops an entry of a triple. By libtorch's operations every triple's rows would be gathered, and their
/// gradients scattered, in tensors of their own.
pub(crate) fn pairwise(gathered: &Tensor, triples: &[Vec<u32>; 3]) -> Result<Tensor> {
    let values = gathered.detach().contiguous();
    let mut gradient = values.zeros_like();
    let dim = values.size()[1] as usize;
    let value = pairwise_kernel(as_slice(&values)?, triples, dim, as_slice_mut(&mut gradient)?);
    Ok(scalar_with_gradient(value as f32, &[(gathered, &gradient)]))
}

/// `factor · Σ_r counts_r |row_r|²` on the tape, over the rows of `gathered`, a CPU tensor.
pub(crate) fn penalty(gathered: &Tensor, counts: &[f32], factor: f64) -> Result<Tensor> {
    let values = gathered.detach().contiguous();
    let mut gradient = values.empty_like();
    let dim = values.size()[1] as usize;
    let rows = as_slice(&values)?.par_chunks(dim).zip(as_slice_mut(&mut gradient)?.par_chunks_mut(dim));
    let norms = rows.zip(counts).with_min_len(ROWS).map(|((row, out), &count)| {
        let scale = (2.0 * factor) as f32 * count;
        out.iter_mut().zip(row).for_each(|(out, x)| *out = scale * x);
        f64::from(count * dot(row, row))
    });
    // Collected first: the sum's bits must not depend on the number of threads.
    let sum: f64 = norms.collect::<Vec<f64>>().iter().sum();
    Ok(scalar_with_gradient((factor * sum) as f32, &[(gathered, &gradient)]))
}

/// The mean loss; its gradient is added to `gradient`, triple after triple.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn pairwise_kernel(values: &[f32], triples: &[Vec<u32>; 3], dim: usize, gradient: &mut [f32]) -> f64 {
    let [users, positives, negatives] = triples;
    let share = 1.0 / users.len() as f64;
    let mut total = 0.0;
    for ((&user, &positive), &negative) in users.iter().zip(positives).zip(negatives) {
        let [u, p, n] = [user, positive, negative].map(|at| at as usize * dim);
        let (user, positive, negative) = (&values[u..][..dim], &values[p..][..dim], &values[n..][..dim]);
        let margin = f64::from(dot(user, positive)) - f64::from(dot(user, negative));
        // log(1 + exp(−margin)) without overflow.
        total += (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
        let slope = (-share / (1.0 + margin.exp())) as f32;
        for (at, ((user, positive), negative)) in user.iter().zip(positive).zip(negative).enumerate() {
            gradient[u + at] += slope * (positive - negative);
            gradient[p + at] += slope * user;
            gradient[n + at] -= slope * user;
        }
    }
    total * share
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::*;
    use crate::pairwise_loss;

    proptest! {
        #[test]
        fn equals_autograd(
            triples in proptest::collection::vec((0u32..3, 3u32..6, 3u32..6), 1..30), dim in 1i64..40, scale in 0.1f64..30.0,
        ) {
            tch::manual_seed(dim);
            let leaf = || Tensor::randn([6, dim], (Kind::Float, Device::Cpu)) * scale;
            let table = leaf().set_requires_grad(true);
            let of = |part: fn(&(u32, u32, u32)) -> u32| triples.iter().map(part).collect::<Vec<_>>();
            let positions = [of(|t| t.0), of(|t| t.1), of(|t| t.2)];
            let ours = pairwise(&table, &positions).unwrap();
            (&ours * 3.0).backward();
            let our_gradient = table.grad().copy();
            let _ = table.grad().zero_();
            let [u, p, n] = positions.map(|at| table.index_select(0, &recgoat_torch::indices(&at, Device::Cpu)));
            let theirs = pairwise_loss(&u, &p, &n);
            (&theirs * 3.0).backward();
            prop_assert!(ours.allclose(&theirs, 1e-4, 1e-6, false), "{ours} {theirs}");
            prop_assert!(our_gradient.allclose(&table.grad(), 1e-3, 1e-5 * scale, false));
        }
    }

    #[test]
    fn the_penalty_is_its_definition() {
        let rows = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0]).view([2, 2]).set_requires_grad(true);
        let found = penalty(&rows, &[2.0, 1.0], 0.5).unwrap();
        found.backward();
        assert_eq!(found.double_value(&[]), 0.5 * (2.0 * 5.0 + 25.0));
        assert_eq!(rows.grad(), Tensor::from_slice(&[2f32, 4.0, 3.0, 4.0]).view([2, 2]));
    }
}
