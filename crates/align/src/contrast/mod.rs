//! Instance-level alignment: contrastive losses between views.

mod fused;
mod softmax;

use recgoat_torch::indices;
use rustc_hash::FxHashMap;
use tch::{Device, Kind, Tensor};

use crate::{Error, Result};

/// Rows scaled to unit length, `[rows, dim]`, on the tape; a zero row stays zero.
pub fn unit_rows(x: &Tensor) -> Tensor {
    let norm = x.square().sum_dim_intlist(-1, true, Kind::Float).clamp_min(1e-12).sqrt();
    x / norm
}

/// InfoNCE between anchors and candidates (van den Oord et al. 2018, eq. 4), on the tape:
///
/// ```text
/// L = −mean_r log( exp(cos(anchor_r, candidate_{t_r})/τ) / Σ_c exp(cos(anchor_r, candidate_c)/τ) )
/// ```
///
/// # Shapes
/// `anchors` `[rows, dim]`, `candidates` `[columns, dim]`, `targets` of length `rows` with entries below `columns`.
///
/// Every candidate but the target is a negative, so candidates must be distinct: see [`Distinct`].
///
/// # Errors
/// [`Error::Shape`] when shapes or targets do not fit.
pub fn info_nce(anchors: &Tensor, candidates: &Tensor, targets: &[u32], temperature: f64) -> Result<Tensor> {
    check_targets(anchors, candidates, targets)?;
    let pairs: Vec<[u32; 2]> = (0..).zip(targets).map(|(row, &target)| [row, target]).collect();
    softmax_loss(&unit_rows(anchors), &unit_rows(candidates), &pairs, temperature)
}

/// Softmax cross-entropy of inner products over pairs of an anchor and a candidate, on the tape:
///
/// ```text
/// L = −mean_{(r,t)} log( exp(anchor_r · candidate_t/τ) / Σ_c exp(anchor_r · candidate_c/τ) )
/// ```
///
/// # Shapes
/// `anchors` `[rows, dim]`, `candidates` `[columns, dim]`, `pairs` of a row and a column. An anchor's softmax is computed
/// once, however many pairs it has: a user of many interactions is one anchor.
///
/// ```
/// use recgoat_align::contrast::softmax_loss;
/// use tch::Tensor;
/// let one = Tensor::from_slice(&[1f32, 0.0]).view([1, 2]);
/// let candidates = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0]).view([2, 2]);
/// let loss = softmax_loss(&one, &candidates, &[[0, 0]], 1.0)?.double_value(&[]);
/// assert!((loss - (1.0 + (-1f64).exp()).ln()).abs() < 1e-6);
/// # Ok::<(), recgoat_align::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] when shapes or pairs do not fit.
pub fn softmax_loss(
    anchors: &Tensor,
    candidates: &Tensor,
    pairs: &[[u32; 2]],
    temperature: f64,
) -> Result<Tensor> {
    let [rows, columns] = check_rows(anchors, candidates)?;
    let outside = |pair: &&[u32; 2]| i64::from(pair[0]) >= rows || i64::from(pair[1]) >= columns;
    if let Some(pair) = pairs.iter().find(outside) {
        return Err(shape_error("pairs", format!("pairs below [{rows}, {columns}]"), format!("{pair:?}")));
    }
    if pairs.is_empty() {
        return Err(shape_error("pairs", "at least one".to_owned(), "none".to_owned()));
    }
    if anchors.device() == Device::Cpu {
        return Ok(softmax::loss(anchors, candidates, pairs, temperature)?);
    }
    Ok(on_tape(anchors, candidates, pairs, temperature))
}

/// [`info_nce`] between two views `[rows, dim]` of the same things, averaged over both directions.
///
/// At unit temperature and two orthogonal pairs each of which agrees perfectly, the loss is `log(1 + e⁻¹)`:
///
/// ```
/// use recgoat_align::contrast::between_views;
/// use tch::Tensor;
/// let view = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0]).view([2, 2]);
/// let loss = between_views(&view, &view, 1.0)?.double_value(&[]);
/// assert!((loss - (1.0 + (-1f64).exp()).ln()).abs() < 1e-6);
/// # Ok::<(), recgoat_align::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] when the shapes differ.
pub fn between_views(left: &Tensor, right: &Tensor, temperature: f64) -> Result<Tensor> {
    let targets: Vec<u32> = (0..left.size().first().copied().unwrap_or(0) as u32).collect();
    check_targets(left, right, &targets)?;
    if left.size() != right.size() {
        return Err(shape_error("views", format!("{:?}", left.size()), format!("{:?}", right.size())));
    }
    let (left, right) = (unit_rows(left), unit_rows(right));
    if left.device() == Device::Cpu && temperature >= fused::LOWEST_TEMPERATURE {
        return Ok(fused::loss(&left, &right, temperature)?);
    }
    Ok(both_on_tape(&left, &right, temperature))
}

/// The distinct ids of a batch, in order of first occurrence, and where each position of the batch went.
///
/// A batch of interactions holds many items more than once. As candidates of InfoNCE the copies would be negatives
/// of themselves.
///
/// ```
/// use recgoat_align::contrast::Distinct;
/// let batch = Distinct::new(&[7, 3, 7, 5]);
/// assert_eq!(batch.ids, [7, 3, 5]);
/// assert_eq!(batch.positions, [0, 1, 0, 2]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distinct {
    /// Each id once.
    pub ids: Vec<u32>,
    /// For each position of the batch, the index into `ids`: the targets of [`info_nce`].
    pub positions: Vec<u32>,
}

impl Distinct {
    /// Of a batch's ids.
    pub fn new(batch: &[u32]) -> Self {
        let mut seen = FxHashMap::with_capacity_and_hasher(batch.len(), Default::default());
        let mut ids = Vec::new();
        let positions = batch
            .iter()
            .map(|&id| {
                *seen.entry(id).or_insert_with(|| {
                    ids.push(id);
                    ids.len() as u32 - 1
                })
            })
            .collect();
        Self { ids, positions }
    }
}

/// The cross-modal contrastive loss `(1−λ) · user_item + λ · mean(views)`; without views it is the user–item term.
pub fn cross_modal(user_item: &Tensor, views: &[Tensor], lambda: f64) -> Tensor {
    if views.is_empty() {
        return user_item.shallow_clone();
    }
    user_item * (1.0 - lambda) + Tensor::stack(views, 0).mean(Kind::Float) * lambda
}

/// The same loss by libtorch's operations, for devices that the kernel does not reach.
fn on_tape(anchors: &Tensor, candidates: &Tensor, pairs: &[[u32; 2]], temperature: f64) -> Tensor {
    let logits = anchors.matmul(&candidates.tr()) / temperature;
    let [rows, columns] = [0, 1].map(|end| {
        let ends: Vec<u32> = pairs.iter().map(|pair| pair[end]).collect();
        Some(indices(&ends, anchors.device()))
    });
    -logits.log_softmax(-1, Kind::Float).index(&[rows, columns]).mean(Kind::Float)
}

/// Both directions by libtorch's operations, for devices and temperatures that the kernel does not reach.
fn both_on_tape(left: &Tensor, right: &Tensor, temperature: f64) -> Tensor {
    let logits = left.matmul(&right.tr()) / temperature;
    let targets = Tensor::arange(left.size()[0], (Kind::Int64, left.device()));
    (logits.cross_entropy_for_logits(&targets) + logits.tr().cross_entropy_for_logits(&targets)) * 0.5
}

/// Numbers of anchors and of candidates.
fn check_rows(anchors: &Tensor, candidates: &Tensor) -> Result<[i64; 2]> {
    let (a, b) = (anchors.size(), candidates.size());
    if a.len() != 2 || b.len() != 2 || a[1] != b[1] || a.contains(&0) || b.contains(&0) {
        return Err(shape_error(
            "candidates",
            format!("rows as wide as the anchors' {a:?}"),
            format!("{b:?}"),
        ));
    }
    Ok([a[0], b[0]])
}

/// One target for each anchor.
fn check_targets(anchors: &Tensor, candidates: &Tensor, targets: &[u32]) -> Result<()> {
    let [rows, columns] = check_rows(anchors, candidates)?;
    if targets.len() as i64 != rows || targets.iter().any(|&target| i64::from(target) >= columns) {
        let expected = format!("{rows} targets below {columns}");
        let found = format!("{} up to {:?}", targets.len(), targets.iter().max());
        return Err(shape_error("targets", expected, found));
    }
    Ok(())
}

fn shape_error(argument: &'static str, expected: String, found: String) -> Error {
    Error::Shape { argument, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(rows: i64, seed: i64) -> Tensor {
        tch::manual_seed(seed);
        Tensor::randn([rows, 6], (Kind::Float, Device::Cpu))
    }

    /// The loss and the gradient at both of its inputs.
    fn with_gradient(loss: impl Fn(&Tensor, &Tensor) -> Tensor, rows: i64, columns: i64) -> [Tensor; 3] {
        let leaves = [random(rows, 1), random(columns, 2)].map(|t| t.set_requires_grad(true));
        let found = loss(&leaves[0], &leaves[1]);
        found.backward();
        let [a, b] = leaves.map(|leaf| leaf.grad());
        [found.detach(), a, b]
    }

    fn assert_same(ours: &[Tensor; 3], theirs: &[Tensor; 3]) {
        for ((ours, theirs), floor) in ours.iter().zip(theirs).zip([1.0, 1e-6, 1e-6]) {
            let gap = (ours - theirs).norm().double_value(&[]) / theirs.norm().double_value(&[]).max(floor);
            assert!(gap < 1e-5, "{gap}");
        }
    }

    #[test]
    fn kernels_and_their_gradients_equal_autograd_s() {
        for (rows, columns, temperature) in
            [(200, 70, 0.2), (1, 1, 1.0), (129, 300, 0.05), (60, 15, 0.002), (128, 16, 2.0)]
        {
            // Anchors of no, one and several pairs, some of them twice, in any order.
            let pairs: Vec<[u32; 2]> =
                (0..2 * rows as u32).map(|at| [at * at % rows as u32, at * 7 % columns as u32]).collect();
            let ours = |a: &Tensor, b: &Tensor| softmax_loss(a, b, &pairs, temperature).unwrap();
            let theirs = |a: &Tensor, b: &Tensor| on_tape(a, b, &pairs, temperature);
            assert_same(&with_gradient(ours, rows, columns), &with_gradient(theirs, rows, columns));
            let targets: Vec<u32> = (0..rows as u32).map(|row| row % columns as u32).collect();
            let ours = |a: &Tensor, b: &Tensor| info_nce(a, b, &targets, temperature).unwrap();
            let theirs = |a: &Tensor, b: &Tensor| {
                let (a, b) = (unit_rows(a), unit_rows(b));
                let logits = a.matmul(&b.tr()) / temperature;
                logits.cross_entropy_for_logits(&indices(&targets, Device::Cpu))
            };
            assert_same(&with_gradient(ours, rows, columns), &with_gradient(theirs, rows, columns));
        }
        for (rows, temperature) in
            [(9, 0.2), (150, 0.05), (1, 1.0), (60, fused::LOWEST_TEMPERATURE), (60, 0.005), (3100, 0.2)]
        {
            let ours = |a: &Tensor, b: &Tensor| between_views(a, b, temperature).unwrap();
            let theirs = |a: &Tensor, b: &Tensor| both_on_tape(&unit_rows(a), &unit_rows(b), temperature);
            assert_same(&with_gradient(ours, rows, rows), &with_gradient(theirs, rows, rows));
        }
    }

    #[test]
    fn the_gradient_equals_central_differences() {
        let (a, b) = (random(12, 7).set_requires_grad(true), random(12, 8));
        between_views(&a, &b, 0.2).unwrap().backward();
        let direction = random(12, 9);
        let along =
            |step: f64| between_views(&(a.detach() + &direction * step), &b, 0.2).unwrap().double_value(&[]);
        let difference = (along(1e-2) - along(-1e-2)) / 2e-2;
        let expected = (a.grad() * direction).sum(Kind::Double).double_value(&[]);
        assert!((difference - expected).abs() < 1e-2 * expected.abs(), "{difference} {expected}");
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let message = |error: Result<Tensor>| error.unwrap_err().to_string();
        let found = message(info_nce(&random(3, 1), &random(2, 2), &[0, 1, 2], 0.2));
        assert_eq!(found, "targets: expected 3 targets below 2, found 3 up to Some(2)");
        let found = message(softmax_loss(&random(3, 1), &random(2, 2), &[[0, 1], [3, 0]], 0.2));
        assert_eq!(found, "pairs: expected pairs below [3, 2], found [3, 0]");
        let found = message(softmax_loss(&random(3, 1), &random(2, 2), &[], 0.2));
        assert_eq!(found, "pairs: expected at least one, found none");
        let found = message(between_views(&random(3, 1), &random(2, 2), 0.2));
        assert!(found.starts_with("targets: "), "{found}");
        let narrow = Tensor::zeros([3, 5], (Kind::Float, Device::Cpu));
        assert!(message(between_views(&random(3, 1), &narrow, 0.2)).contains("[3, 6]"));
    }

    #[test]
    fn following_the_gradient_brings_views_together() {
        // Against row c of the released code's table, which descends on 1 − InfoNCE and drives views apart.
        let (a, b) = (random(8, 3), random(8, 4).set_requires_grad(true));
        let cosine = |b: &Tensor| (unit_rows(&a) * unit_rows(b)).sum(Kind::Float).double_value(&[]) / 8.0;
        let before = cosine(&b);
        let mut b = b;
        for _ in 0..100 {
            b.zero_grad();
            between_views(&a, &b, 0.2).unwrap().backward();
            b = (b.detach() - b.grad() * 0.5).set_requires_grad(true);
        }
        assert!(before < 0.3 && cosine(&b) > 0.8, "{before} {}", cosine(&b));
    }

    #[test]
    fn an_anchor_never_meets_its_own_copy() {
        let items = random(3, 5);
        let batch = Distinct::new(&[2, 0, 2, 2, 1]);
        let rows = items.index_select(0, &indices(&batch.ids, Device::Cpu));
        let anchors = items.index_select(0, &indices(&[2, 0, 2, 2, 1], Device::Cpu));
        let loss = |candidates: &Tensor, targets: &[u32]| {
            info_nce(&anchors, candidates, targets, 0.05).unwrap().double_value(&[])
        };
        let clean = loss(&rows, &batch.positions);
        // Three of five anchors share their target with two copies: each copy adds up to log 3.
        assert!(loss(&anchors, &[0, 1, 2, 3, 4]) > clean + 0.6 * 3f64.ln() * 0.99);
    }

    #[test]
    fn zero_rows_give_no_nan() {
        let a = Tensor::zeros([4, 6], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        between_views(&a, &random(4, 6), 0.2).unwrap().backward();
        assert_eq!(a.grad().isfinite().all().int64_value(&[]), 1);
    }
}
