//! Dropout masks drawn in Rust, the same on every device and thread count.

use rand::RngCore;
use tch::{Device, Tensor};

use crate::slice::from_slice;

/// A mask `shape` of inverted dropout: 0 with probability `rate`, else `1 / (1 − rate)`.
///
/// The rate is rounded to 1/65,536. A rate of 0 draws nothing and gives ones.
pub fn dropout_mask(shape: &[i64], rate: f64, rng: &mut impl RngCore, device: Device) -> Tensor {
    let threshold = (rate.clamp(0.0, 1.0) * 65_536.0).round() as u32;
    let keep = if threshold < 65_536 { 65_536.0 / (65_536 - threshold) as f32 } else { 0.0 };
    let mut mask = vec![keep; shape.iter().product::<i64>() as usize];
    if threshold > 0 {
        for quad in mask.chunks_mut(4) {
            let bits = rng.next_u64();
            for (lane, value) in quad.iter_mut().enumerate() {
                if ((bits >> (16 * lane)) as u32 & 0xffff) < threshold {
                    *value = 0.0;
                }
            }
        }
    }
    from_slice(&mask, shape, device).expect("the mask was made of this shape")
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
