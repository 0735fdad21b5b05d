//! Dropout masks, the same on every thread count.

use rand::{Rng, RngCore};
use tch::{Device, Kind, Tensor};

use crate::{counter::Counter, slice::from_slice};

/// A mask of inverted dropout, kept as what decides: on the CPU two random bytes an entry, elsewhere the key that the
/// device draws with.
#[derive(Debug, Clone)]
pub struct Dropout {
    drawn: Drawn,
    entries: usize,
    /// Entries whose bits lie below are dropped.
    pub(crate) threshold: u32,
    /// What the others are multiplied by.
    pub(crate) scale: f32,
}

#[derive(Debug, Clone)]
enum Drawn {
    Here(Vec<u16>),
    There(Counter),
}

impl Dropout {
    /// A mask of `count` entries for tensors on `device`: 0 with probability `rate`, else `1 / (1 − rate)`; the rate is
    /// rounded to 1/65,536.
    pub fn draw(count: usize, rate: f64, rng: &mut impl RngCore, device: Device) -> Self {
        let drawn = if device == Device::Cpu {
            let mut bits = vec![0; count];
            rng.fill(bits.as_mut_slice());
            Drawn::Here(bits)
        } else {
            Drawn::There(Counter::new(rng.next_u64()))
        };
        let threshold = (rate.clamp(0.0, 1.0) * 65_536.0).round() as u32;
        let scale = if threshold < 65_536 { 65_536.0 / (65_536 - threshold) as f32 } else { 0.0 };
        Self { drawn, entries: count, threshold, scale }
    }

    /// Number of entries.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// The bits, one entry each, of a mask drawn for the CPU.
    pub(crate) fn bits(&self) -> Option<&[u16]> {
        match &self.drawn {
            Drawn::Here(bits) => Some(bits),
            Drawn::There(_) => None,
        }
    }

    /// The mask as a tensor `shape` on the device it was drawn for.
    ///
    /// # Panics
    /// When the mask was not drawn for as many entries.
    pub fn mask(&self, shape: &[i64], device: Device) -> Tensor {
        assert_eq!(shape.iter().product::<i64>(), self.entries as i64, "a mask drawn for this shape");
        match &self.drawn {
            Drawn::Here(bits) => {
                let value = |&bits: &u16| if u32::from(bits) < self.threshold { 0.0 } else { self.scale };
                let mask: Vec<f32> = bits.iter().map(value).collect();
                from_slice(&mask, shape, device).expect("an entry each")
            }
            Drawn::There(counter) => {
                let unit = counter.clone().uniform(shape, device);
                unit.ge(f64::from(self.threshold) / 65_536.0).to_kind(Kind::Float) * f64::from(self.scale)
            }
        }
    }
}

/// [`Dropout::mask`] of a tensor `shape`. A rate of 0 draws nothing and gives ones.
pub fn dropout_mask(shape: &[i64], rate: f64, rng: &mut impl RngCore, device: Device) -> Tensor {
    if rate <= 0.0 {
        return Tensor::ones(shape, (Kind::Float, device));
    }
    Dropout::draw(shape.iter().product::<i64>() as usize, rate, rng, device).mask(shape, device)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_device_draws_masks_of_the_same_law() {
        let draw = |key| Dropout {
            drawn: Drawn::There(Counter::new(key)),
            entries: 100_000,
            threshold: 6_554,
            scale: 1.1,
        };
        let mask = draw(5).mask(&[1000, 100], Device::Cpu);
        assert_eq!(mask, draw(5).mask(&[1000, 100], Device::Cpu), "forwards and backwards alike");
        assert_ne!(mask, draw(6).mask(&[1000, 100], Device::Cpu));
        let zeros = mask.eq(0.0).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        assert!((zeros - 0.1).abs() < 0.005, "{zeros}");
        assert!((mask.max().double_value(&[]) - 1.1).abs() < 1e-6);
    }
}
