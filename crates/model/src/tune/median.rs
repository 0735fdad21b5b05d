//! Leaving trials that promise nothing: the median stopping rule (Golovin et al. 2017, §3.2.2).

use crate::{EpochRecord, Observer};

/// Trials to compare with before any is left.
const FEWEST: usize = 4;

/// An observer that leaves a trial whose best valid value so far lies below the median of what the trials before had
/// reached by that epoch.
pub(super) struct MedianStop<'a> {
    pub(super) observer: &'a mut dyn Observer,
    /// The first epoch after which a trial may be left; none where all run to their end.
    pub(super) after: Option<usize>,
    /// Valid by epoch of the trials before; one that ended earlier counts with the best it had.
    pub(super) before: &'a [Vec<f64>],
    /// Whether the rule has struck.
    pub(super) stopped: bool,
}

impl MedianStop<'_> {
    /// Whether a trial may be left after so many epochs at all.
    pub(super) fn may_leave(&self, epochs: usize) -> bool {
        self.after.is_some_and(|after| epochs >= after)
    }
}

impl Observer for MedianStop<'_> {
    fn step(&mut self, epoch: usize, step: usize, steps: usize) {
        self.observer.step(epoch, step, steps);
    }

    fn epoch(&mut self, record: &EpochRecord, best: f64) {
        self.observer.epoch(record, best);
    }

    fn note(&mut self, message: &str) {
        self.observer.note(message);
    }

    fn leaves(&mut self, curve: &[EpochRecord]) -> bool {
        let ours: Vec<f64> = curve.iter().map(|record| record.valid).collect();
        self.stopped = self.may_leave(curve.len()) && is_below(&ours, self.before);
        self.stopped
    }
}

fn is_below(ours: &[f64], before: &[Vec<f64>]) -> bool {
    let best = |curve: &[f64]| curve.iter().take(ours.len()).copied().fold(0.0, f64::max);
    let mut others: Vec<f64> = before.iter().map(|curve| best(curve)).collect();
    others.sort_by(f64::total_cmp);
    if others.len() < FEWEST {
        return false;
    }
    best(ours) < f64::midpoint(others[(others.len() - 1) / 2], others[others.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_below_the_median_of_enough_others_is_left() {
        // Best within two epochs: .2, .3, .5, .6; the last one ended after its first.
        let before = [vec![0.1, 0.2, 0.9], vec![0.3, 0.1], vec![0.5, 0.4, 0.4], vec![0.6]];
        assert!(is_below(&[0.39, 0.2], &before));
        assert!(!is_below(&[0.2, 0.41], &before));
        assert!(!is_below(&[0.0, 0.0], &before[..3]), "three are too few");
        assert!(is_below(&[0.2, 0.5, 0.54], &before), "after three epochs .9 counts too: .3 .5 .6 .9");
    }
}
