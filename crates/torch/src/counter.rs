//! Random numbers drawn where they are used.

use tch::{Device, Kind, Scalar, Tensor};

/// A counter-based generator made of tensor operations: the same bits on every device, none of them copied to it, nothing
/// waited for.
///
/// The i-th draw is the i-th of SplitMix64 (Steele, Lea and Flood 2014) from the key, so draws need no state but their
/// number. Some twenty passes over memory a tensor: on the CPU a [`crate::Seed::stream`] is faster.
///
/// ```
/// use recgoat_torch::Counter;
/// use tch::Device;
/// let (mut one, mut two) = (Counter::new(7), Counter::new(7));
/// let both = one.uniform(&[6], Device::Cpu);
/// assert_eq!(both.narrow(0, 0, 2), two.uniform(&[2], Device::Cpu));
/// assert_eq!(both.narrow(0, 2, 4), two.uniform(&[4], Device::Cpu));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    state: u64,
}

/// SplitMix64's increment, the odd number nearest to 2⁶⁴ over the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Counter {
    /// The draws of this key; take it from a [`crate::Seed::stream`].
    pub fn new(key: u64) -> Self {
        Self { state: key }
    }

    /// 64 random bits an entry, as the bits of `Int64`.
    pub fn bits(&mut self, shape: &[i64], device: Device) -> Tensor {
        let count = shape.iter().product::<i64>();
        let first = self.state.wrapping_add(GAMMA);
        self.state = self.state.wrapping_add(GAMMA.wrapping_mul(count as u64));
        let states = Tensor::arange(count, (Kind::Int64, device)) * scalar(GAMMA) + scalar(first);
        let mixed = xor_shifted(&states, 30) * scalar(0xbf58_476d_1ce4_e5b9);
        let mixed = xor_shifted(&mixed, 27) * scalar(0x94d0_49bb_1331_11eb);
        xor_shifted(&mixed, 31).view(shape)
    }

    /// Uniform in [0, 1), with 24 bits, in `f32`.
    pub fn uniform(&mut self, shape: &[i64], device: Device) -> Tensor {
        shifted(&self.bits(shape, device), 40).to_kind(Kind::Float) * 2f64.powi(-24)
    }

    /// Whole numbers from zero to below each of `bounds`, positive `Int64` below 2³¹; uniform but for a bias below 2⁻²².
    pub fn below(&mut self, bounds: &Tensor) -> Tensor {
        let unit = shifted(&self.bits(&bounds.size(), bounds.device()), 11).to_kind(Kind::Double);
        (unit * 2f64.powi(-53) * bounds).floor().to_kind(Kind::Int64)
    }
}

/// The number with these bits.
fn scalar(bits: u64) -> Scalar {
    Scalar::from(bits as i64)
}

/// `x ≫ by` of unsigned numbers.
fn shifted(x: &Tensor, by: i64) -> Tensor {
    x.bitwise_right_shift_tensor_scalar(by).bitwise_and((1i64 << (64 - by)) - 1)
}

fn xor_shifted(x: &Tensor, by: i64) -> Tensor {
    x.bitwise_xor_tensor(&shifted(x, by))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first three of key 0 are those of the generator's reference implementation (Vigna, splitmix64.c).
    #[test]
    fn bits_are_those_of_splitmix64() {
        let bits = Vec::<i64>::try_from(Counter::new(0).bits(&[3], Device::Cpu)).unwrap();
        let expected = [0xe220_a839_7b1d_cdaf_u64, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!(bits, expected.map(|bits| bits as i64));
        let plain = |key: u64, at: u64| {
            let mut z = key.wrapping_add(GAMMA.wrapping_mul(at + 1));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        for key in [1, u64::MAX, 0x1234_5678_9abc_def0] {
            let bits = Vec::<i64>::try_from(Counter::new(key).bits(&[1001], Device::Cpu)).unwrap();
            assert!((0..).zip(bits).all(|(at, bits)| bits as u64 == plain(key, at)), "{key}");
        }
    }

    #[test]
    fn numbers_are_uniform_and_within_bounds() {
        let mut counter = Counter::new(3);
        let unit = counter.uniform(&[100, 1000], Device::Cpu);
        let (low, high) = (unit.min().double_value(&[]), unit.max().double_value(&[]));
        assert!((0.0..1e-4).contains(&low) && (1.0 - 1e-4..1.0).contains(&high), "{low} {high}");
        // Five standard deviations of a mean of 100,000.
        assert!((unit.mean(Kind::Double).double_value(&[]) - 0.5).abs() < 5.0 * (1.0 / 12e5f64).sqrt());
        let bounds = Tensor::from_slice(&[1i64, 3, (1 << 31) - 1]).repeat([30_000]);
        let drawn = counter.below(&bounds);
        assert!(bool::try_from((drawn.ge(0).logical_and(&drawn.lt_tensor(&bounds))).all()).unwrap());
        let of_three = drawn.view([-1, 3]).select(1, 1).bincount(None::<Tensor>, 3);
        assert!((of_three - 10_000).abs().max().int64_value(&[]) < 5 * 82, "binomial, five deviations");
    }
}
