//! What the bands of a trained model hold, and what its gates make of them.

use recgoat_align::contrast::unit_rows;
use recgoat_eval::report::Picture;
use tch::{Kind, Tensor};

use super::{Ssr, operator::Fused};
use crate::Result;

/// Points of a filter's curve.
const POINTS: usize = 81;

/// The response of each filter; the energy of each band by tower; how far modalities agree in each band; the gates by the
/// degree of their node. `bands` are those of all nodes, `[nodes, bands, channels]`.
pub(super) fn pictures(model: &Ssr, bands: &Tensor) -> Result<Vec<Picture>> {
    let count = model.config.bands;
    let towers: Vec<&str> =
        std::iter::once("id").chain(model.towers.sides.iter().map(|side| side.name.as_str())).collect();
    let by_tower = bands.view([-1, count as i64, towers.len() as i64, model.config.dim as i64]);
    let mut pictures = vec![responses(model)];
    let energies = by_tower.square().sum_dim_intlist(&[0i64, 3][..], false, Kind::Double);
    let energy = |band: usize, tower: usize| energies.double_value(&[band as i64, tower as i64]);
    let shares = towers.iter().enumerate().flat_map(|(tower, of)| {
        let whole: f64 = (0..count).map(|band| energy(band, tower)).sum();
        let share =
            move |band: usize| (format!("{of}, band {}", band + 1), energy(band, tower) / whole.max(1e-12));
        (0..count).map(share).collect::<Vec<_>>()
    });
    pictures.push(Picture::Bars { title: "share of a tower's energy".to_owned(), bars: shares.collect() });
    let agreement = agreements(model, &by_tower, &towers);
    if !agreement.is_empty() {
        let title = "cosine of an item's modalities".to_owned();
        pictures.push(Picture::Bars { title, bars: agreement });
    }
    if let Fused { gates: Some(gates), .. } = model.operator.apply(&model.parameters, bands, None) {
        pictures.push(gates_by_degree(model, &gates)?);
    }
    Ok(pictures)
}

fn responses(model: &Ssr) -> Picture {
    let curve = |band: usize| {
        let at = |point: usize| 2.0 * point as f64 / (POINTS - 1) as f64;
        (0..POINTS).map(|point| (at(point), model.bands.response(band, at(point)))).collect()
    };
    Picture::Curves {
        title: "response of the filters".to_owned(),
        axis: "eigenvalue of the Laplacian".to_owned(),
        curves: (0..model.config.bands).map(|band| (format!("band {}", band + 1), curve(band))).collect(),
    }
}

/// The mean cosine of every two modalities of the items that have both, a band.
fn agreements(model: &Ssr, by_tower: &Tensor, towers: &[&str]) -> Vec<(String, f64)> {
    let [users, items] = model.towers.sizes().map(|size| size as i64);
    let unit = unit_rows(&by_tower.narrow(0, users, items));
    let mut found = Vec::new();
    for left in 1..towers.len() {
        for right in left + 1..towers.len() {
            let [a, b] = [left, right].map(|tower| &model.towers.sides[tower - 1].present);
            let both: Vec<i64> =
                (0..).zip(a.iter().zip(b)).filter(|(_, (a, b))| **a && **b).map(|(i, _)| i).collect();
            if both.is_empty() {
                continue;
            }
            let rows = Tensor::from_slice(&both).to_device(unit.device());
            let [a, b] = [left, right].map(|tower| unit.select(2, tower as i64).index_select(0, &rows));
            let cosines = (a * b).sum_dim_intlist(-1, false, Kind::Float).mean_dim(0, false, Kind::Double);
            let of = |band: usize| {
                let name = format!("{} and {}, band {}", towers[left], towers[right], band + 1);
                (name, cosines.double_value(&[band as i64]))
            };
            found.extend((0..model.config.bands).map(of));
        }
    }
    found
}

/// The mean gate of each band over the nodes between one power of two of train interactions and the next.
fn gates_by_degree(model: &Ssr, gates: &Tensor) -> Result<Picture> {
    let values = recgoat_torch::to_vec(gates)?;
    let bands = model.config.bands;
    let bin = |degree: usize| (degree + 1).ilog2() as usize;
    let bins = model.degrees.iter().map(|&degree| bin(degree)).max().unwrap_or(0) + 1;
    let mut sums = vec![vec![0f64; bins]; bands];
    let mut counts = vec![0f64; bins];
    for (row, &degree) in values.chunks(bands).zip(&model.degrees) {
        counts[bin(degree)] += 1.0;
        row.iter().zip(&mut sums).for_each(|(gate, sums)| sums[bin(degree)] += f64::from(*gate));
    }
    let curve = |sums: &Vec<f64>| {
        let bins = sums.iter().zip(&counts).enumerate().filter(|(_, (_, count))| **count > 0.0);
        bins.map(|(bin, (sum, count))| (bin as f64, sum / count)).collect()
    };
    let curves = sums.iter().enumerate();
    Ok(Picture::Curves {
        title: "mean gate of a node".to_owned(),
        axis: "log2 (1 + train interactions)".to_owned(),
        curves: curves.map(|(band, sums)| (format!("mixed band {}", band + 1), curve(sums))).collect(),
    })
}
