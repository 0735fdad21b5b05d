//! Pricing: the column of a row whose reduced cost is least.

use multiversion::multiversion;

const LANES: usize = 8;

/// The least `cost_j − potential_j` and the first column that has it.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub(in crate::ot) fn least_reduced(cost: &[f64], potentials: &[f64]) -> (f64, usize) {
    let (costs, cost_rest) = cost.as_chunks::<LANES>();
    let (rights, right_rest) = potentials.as_chunks::<LANES>();
    let mut least = [f64::INFINITY; LANES];
    let mut places = [0u64; LANES];
    for (at, (cost, right)) in costs.iter().zip(rights).enumerate() {
        for lane in 0..LANES {
            let gap = cost[lane] - right[lane];
            let better = gap < least[lane];
            least[lane] = if better { gap } else { least[lane] };
            places[lane] = if better { at as u64 } else { places[lane] };
        }
    }
    let mut best = (f64::INFINITY, 0);
    for lane in 0..LANES {
        let place = places[lane] as usize * LANES + lane;
        if least[lane] < best.0 || least[lane] == best.0 && place < best.1 {
            best = (least[lane], place);
        }
    }
    let start = cost.len() - cost_rest.len();
    for (at, (cost, right)) in cost_rest.iter().zip(right_rest).enumerate() {
        if cost - right < best.0 {
            best = (cost - right, start + at);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_of_the_least_is_found(values in proptest::collection::vec((0u8..9, 0u8..9), 1..60)) {
            let cost: Vec<f64> = values.iter().map(|v| f64::from(v.0)).collect();
            let right: Vec<f64> = values.iter().map(|v| f64::from(v.1)).collect();
            let gaps: Vec<f64> = cost.iter().zip(&right).map(|(c, r)| c - r).collect();
            let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
            let place = gaps.iter().position(|&gap| gap == least).unwrap();
            prop_assert_eq!(super::least_reduced(&cost, &right), (least, place));
        }
    }
}
