//! Definitions of the ranking metrics of one user.

/// Metrics in the order of the columns, each measured at every cut-off.
pub(crate) const METRICS: [&str; 6] = ["recall", "ndcg", "precision", "map", "hit", "mrr"];

/// The cut-offs k of an evaluation and the sums that all its users share.
pub(crate) struct Cutoffs {
    ks: Vec<usize>,
    /// `discounts[r] = 1 / log2(r + 2)`, the gain of a hit at rank r (from 0).
    discounts: Vec<f64>,
    /// `ideal[n]`: sum of the first n discounts, the DCG of n hits at the top.
    ideal: Vec<f64>,
}

impl Cutoffs {
    /// `ks` must ascend; no list is longer than `items`.
    pub(crate) fn new(ks: Vec<usize>, items: usize) -> Self {
        let deepest = ks.last().copied().unwrap_or(0).min(items);
        let discounts: Vec<f64> = (0..deepest).map(|rank| 1.0 / (rank as f64 + 2.0).log2()).collect();
        let mut ideal = vec![0.0];
        for discount in &discounts {
            ideal.push(ideal[ideal.len() - 1] + discount);
        }
        Self { ks, discounts, ideal }
    }

    /// Column names, metric by metric: `recall@5 recall@10 … mrr@50`.
    pub(crate) fn names(&self) -> Vec<String> {
        METRICS.iter().flat_map(|metric| self.ks.iter().map(move |k| format!("{metric}@{k}"))).collect()
    }

    /// Writes the metrics of one user to `row`, in the order of [`Cutoffs::names`].
    ///
    /// `ranked` is the user's list, best first; `relevant` the user's relevant items in ascending
    /// order, at least one. With R relevant items, `h_r` = 1 where rank r (from 1) is relevant, and
    /// `H_k` = Σ_{r≤k} h_r:
    ///
    /// - recall = H_k / R
    /// - ndcg = Σ_{r≤k} h_r / log2(r + 1), over the same sum for min(R, k) hits at the top
    /// - precision = H_k / k, also where the list is shorter than k
    /// - map = Σ_{r≤k} h_r · H_r / r, over min(R, k)
    /// - hit = 1 if H_k > 0, else 0
    /// - mrr = 1 / (rank of the first hit) if that is ≤ k, else 0
    pub(crate) fn measure(&self, ranked: &[u32], relevant: &[u32], row: &mut [f64]) {
        let (mut hits, mut gain, mut precisions, mut first) = (0usize, 0.0, 0.0, 0.0);
        let mut rank = 0;
        for (column, &k) in self.ks.iter().enumerate() {
            while rank < k.min(ranked.len()) {
                if relevant.binary_search(&ranked[rank]).is_ok() {
                    hits += 1;
                    gain += self.discounts[rank];
                    precisions += hits as f64 / (rank + 1) as f64;
                    if hits == 1 {
                        first = 1.0 / (rank + 1) as f64;
                    }
                }
                rank += 1;
            }
            let reachable = relevant.len().min(k);
            let values = [
                hits as f64 / relevant.len() as f64,
                gain / self.ideal[reachable],
                hits as f64 / k as f64,
                precisions / reachable as f64,
                f64::from(u8::from(hits > 0)),
                first,
            ];
            for (metric, value) in values.into_iter().enumerate() {
                row[metric * self.ks.len() + column] = value;
            }
        }
    }
}
