//! Selection of the k best items of one row of scores, in one pass.

/// Writes the ids of the `k` best unmasked items of `scores` to `out`, best first.
///
/// The order is total: descending score, ties by lower item id, −0 ties with +0, and NaN ranks below
/// −∞. `masked` holds item ids in ascending order; they never appear in `out`, which is shorter than
/// `k` when fewer items are left. Ids in `masked` beyond the row are ignored.
///
/// # Shapes
/// `scores`: `[items]`; `out`: `[min(k, items − masked)]`.
///
/// ```
/// let mut best = Vec::new();
/// recgoat_eval::top_k(&[0.1, 0.9, 0.9, f32::NAN, 0.5], &[1], 3, &mut best);
/// assert_eq!(best, [2, 4, 0]);
/// ```
pub fn top_k(scores: &[f32], masked: &[u32], k: usize, out: &mut Vec<u32>) {
    let mut candidates = Vec::new();
    select(scores, masked, k, &mut candidates);
    out.clear();
    out.extend(candidates.iter().map(|&candidate| item_of(candidate)));
}

/// As [`top_k`], leaving the candidates, best first, in a buffer that is reused from row to row.
pub(crate) fn select(scores: &[f32], masked: &[u32], k: usize, candidates: &mut Vec<u64>) {
    candidates.clear();
    if k == 0 {
        return;
    }
    // A larger buffer is compacted less often but lets more weak candidates in between.
    let full = k.saturating_mul(4).max(64);
    let mut floor = 0;
    // NaN is the worst score, and as a floor it lets every score through to the exact comparison.
    let mut floor_score = f32::NAN;
    for (chunk_index, chunk) in scores.chunks(LANES).enumerate() {
        // Ids ascend, so an item that only equals the k-th best so far has lost the tie already.
        if !chunk.iter().fold(false, |any, &score| any | not_below(score, floor_score)) {
            continue;
        }
        for (lane, &score) in chunk.iter().enumerate() {
            if !not_below(score, floor_score) {
                continue;
            }
            let item = (chunk_index * LANES + lane) as u32;
            let candidate = candidate(score, item);
            if candidate <= floor || masked.binary_search(&item).is_ok() {
                continue;
            }
            candidates.push(candidate);
            if candidates.len() == full {
                let (_, kth, _) = candidates.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
                floor = *kth;
                candidates.truncate(k);
                floor_score = scores[item_of(floor) as usize];
            }
        }
    }
    candidates.sort_unstable_by(|a, b| b.cmp(a));
    candidates.truncate(k);
}

/// The item id a candidate carries.
pub(crate) fn item_of(candidate: u64) -> u32 {
    !(candidate as u32)
}

/// Scores are first compared a vector register or two at a time.
const LANES: usize = 16;

/// Whether `score` could still beat a k-th best of `floor`: false only for an ordered `score <= floor`.
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "an unordered pair must pass, which `>` would drop")]
fn not_below(score: f32, floor: f32) -> bool {
    !(score <= floor)
}

/// Packs a score and an item so that the better of two candidates is the larger integer: an
/// order-preserving image of the score above, the complement of the id below.
fn candidate(score: f32, item: u32) -> u64 {
    let order = if score.is_nan() {
        0
    } else {
        // Adding +0 turns −0 into +0, so the two tie.
        let bits = (score + 0.0).to_bits();
        if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
    };
    u64::from(order) << 32 | u64::from(!item)
}
