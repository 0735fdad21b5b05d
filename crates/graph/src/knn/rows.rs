//! Rows scaled to unit length as they are read.

use std::ops::Range;

use rayon::prelude::*;

use super::Similarity;

/// Rows read, centred if asked for, and scaled to unit length.
pub(super) struct UnitRows<'a> {
    read: &'a (dyn Fn(usize, &mut [f32]) + Sync),
    width: usize,
    mean: Vec<f64>,
    /// Rows that are present and have a direction.
    usable: Vec<u32>,
    /// One over the length of each usable row, by row.
    inverse: Vec<f64>,
}

impl<'a> UnitRows<'a> {
    /// Reads every row that is present: twice for centred ones.
    pub(super) fn new(
        read: &'a (dyn Fn(usize, &mut [f32]) + Sync),
        width: usize,
        present: &[bool],
        similarity: Similarity,
    ) -> Self {
        let mean = match similarity {
            Similarity::Cosine => vec![0.0; width],
            Similarity::CentredCosine => mean(read, width, present),
        };
        let length = |buffer: &mut Vec<f32>, row: usize| {
            read(row, buffer);
            buffer.iter().zip(&mean).map(|(&x, mean)| (f64::from(x) - mean).powi(2)).sum::<f64>().sqrt()
        };
        let inverse: Vec<f64> = present
            .par_iter()
            .enumerate()
            .map_init(
                || vec![0f32; width],
                |buffer, (row, &there)| if there { length(buffer, row) } else { 0.0 },
            )
            .map(|length| if length > 0.0 && length.is_finite() { length.recip() } else { 0.0 })
            .collect();
        let usable = (0..).zip(&inverse).filter(|(_, inverse)| **inverse > 0.0).map(|(row, _)| row).collect();
        Self { read, width, mean, usable, inverse }
    }

    pub(super) fn usable(&self) -> &[u32] {
        &self.usable
    }

    /// Writes a span of the usable rows, `[span, width]`, to the start of `out`.
    pub(super) fn fill(&self, span: Range<usize>, out: &mut [f32]) {
        out.par_chunks_mut(self.width.max(1)).zip(&self.usable[span]).for_each(|(out, &row)| {
            (self.read)(row as usize, out);
            let inverse = self.inverse[row as usize];
            out.iter_mut()
                .zip(&self.mean)
                .for_each(|(x, mean)| *x = ((f64::from(*x) - mean) * inverse) as f32);
        });
    }
}

/// Of the rows that are present and finite.
fn mean(read: &(dyn Fn(usize, &mut [f32]) + Sync), width: usize, present: &[bool]) -> Vec<f64> {
    let (mut sums, mut buffer, mut count) = (vec![0f64; width], vec![0f32; width], 0usize);
    for (row, _) in present.iter().enumerate().filter(|(_, present)| **present) {
        read(row, &mut buffer);
        if buffer.iter().all(|x| x.is_finite()) {
            sums.iter_mut().zip(&buffer).for_each(|(sum, &x)| *sum += f64::from(x));
            count += 1;
        }
    }
    sums.into_iter().map(|sum| sum / count.max(1) as f64).collect()
}
