//! Spectral band masking: nodes learn to do without some of their bands.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use recgoat_torch::from_slice;
use tch::{Device, Tensor};

use crate::{Result, nodes::BatchNodes};

/// A mask `[nodes, bands, 1]` that drops each band of a node with probability `rate` and scales the others by
/// `1 / (1 − rate)`; of a node that would lose all, one drawn at random is left.
pub(super) fn band_mask(
    [nodes, bands]: [usize; 2],
    rate: f64,
    rng: &mut ChaCha8Rng,
    device: Device,
) -> Result<Tensor> {
    let scale = (1.0 / (1.0 - rate)) as f32;
    let mut mask = vec![0f32; nodes * bands];
    for row in mask.chunks_mut(bands) {
        row.iter_mut().for_each(|kept| *kept = if rng.random_bool(rate) { 0.0 } else { scale });
        if row.iter().all(|&kept| kept == 0.0) {
            row[rng.random_range(0..bands)] = scale;
        }
    }
    Ok(from_slice(&mask, &[nodes as i64, bands as i64, 1], device)?)
}

/// How far masked representations `[nodes, channels]` are from `whole` ones, which take no gradient: the mean squared errors
/// of a batch's users, positives and negatives in sum, times `weight`; on the tape.
pub(super) fn consistency(
    nodes: &BatchNodes,
    masked: &Tensor,
    whole: &Tensor,
    weight: f64,
) -> Result<Tensor> {
    // A penalty is halved and sums over channels.
    nodes.penalty(&(masked - whole.detach()), 2.0 * weight / whole.size()[1] as f64)
}

#[cfg(test)]
mod tests {
    use recgoat_torch::{Purpose, Seed, to_vec};
    use tch::Kind;

    use super::*;
    use crate::Batch;

    #[test]
    fn consistency_is_three_mean_squared_errors() {
        tch::manual_seed(6);
        let batch = Batch { users: &[1, 0, 1], positives: &[2, 0, 2], negatives: &[1, 2, 3] };
        let nodes = BatchNodes::new(&batch, [2, 4], Device::Cpu).unwrap();
        let [masked, whole] =
            [(); 2].map(|()| Tensor::randn([6, 5], (Kind::Float, Device::Cpu)).set_requires_grad(true));
        let errors = |of: &Tensor| {
            let (masked, whole) = (nodes.triples(of), nodes.triples(&whole.detach()));
            let error = |at: usize| (&masked[at] - &whole[at]).square().mean(Kind::Float);
            error(0) + error(1) + error(2)
        };
        let found = consistency(&nodes, &masked, &whole, 0.3).unwrap();
        found.backward();
        let ours = masked.grad().copy();
        assert!(!whole.grad().defined(), "what is kept near takes no gradient");
        let _ = masked.grad().zero_();
        let expected = errors(&masked) * 0.3;
        expected.backward();
        assert!(
            found.allclose(&expected, 1e-5, 1e-6, false) && ours.allclose(&masked.grad(), 1e-5, 1e-6, false)
        );
    }

    #[test]
    fn drops_its_share_and_never_all() {
        let mut rng = Seed(1).stream(Purpose::Dropout, 0);
        let mask = to_vec(&band_mask([20_000, 3], 0.3, &mut rng, Device::Cpu).unwrap()).unwrap();
        let kept = |row: &[f32]| row.iter().filter(|&&kept| kept > 0.0).count();
        assert!(mask.chunks(3).all(|row| kept(row) > 0));
        assert!(mask.iter().all(|&kept| kept == 0.0 || (kept - 1.0 / 0.7).abs() < 1e-6));
        // 0.3 − 0.3³ / 3, for one band comes back to the nodes that lost all three; four standard deviations of 0.002.
        let dropped = 1.0 - mask.chunks(3).map(kept).sum::<usize>() as f64 / 60_000.0;
        assert!((dropped - (0.3 - 0.009)).abs() < 0.008, "{dropped}");
    }
}
