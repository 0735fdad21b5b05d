//! Products with quantised weights, in candle's fast kernels for every kind of block.

use candle_core::{
    CpuStorage, CustomOp1, Layout, Result, Shape, Tensor,
    quantized::{GgmlDType, QStorage, QTensor},
};

/// Weights that share a scale.
const BLOCK: usize = 32;
/// Bytes of a Q4_1 block: scale and minimum in half precision, then 32 levels of four bits.
const Q4_1_BYTES: usize = 20;
/// Rows from which a product with weights restored to single precision is faster.
const RESTORED_FROM: usize = 24;

/// A linear map without bias, `y = x · wᵀ` with `w [outputs, inputs]`.
#[derive(Debug)]
pub(super) struct Linear {
    weight: QTensor,
    product: Product,
}

#[derive(Debug)]
enum Product {
    /// candle's own.
    Plain,
    /// Levels around zero, and what each block is off by.
    Affine(Affine),
}

impl Linear {
    pub(super) fn new(weight: QTensor) -> Result<Self> {
        let product = match weight.dtype() {
            GgmlDType::Q4_1 => Product::Affine(Affine::new(&weight)?),
            _ => Product::Plain,
        };
        Ok(Self { weight, product })
    }

    /// `x [1, rows, inputs]` to `[1, rows, outputs]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, rows, _) = x.dims3()?;
        if rows >= RESTORED_FROM {
            let weight = self.weight.dequantize(x.device())?;
            return x.squeeze(0)?.matmul(&weight.t()?)?.unsqueeze(0);
        }
        match &self.product {
            Product::Plain => x.apply_op1_no_bwd(&self.weight),
            Product::Affine(affine) => x.apply_op1_no_bwd(affine),
        }
    }
}

/// A Q4_1 matrix as a Q4_0 matrix and an offset a block.
///
/// candle multiplies Q4_1 blocks one weight at a time, Q4_0 blocks with vector instructions. With levels `q` in
/// `0..16`, scale `d` and minimum `m` a weight is `d·q + m = d·(q − 8) + (m + 8·d)`: a Q4_0 weight and a number that the
/// block shares, so `Σ w·x = Σ d·(q − 8)·x + Σ_blocks (m + 8·d)·Σ_block x`. Both sides hold the same weights exactly.
#[derive(Debug)]
struct Affine {
    levels: QTensor,
    /// `[outputs, blocks]`
    offsets: Vec<f32>,
    blocks: usize,
}

impl Affine {
    fn new(weight: &QTensor) -> Result<Self> {
        let (_, inputs) = weight.shape().dims2()?;
        let data = weight.data()?;
        let (packed, _) = data.as_chunks::<Q4_1_BYTES>();
        let half = |bytes: &[u8]| half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
        let offsets = packed.iter().map(|block| half(&block[2..4]) + 8.0 * half(&block[..2])).collect();
        // Q4_0 has the same scale and the same order of levels, less the minimum.
        let levels = packed.iter().flat_map(|block| block[..2].iter().chain(&block[4..])).copied().collect();
        let levels = QStorage::from_data(std::borrow::Cow::Owned(levels), &weight.device(), GgmlDType::Q4_0)?;
        Ok(Self { levels: QTensor::new(levels, weight.shape())?, offsets, blocks: inputs / BLOCK })
    }
}

impl CustomOp1 for Affine {
    fn name(&self) -> &'static str {
        "q4_1-matmul"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (mut product, shape) = self.levels.cpu_fwd(storage, layout)?;
        let start = layout.start_offset();
        let x = &storage.as_slice::<f32>()?[start..start + layout.shape().elem_count()];
        let CpuStorage::F32(out) = &mut product else { candle_core::bail!("expected single precision") };
        let outputs = self.offsets.len() / self.blocks;
        for (x, out) in x.chunks_exact(self.blocks * BLOCK).zip(out.chunks_exact_mut(outputs)) {
            let sums: Vec<f32> = x.chunks_exact(BLOCK).map(|block| block.iter().sum()).collect();
            for (out, offsets) in out.iter_mut().zip(self.offsets.chunks_exact(self.blocks)) {
                *out += offsets.iter().zip(&sums).map(|(offset, sum)| offset * sum).sum::<f32>();
            }
        }
        Ok((product, shape))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// The product in single precision is the reference. The kernels quantise activations to 8 bits, a step of 1/127 of
    /// the largest of a block: those here are whole steps of 1/64 and reach 127 of them in each block, so they lose
    /// nothing and every path is exact to rounding.
    #[test]
    fn every_path_is_the_product() {
        let weight: Vec<f32> = (0..12 * 96).map(|i| (1.7 * i as f32).sin() + 0.3).collect();
        let weight = Tensor::from_vec(weight, (12, 96), &Device::Cpu).unwrap();
        for kind in [GgmlDType::Q4_1, GgmlDType::Q4_0, GgmlDType::Q8_0] {
            let linear = Linear::new(QTensor::quantize(&weight, kind).unwrap()).unwrap();
            let exact = linear.weight.dequantize(&Device::Cpu).unwrap();
            for rows in [1, 3, RESTORED_FROM] {
                let step = |i: usize| {
                    if i.is_multiple_of(BLOCK) { 127.0 } else { (i * i * 37 % 255) as f32 - 127.0 }
                };
                let x = (0..rows * 96).map(|i| step(i) / 64.0).collect();
                let x = Tensor::from_vec(x, (1, rows, 96), &Device::Cpu).unwrap();
                let expected = x.squeeze(0).unwrap().matmul(&exact.t().unwrap()).unwrap();
                let found = linear.forward(&x).unwrap().squeeze(0).unwrap();
                let worst = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
                let worst = worst.to_scalar::<f32>().unwrap();
                assert!(worst < 1e-4, "{kind:?} with {rows} rows is off by {worst}");
            }
        }
    }
}
