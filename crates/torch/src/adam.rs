//! Adam whose state can be saved.

use multiversion::multiversion;
use rayon::prelude::*;
use tch::Tensor;

use crate::{Error, Result, slice::as_slice_mut};

/// Settings of [`Adam`]. Defaults are those of the paper (Kingma and Ba 2015, algorithm 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamConfig {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// The optimiser of Kingma and Ba (2015), algorithm 1, over a fixed list of parameters.
///
/// Unlike libtorch's through `tch`, its moments and step count can be read and set, so a resumed run continues
/// bit for bit.
///
/// ```
/// use recgoat_torch::{Adam, AdamConfig};
/// use tch::{Device, Kind, Tensor};
/// let x = Tensor::full([1], 4.0, (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// let mut parameters = [x];
/// let mut adam = Adam::new(AdamConfig { learning_rate: 0.1, ..Default::default() }, &parameters);
/// for _ in 0..200 {
///     parameters[0].square().sum(Kind::Float).backward();
///     adam.step(&mut parameters)?;
/// }
/// assert!(parameters[0].double_value(&[0]).abs() < 0.05);
/// # Ok::<(), recgoat_torch::Error>(())
/// ```
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    steps: u64,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
}

impl Adam {
    /// An optimiser that has taken no step, for parameters of these shapes and devices.
    pub fn new(config: AdamConfig, parameters: &[Tensor]) -> Self {
        let zeros = || tch::no_grad(|| parameters.iter().map(|p| p.detach().zeros_like()).collect());
        Self { config, steps: 0, first: zeros(), second: zeros() }
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The moments, first and second, one of each a parameter, in the parameters' order.
    pub fn moments(&self) -> (&[Tensor], &[Tensor]) {
        (&self.first, &self.second)
    }

    /// Continues from a saved state.
    ///
    /// # Errors
    /// [`Error::Form`] when the moments do not fit the parameters this optimiser was made for.
    pub fn restore(&mut self, steps: u64, first: Vec<Tensor>, second: Vec<Tensor>) -> Result<()> {
        let shapes = |list: &[Tensor]| list.iter().map(Tensor::size).collect::<Vec<_>>();
        for (held, saved) in [(&self.first, &first), (&self.second, &second)] {
            if shapes(held) != shapes(saved) {
                return Err(Error::Form {
                    operation: "Adam::restore",
                    expected: format!("moments of shapes {:?}", shapes(held)),
                    found: format!("{:?}", shapes(saved)),
                });
            }
        }
        (self.steps, self.first, self.second) = (steps, first, second);
        Ok(())
    }

    /// One update from the parameters' gradients, which are set to zero. A parameter without a gradient stays.
    ///
    /// # Errors
    /// [`Error::Form`] when these are not as many parameters as the optimiser was made for, or a CPU parameter is not
    /// contiguous `f32`.
    pub fn step(&mut self, parameters: &mut [Tensor]) -> Result<()> {
        if parameters.len() != self.first.len() {
            return Err(Error::Form {
                operation: "Adam::step",
                expected: format!("{} parameters", self.first.len()),
                found: parameters.len().to_string(),
            });
        }
        self.steps += 1;
        let AdamConfig { learning_rate, beta1, beta2, epsilon } = self.config;
        let power = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let update = Update {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            rate: (learning_rate / (1.0 - beta1.powi(power))) as f32,
            unbias: (1.0 / (1.0 - beta2.powi(power)).sqrt()) as f32,
            epsilon: epsilon as f32,
        };
        for ((parameter, m), v) in parameters.iter_mut().zip(&mut self.first).zip(&mut self.second) {
            let mut gradient = parameter.grad();
            if !gradient.defined() {
                continue;
            }
            if parameter.device() == tch::Device::Cpu {
                let (p, g) = (as_slice_mut(parameter)?, as_slice_mut(&mut gradient)?);
                update.on_slices(p, g, as_slice_mut(m)?, as_slice_mut(v)?);
            } else {
                tch::no_grad(|| update.on_tensors(parameter, &gradient, m, v));
                let _ = gradient.zero_();
            }
        }
        Ok(())
    }
}

/// One step's constants.
#[derive(Clone, Copy)]
struct Update {
    beta1: f32,
    beta2: f32,
    rate: f32,
    unbias: f32,
    epsilon: f32,
}

impl Update {
    /// Entries are independent, so the split into chunks does not change a bit. The gradient is zero afterwards.
    fn on_slices(self, p: &mut [f32], g: &mut [f32], m: &mut [f32], v: &mut [f32]) {
        const CHUNK: usize = 1 << 16;
        p.par_chunks_mut(CHUNK)
            .zip(g.par_chunks_mut(CHUNK))
            .zip(m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK)))
            .for_each(|((p, g), (m, v))| adam_kernel(self, p, g, m, v));
    }

    fn on_tensors(self, p: &mut Tensor, g: &Tensor, m: &mut Tensor, v: &mut Tensor) {
        let _ = m.g_mul_scalar_(f64::from(self.beta1)).g_add_(&(g * f64::from(1.0 - self.beta1)));
        let _ = v.g_mul_scalar_(f64::from(self.beta2)).g_add_(&(g * g * f64::from(1.0 - self.beta2)));
        let root = v.sqrt() * f64::from(self.unbias) + f64::from(self.epsilon);
        let _ = p.g_sub_(&(&*m / root * f64::from(self.rate)));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn adam_kernel(update: Update, p: &mut [f32], g: &mut [f32], m: &mut [f32], v: &mut [f32]) {
    let Update { beta1, beta2, rate, unbias, epsilon } = update;
    for ((p, g), (m, v)) in p.iter_mut().zip(g).zip(m.iter_mut().zip(v)) {
        *m = beta1 * *m + (1.0 - beta1) * *g;
        *v = beta2 * *v + (1.0 - beta2) * *g * *g;
        *p -= rate * *m / (v.sqrt() * unbias + epsilon);
        *g = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use tch::{
        Device, Kind,
        nn::{self, OptimizerConfig},
    };

    use super::*;

    fn loss(p: &Tensor) -> Tensor {
        (p.square() * 0.5 + p.sin()).sum(Kind::Float)
    }

    #[test]
    fn agrees_with_libtorch() {
        let start = Tensor::arange(70_001, (Kind::Float, Device::Cpu)) / 10_000.0 - 3.0;
        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().var_copy("p", &start);
        let mut optimizer = nn::Adam::default().build(&store, 0.05).unwrap();
        let mut ours = [start.copy().set_requires_grad(true)];
        let mut adam = Adam::new(AdamConfig { learning_rate: 0.05, ..Default::default() }, &ours);
        for _ in 0..25 {
            optimizer.backward_step(&loss(&theirs));
            loss(&ours[0]).backward();
            adam.step(&mut ours).unwrap();
        }
        let gap = (&ours[0] - &theirs).abs().max().double_value(&[]);
        assert!(gap < 2e-5, "{gap}");
    }

    #[test]
    fn the_slice_and_the_tensor_path_agree() {
        let update = Update { beta1: 0.9, beta2: 0.999, rate: 0.01, unbias: 1.2, epsilon: 1e-8 };
        let make = |f: f64| (Tensor::arange(1000, (Kind::Float, Device::Cpu)) * f).cos().abs();
        let mut g = make(0.7);
        let (mut p, mut m, mut v) = (make(0.1), make(0.2), make(0.3));
        let (mut p2, mut m2, mut v2) = (p.copy(), m.copy(), v.copy());
        update.on_tensors(&mut p, &g, &mut m, &mut v);
        update.on_slices(
            as_slice_mut(&mut p2).unwrap(),
            as_slice_mut(&mut g).unwrap(),
            as_slice_mut(&mut m2).unwrap(),
            as_slice_mut(&mut v2).unwrap(),
        );
        for (a, b) in [(p, p2), (m, m2), (v, v2)] {
            assert!(a.allclose(&b, 1e-6, 1e-7, false));
        }
    }

    #[test]
    fn restored_state_continues_bit_for_bit() {
        let config = AdamConfig { learning_rate: 0.1, ..Default::default() };
        let run = |interrupt: bool| {
            let mut p = [Tensor::ones([5], (Kind::Float, Device::Cpu)).set_requires_grad(true)];
            let mut adam = Adam::new(config, &p);
            for step in 0..10 {
                if interrupt && step == 6 {
                    let copy = |list: &[Tensor]| list.iter().map(Tensor::copy).collect::<Vec<_>>();
                    let (steps, first, second) =
                        (adam.steps(), copy(adam.moments().0), copy(adam.moments().1));
                    adam = Adam::new(config, &p);
                    adam.restore(steps, first, second).unwrap();
                }
                loss(&p[0]).backward();
                adam.step(&mut p).unwrap();
            }
            p[0].detach()
        };
        assert_eq!(run(false), run(true));
    }

    #[test]
    fn foreign_state_is_refused() {
        let p = [Tensor::ones([5], (Kind::Float, Device::Cpu))];
        let mut adam = Adam::new(AdamConfig::default(), &p);
        let error = adam.restore(1, vec![], vec![]).unwrap_err().to_string();
        assert!(error.contains("[[5]]"), "{error}");
        assert_eq!(adam.step(&mut []).unwrap_err().to_string(), "Adam::step: expected 1 parameters, found 0");
    }
}
