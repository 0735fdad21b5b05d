//! Models without gradient steps, against dense references written from their definition.

use nalgebra::DMatrix;
use recgoat_data::{
    Dataset, Split,
    synthetic::{SyntheticConfig, synthetic},
};
use recgoat_graph::NeighbourCache;
use recgoat_model::{Context, ModelConfig};
use recgoat_torch::Seed;
use tch::Device;

const USERS: usize = 23;
const ITEMS: usize = 17;

fn dataset() -> Dataset {
    let modalities = vec![("image".to_owned(), 5), ("text".to_owned(), 9)];
    synthetic(&SyntheticConfig { users: USERS, items: ITEMS, interactions: 140, seed: 3, modalities })
        .unwrap()
}

fn scores(name: &str, settings: &[(&str, &str)], dataset: &Dataset) -> DMatrix<f64> {
    let config = ModelConfig::named(name).unwrap();
    let config = settings.iter().fold(config, |config, (key, value)| config.with(key, value).unwrap());
    let model = config
        .build(&Context { dataset, seed: Seed(0), device: Device::Cpu, neighbours: &NeighbourCache::none() })
        .unwrap();
    let mut scores = vec![0f32; USERS * ITEMS];
    let users: Vec<u32> = (0..USERS as u32).collect();
    model.scorer().unwrap().score(&users, &mut scores);
    DMatrix::from_row_iterator(USERS, ITEMS, scores.into_iter().map(f64::from))
}

/// Users by items, ones where there is an interaction.
fn interactions(dataset: &Dataset) -> DMatrix<f64> {
    let mut x = DMatrix::zeros(USERS, ITEMS);
    dataset.interactions().split(Split::Train).pairs().for_each(|(u, i)| x[(u as usize, i as usize)] = 1.0);
    x
}

/// The largest entries of each row but the diagonal, zeros elsewhere.
fn nearest(similarities: &DMatrix<f64>, count: usize) -> DMatrix<f64> {
    let mut kept = DMatrix::zeros(ITEMS, ITEMS);
    for item in 0..ITEMS {
        let mut others: Vec<usize> =
            (0..ITEMS).filter(|&other| other != item && similarities[(item, other)] > 0.0).collect();
        others.sort_by(|&a, &b| similarities[(item, b)].total_cmp(&similarities[(item, a)]).then(a.cmp(&b)));
        others.truncate(count);
        others.into_iter().for_each(|other| kept[(item, other)] = similarities[(item, other)]);
    }
    kept
}

fn apart(found: &DMatrix<f64>, expected: &DMatrix<f64>) -> f64 {
    (found - expected).abs().max()
}

#[test]
fn ease_is_its_closed_form() {
    let data = dataset();
    let x = interactions(&data);
    let p = (x.transpose() * &x + DMatrix::identity(ITEMS, ITEMS) * 2.5).try_inverse().unwrap();
    let b = DMatrix::from_fn(ITEMS, ITEMS, |i, j| if i == j { 0.0 } else { -p[(i, j)] / p[(j, j)] });
    assert!(apart(&scores("ease", &[("l2", "2.5")], &data), &(x * b)) < 1e-5);
}

#[test]
fn item_neighbours_are_their_definition() {
    let data = dataset();
    let x = interactions(&data);
    let common = x.transpose() * &x;
    let by_users = DMatrix::from_fn(ITEMS, ITEMS, |i, j| {
        common[(i, j)] / ((common[(i, i)] * common[(j, j)]).sqrt() + 3.0)
    });
    let by_users = nearest(&by_users, 4);
    let found = scores("itemknn", &[("neighbours", "4"), ("shrink", "3")], &data);
    assert!(apart(&found, &(&x * by_users.transpose())) < 1e-5);

    let mut content = DMatrix::zeros(ITEMS, ITEMS);
    for modality in data.modalities() {
        let values = modality.values().iter().map(|&value| f64::from(value));
        let rows = DMatrix::from_row_iterator(ITEMS, modality.width(), values);
        let cosine =
            |i: usize, j: usize| rows.row(i).dot(&rows.row(j)) / rows.row(i).norm() / rows.row(j).norm();
        content += nearest(&DMatrix::from_fn(ITEMS, ITEMS, cosine), 4) * 0.5;
    }
    let expected = &x * (by_users * 0.75 + content * 0.25).transpose();
    let found = scores("itemknn", &[("neighbours", "4"), ("shrink", "3"), ("content", "0.25")], &data);
    assert!(apart(&found, &expected) < 1e-5);
}
