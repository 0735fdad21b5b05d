//! Preference gates: how much of each view behaviour lets through.

use recgoat_graph::Relay;
use recgoat_torch::{GatedSum, push};
use tch::Tensor;

use crate::{Parameters, Result, dense::Dense, phase::Phase};

/// `s · Σ_v x_v ⊙ dropout(σ(Ê P_v + p_v))` of views `x_v`, with `Ê` the smoothed ids `[nodes, dim]`: as a leaf of the relay.
///
/// Each view has a gate `(P_v, p_v)` and is given as leaves of the relay, blocks of rows one below the other; so is
/// `smoothed`.
pub(crate) fn gated_sum<'a>(
    views: Vec<(&Dense, Vec<Tensor>)>,
    smoothed: &Tensor,
    (rate, scale): (f64, f64),
    parameters: &Parameters,
    (relay, phase): (&mut Relay<'a>, &mut Phase<'_>),
) -> Result<Tensor> {
    let (gates, views): (Vec<&Dense>, Vec<Vec<Tensor>>) = views.into_iter().unzip();
    // One product for all gates, forwards and backwards.
    let logits = Dense::side_by_side(&gates, parameters, smoothed);
    let leaves: Vec<Vec<Tensor>> =
        views.iter().map(|blocks| blocks.iter().map(Tensor::shallow_clone).collect()).collect();
    let sum = GatedSum::new(views, &logits, phase.draw(logits.numel(), rate, logits.device()), scale);
    let output = sum.apply()?;
    Ok(relay.layer(&logits, &output, move |gradient| {
        let (of_views, of_logits) = sum.vjp(gradient).map_err(recgoat_graph::Error::from)?;
        for (leaf, gradient) in leaves.iter().flatten().zip(of_views.iter().flatten()) {
            push(leaf, gradient);
        }
        Ok(of_logits)
    }))
}
