//! Dropout masks drawn in Rust, the same on every device and thread count.

use rand::{Rng, RngCore};
use tch::{Device, Tensor};

use crate::slice::from_slice;

/// A mask of inverted dropout, kept as the random bits that decide: two bytes an entry.
#[derive(Debug, Clone)]
pub struct Dropout {
    bits: Vec<u16>,
    /// Entries whose bits lie below are dropped.
    pub(crate) threshold: u32,
    /// What the others are multiplied by.
    pub(crate) scale: f32,
}

impl Dropout {
    /// A mask of `count` entries: 0 with probability `rate`, else `1 / (1 − rate)`; the rate is rounded to 1/65,536.
    pub fn draw(count: usize, rate: f64, rng: &mut impl RngCore) -> Self {
        let threshold = (rate.clamp(0.0, 1.0) * 65_536.0).round() as u32;
        let scale = if threshold < 65_536 { 65_536.0 / (65_536 - threshold) as f32 } else { 0.0 };
        let mut bits = vec![0; count];
        rng.fill(bits.as_mut_slice());
        Self { bits, threshold, scale }
    }

    /// The bits, one entry each.
    pub(crate) fn bits(&self) -> &[u16] {
        &self.bits
    }

    /// The mask as a tensor `shape`.
    ///
    /// # Panics
    /// When the mask was not drawn for as many entries.
    pub fn mask(&self, shape: &[i64], device: Device) -> Tensor {
        let value = |&bits: &u16| if u32::from(bits) < self.threshold { 0.0 } else { self.scale };
        let mask: Vec<f32> = self.bits.iter().map(value).collect();
        from_slice(&mask, shape, device).expect("a mask drawn for this shape")
    }
}

/// [`Dropout::mask`] of a tensor `shape`. A rate of 0 draws nothing and gives ones.
pub fn dropout_mask(shape: &[i64], rate: f64, rng: &mut impl RngCore, device: Device) -> Tensor {
    if rate <= 0.0 {
        return Tensor::ones(shape, (tch::Kind::Float, device));
    }
    Dropout::draw(shape.iter().product::<i64>() as usize, rate, rng).mask(shape, device)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::{Purpose, Seed};

    #[test]
    fn keeps_the_mean_and_the_share() {
        let mut rng = Seed(0).stream(Purpose::Dropout, 0);
        let mask = dropout_mask(&[1000, 100], 0.1, &mut rng, Device::Cpu);
        // 100,000 draws: standard deviation of the share is 0.00095; five of them are allowed.
        let zeros = mask.eq(0.0).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        assert!((zeros - 0.1).abs() < 0.005, "{zeros}");
        assert!((mask.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.006);
    }

    #[test]
    fn rates_at_the_ends() {
        let mut rng = Seed(0).stream(Purpose::Dropout, 0);
        assert_eq!(
            dropout_mask(&[7], 0.0, &mut rng, Device::Cpu),
            Tensor::ones([7], (Kind::Float, Device::Cpu))
        );
        assert_eq!(
            dropout_mask(&[7], 1.0, &mut rng, Device::Cpu),
            Tensor::zeros([7], (Kind::Float, Device::Cpu))
        );
    }
}
