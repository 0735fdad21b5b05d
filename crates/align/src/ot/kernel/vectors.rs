//! Functions of whole vectors of potentials and ratios.

use multiversion::{multiversion, target::target_cfg_f};

use super::exp::{exp_f64, log_f64};

/// `out_j = exp((now_j − then_j) scale)`.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub(in crate::ot) fn scalings(now: &[f64], then: &[f64], scale: f64, out: &mut [f64]) {
    const FMA: bool = target_cfg_f!(target_feature = "fma");
    for ((out, now), then) in out.iter_mut().zip(now).zip(then) {
        *out = exp_f64::<FMA>((now - then) * scale);
    }
}

/// `out_j = log ratios_j` of normal positive numbers.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub(in crate::ot) fn logs(ratios: &[f64], out: &mut [f64]) {
    const FMA: bool = target_cfg_f!(target_feature = "fma");
    for (out, &ratio) in out.iter_mut().zip(ratios) {
        *out = log_f64::<FMA>(ratio);
    }
}
