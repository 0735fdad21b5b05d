//! What alignment does, in numbers that can be watched over training.

use std::collections::BTreeMap;

use recgoat_align::{
    contrast::{info_nce, unit_rows},
    oat::Transport,
};
use recgoat_eval::report::Picture;
use tch::{Kind, Tensor};

use crate::Result;

/// Items looked at; every value is a mean over them or over their pairs.
const SAMPLE: i64 = 512;

/// A modality's view before and after transport, of the items that have features, and what the transport was.
pub(super) struct Aligned<'a> {
    pub(super) name: &'a str,
    pub(super) view: Tensor,
    pub(super) moved: Tensor,
    /// Rows of those items, where not all are there.
    pub(super) present: Option<&'a Tensor>,
    /// One a band; none where nothing is transported.
    pub(super) plans: &'a [Plan],
}

/// A plan, what it costs, and what it does beside a residual. Nothing here is a number yet: to read one waits for a device.
#[derive(Debug)]
pub(super) struct Plan {
    found: Transport,
    /// `|z d·T|_F / |z Δ|_F`, where there is a Δ.
    share: Option<Tensor>,
    /// As it is applied.
    map: Tensor,
}

impl Plan {
    /// Of a transport of `view` whose map is applied as `map`, beside `residual` where there is one.
    pub(super) fn new(found: Transport, view: &Tensor, map: &Tensor, residual: Option<&Tensor>) -> Self {
        let size = |map: &Tensor| view.detach().matmul(&map.detach()).norm();
        // Two products of its own: only outside the tape, where somebody looks.
        let residual = residual.filter(|_| !found.wasserstein.requires_grad());
        Self { share: residual.map(|residual| size(map) / size(residual)), map: map.detach(), found }
    }
}

/// Values by name, `<what> <modality>`:
///
/// - `plan mass`, `plan marginal error`, `W1`, `plan over residual`: of the transport;
/// - `cosine to ids`, `cosine to ids, moved`: of an item's view and its id row, before and after transport;
/// - `uniformity`: `log mean exp(−2 |x − y|²)` over pairs of unit rows (Wang and Isola 2020, eq. 2), of each view and of
///   the ids;
/// - `slack of the bound`: of `mean |z_m − z|² ≤ 4 + 2τ log((e^L − 1)/(B − 1))`, `L` being InfoNCE over `B` items.
///
/// What is not finite is left out: a view of one row has no pairs, and a loss of zero bounds nothing.
pub(super) fn diagnose(
    ids: &Tensor,
    views: &[Aligned<'_>],
    temperature: f64,
) -> Result<BTreeMap<String, f64>> {
    let mut found = BTreeMap::new();
    found.insert("uniformity of ids".to_owned(), uniformity(&unit_rows(&sample(ids, None))));
    for Aligned { name, view, moved, present, plans } in views {
        for (plan, of) in plans.iter().zip(plan_names(name, plans.len())) {
            let mut put = |what: &str, value: f64| found.insert(format!("{what}, {of}"), value);
            put("plan mass", plan.found.mass());
            put("plan marginal error", plan.found.marginal_error());
            put("W1", plan.found.wasserstein.double_value(&[]));
            plan.share.as_ref().map(|share| put("plan over residual", share.double_value(&[])));
        }
        let mut put = |what: &str, value: f64| found.insert(format!("{what}, {name}"), value);
        let ids = unit_rows(&sample(ids, *present));
        let [view, moved] = [view, moved].map(|rows| unit_rows(&sample(rows, None)));
        let cosine = |rows: &Tensor| mean(&(rows * &ids).sum_dim_intlist(1, false, Kind::Float));
        put("cosine to ids", cosine(&view));
        put("cosine to ids, moved", cosine(&moved));
        let count = view.size()[0] as u32;
        if count > 1 {
            put("uniformity", uniformity(&view));
            let targets: Vec<u32> = (0..count).collect();
            let loss = info_nce(&view, &ids, &targets, temperature)?.double_value(&[]);
            let bound = 4.0 + 2.0 * temperature * (loss.exp_m1() / f64::from(count - 1)).ln();
            let distance = (&view - &ids).square().sum_dim_intlist(1, false, Kind::Float);
            put("slack of the bound", bound - mean(&distance));
        }
    }
    found.retain(|_, value| value.is_finite());
    Ok(found)
}

/// The plans as heat maps, and the ids and views before and after transport on the first two principal components of
/// all of them together, as unit rows.
///
/// # Errors
/// A failure of libtorch.
pub(super) fn pictures(ids: &Tensor, views: &[Aligned<'_>]) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for view in views {
        for (plan, of) in view.plans.iter().zip(plan_names(view.name, view.plans.len())) {
            let title = format!("plan as applied: rows {of}, columns ids");
            let (columns, values) = (plan.map.size()[1] as usize, recgoat_torch::to_vec(&plan.map)?);
            pictures.push(Picture::HeatMap { title, columns, values });
        }
    }
    let mut groups = vec![("ids".to_owned(), unit_rows(&sample(ids, None)))];
    for Aligned { name, view, moved, .. } in views {
        groups.push((format!("{name}, before transport"), unit_rows(&sample(view, None))));
        groups.push((format!("{name}, after"), unit_rows(&sample(moved, None))));
    }
    let rows: Vec<&Tensor> = groups.iter().map(|(_, rows)| rows).collect();
    let all = Tensor::cat(&rows, 0);
    let mean = all.mean_dim(0, true, Kind::Float);
    let (_, _, components) = (&all - &mean).svd(true, true);
    let plane = components.narrow(1, 0, components.size()[1].min(2));
    let points = |rows: &Tensor| -> Result<Vec<(f32, f32)>> {
        let flat = recgoat_torch::to_vec(&(rows - &mean).matmul(&plane).contiguous())?;
        Ok(flat
            .chunks(plane.size()[1] as usize)
            .map(|xy| (xy[0], xy.get(1).copied().unwrap_or(0.0)))
            .collect())
    };
    let groups = groups.iter().map(|(name, rows)| Ok((name.clone(), points(rows)?)));
    let title = "principal components of ids and views".to_owned();
    pictures.push(Picture::Clouds { title, groups: groups.collect::<Result<_>>()? });
    Ok(pictures)
}

/// What so many plans of a modality are called: by their band, where there is more than one.
fn plan_names(modality: &str, count: usize) -> impl Iterator<Item = String> {
    (1..=count)
        .map(move |band| if count == 1 { modality.to_owned() } else { format!("{modality}, band {band}") })
}

/// Rows at even steps.
fn sample(rows: &Tensor, present: Option<&Tensor>) -> Tensor {
    let rows = present.map_or_else(|| rows.shallow_clone(), |present| rows.index_select(0, present));
    let count = rows.size()[0];
    let step = (count / SAMPLE).max(1);
    rows.slice(0, 0, (step * SAMPLE).min(count), step).detach()
}

fn uniformity(unit: &Tensor) -> f64 {
    let count = unit.size()[0];
    // |x − y|² = 2 − 2 cos; the diagonal adds exp(0) a row.
    let sum = ((unit.matmul(&unit.tr()) - 1.0) * 4.0).exp().sum(Kind::Double).double_value(&[]);
    ((sum - count as f64) / (count * (count - 1)) as f64).ln()
}

fn mean(values: &Tensor) -> f64 {
    values.mean(Kind::Double).double_value(&[])
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn equal_views_agree_and_the_bound_holds() {
        tch::manual_seed(2);
        let ids = Tensor::randn([700, 16], (Kind::Float, Device::Cpu));
        let noisy = &ids + Tensor::randn([700, 16], (Kind::Float, Device::Cpu)) * 0.5;
        let aligned = |name, view: &Tensor| {
            let (view, moved) = (view.shallow_clone(), view.shallow_clone());
            Aligned { name, view, moved, present: None, plans: &[] }
        };
        let found = diagnose(&ids, &[aligned("same", &ids), aligned("noisy", &noisy)], 0.2).unwrap();
        assert!((found["cosine to ids, same"] - 1.0).abs() < 1e-5);
        assert!(found["cosine to ids, noisy"] < 0.95 && found["cosine to ids, noisy"] > 0.8);
        assert!(found["slack of the bound, same"] > 0.0 && found["slack of the bound, noisy"] > 0.0);
        // Of independent directions in 16 dimensions: E exp(4 cos − 4), by hand about −3.5.
        assert!((found["uniformity of ids"] + 3.5).abs() < 0.15, "{}", found["uniformity of ids"]);
    }

    /// JSON has no other values; rounding makes the pairs of one row a sum just above or below zero.
    #[test]
    fn one_row_and_a_loss_of_zero_leave_finite_values() {
        let ids = Tensor::eye(3, (Kind::Float, Device::Cpu));
        let present = Tensor::from_slice(&[1i64]);
        let aligned = |name, view: &Tensor, present| {
            let (view, moved) = (view.shallow_clone(), view.shallow_clone());
            Aligned { name, view, moved, present, plans: &[] }
        };
        let one = ids.index_select(0, &present);
        let views = [aligned("one row", &one, Some(&present)), aligned("no loss", &ids, None)];
        let found = diagnose(&ids, &views, 0.01).unwrap();
        assert!(found.values().all(|value| value.is_finite()), "{found:?}");
        assert!(found.contains_key("cosine to ids, one row") && !found.contains_key("uniformity, one row"));
        assert!(
            found.contains_key("uniformity, no loss") && !found.contains_key("slack of the bound, no loss")
        );
    }
}
