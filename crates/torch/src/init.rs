//! Initial parameters, drawn in Rust so that every device starts alike.

use rand::{Rng, RngCore};
use rand_distr::{Distribution, Normal, Uniform};
use tch::{Device, Tensor};

use crate::slice::from_slice;

/// A parameter `shape` with entries from N(0, `deviation`²).
///
/// # Panics
/// When `deviation` is not finite.
pub fn normal(shape: &[i64], deviation: f64, rng: &mut impl RngCore, device: Device) -> Tensor {
    let law = Normal::new(0.0, deviation as f32).expect("a finite deviation");
    draw(shape, &law, rng, device)
}

/// A parameter `[rows, columns]` with entries uniform on ±√(6 / (rows + columns)) (Glorot and Bengio 2010, eq. 16).
pub fn xavier(rows: i64, columns: i64, rng: &mut impl RngCore, device: Device) -> Tensor {
    let bound = (6.0 / (rows + columns).max(1) as f32).sqrt();
    let law = Uniform::new_inclusive(-bound, bound).expect("an ordered, finite interval");
    draw(&[rows, columns], &law, rng, device)
}

fn draw(shape: &[i64], law: &impl Distribution<f32>, rng: &mut impl RngCore, device: Device) -> Tensor {
    let values: Vec<f32> = rng.sample_iter(law).take(shape.iter().product::<i64>() as usize).collect();
    from_slice(&values, shape, device).expect("drawn to fill the shape").set_requires_grad(true)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::{Purpose, Seed};

    #[test]
    fn deviations_are_as_asked() {
        let mut rng = Seed(1).stream(Purpose::Init, 0);
        let wide = normal(&[200, 500], 0.1, &mut rng, Device::Cpu);
        assert!((wide.std(true).double_value(&[]) - 0.1).abs() < 1e-3);
        // Uniform on ±b has deviation b/√3 = √(2 / (rows + columns)).
        let glorot = xavier(300, 500, &mut rng, Device::Cpu);
        assert!((glorot.std(true).double_value(&[]) - (2.0f64 / 800.0).sqrt()).abs() < 1e-4);
        assert!(glorot.abs().max().to_kind(Kind::Float).double_value(&[]) <= (6.0f64 / 800.0).sqrt() + 1e-7);
    }
}
