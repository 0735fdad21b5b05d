//! What multimodal models take from a dataset: its features, and the graph of items that they make neighbours.

use rand::seq::SliceRandom;
use recgoat_data::{Dataset, Modality};
use recgoat_graph::{KnnConfig, Similarity, SparseMap};
use recgoat_torch::{Purpose, Seed, from_slice};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::{Context, Error, ParameterId, Parameters, Result};

/// The similarity of feature rows, as configurations write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureSimilarity {
    /// The cosine.
    Cosine,
    /// The cosine after the mean row is taken off.
    CentredCosine,
}

impl From<FeatureSimilarity> for Similarity {
    fn from(similarity: FeatureSimilarity) -> Self {
        match similarity {
            FeatureSimilarity::Cosine => Self::Cosine,
            FeatureSimilarity::CentredCosine => Self::CentredCosine,
        }
    }
}

/// The modalities of these names, or all when there is none; each has at least one row.
///
/// # Errors
/// [`Error::Config`] when one is not there, or has no row, or there is none for `model`.
pub(crate) fn modalities<'a>(
    dataset: &'a Dataset,
    names: &[String],
    model: &str,
) -> Result<Vec<&'a Modality>> {
    let there = dataset.modalities();
    let known: Vec<&str> = there.iter().map(Modality::name).collect();
    if there.is_empty() {
        return Err(Error::Config(format!(
            "dataset {}: expected at least one <modality>_feat.npy for {model}, found none (lightgcn needs none)",
            dataset.name()
        )));
    }
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let known = known.join(", ");
        return Err(Error::Config(format!("modalities: expected some of {known}, found {unknown:?}")));
    }
    let wanted = |m: &&Modality| names.is_empty() || names.iter().any(|name| name == m.name());
    let chosen: Vec<&Modality> = there.iter().filter(wanted).collect();
    if let Some(empty) = chosen.iter().find(|modality| modality.missing() == modality.rows()) {
        let name = empty.name();
        return Err(Error::Config(format!("modality {name}: expected at least one known row, found none")));
    }
    Ok(chosen)
}

/// Whose features an item gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// Its own.
    Own,
    /// Another item's, by a random permutation: what is left of a gain then is not due to content.
    Permuted,
}

/// How many of so many items a share of them is.
pub(crate) fn share_of(items: usize, share: f64) -> usize {
    (items as f64 * share).round() as usize
}

/// The modality with its rows permuted, and with a further share of items missing; both as the seed says, and the same
/// items for every modality.
///
/// # Errors
/// [`Error::Config`] when that leaves none.
pub(crate) fn altered(modality: &Modality, rows: Rows, hidden: f64, seed: Seed) -> Result<Modality> {
    let (items, width) = (modality.rows(), modality.width());
    let mut rng = seed.stream(Purpose::Alteration, 0);
    let mut order: Vec<usize> = (0..items).collect();
    order.shuffle(&mut rng);
    let mut present = vec![true; items];
    order.iter().take(share_of(items, hidden)).for_each(|&item| present[item] = false);
    if rows == Rows::Permuted {
        order.shuffle(&mut rng);
    } else {
        order.sort_unstable();
    }
    let values = order.iter().flat_map(|&row| &modality.values()[row * width..][..width]).copied().collect();
    present.iter_mut().zip(&order).for_each(|(present, &row)| *present &= modality.present()[row]);
    if !present.contains(&true) {
        let (name, known) = (modality.name(), items - modality.missing());
        return Err(Error::Config(format!(
            "hidden: expected a share that leaves one of the {known} items with {name}, found {hidden}"
        )));
    }
    Ok(Modality::new(modality.name(), items, width, values, present)?)
}

/// The rows of a modality that are there, alone.
pub(crate) fn known(modality: &Modality) -> Result<Modality> {
    let rows = modality.values().chunks(modality.width()).zip(modality.present());
    let values: Vec<f32> = rows.filter(|(_, present)| **present).flat_map(|(row, _)| row).copied().collect();
    let count = modality.rows() - modality.missing();
    Ok(Modality::new(modality.name(), count, modality.width(), values, vec![true; count])?)
}

/// The numbers in which frozen features are kept and projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// The upper 16 of them: half the memory. Weights are rounded alike for the product, its sums are wider.
    Bf16,
}

impl Precision {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

/// Whether training moves the features too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tables {
    /// They stay as they are given.
    Frozen,
    /// They are where a table of parameters starts, as in the released code of several models; graphs of neighbours stay.
    Trained,
}

/// A modality's features `[items, width]`, missing rows zero at first, as a model projects them.
pub(crate) enum FeatureTable {
    Frozen(Tensor),
    Trained(ParameterId),
}

impl FeatureTable {
    /// Adds `<name>.features` to the parameters where they are to be trained.
    pub(crate) fn new(
        modality: &Modality,
        tables: Tables,
        parameters: &mut Parameters,
        device: Device,
    ) -> Result<Self> {
        let values = tensor(modality, device)?;
        Ok(match tables {
            Tables::Frozen => Self::Frozen(values),
            Tables::Trained => {
                let name = format!("{}.features", modality.name());
                Self::Trained(parameters.add(name, values.set_requires_grad(true)))
            }
        })
    }

    pub(crate) fn values<'a>(&'a self, parameters: &'a Parameters) -> &'a Tensor {
        match self {
            Self::Frozen(values) => values,
            Self::Trained(id) => parameters.get(*id),
        }
    }
}

/// Frozen features `[items, width]`, missing rows zero.
pub(crate) fn tensor(modality: &Modality, device: Device) -> Result<Tensor> {
    Ok(from_slice(modality.values(), &[modality.rows() as i64, modality.width() as i64], device)?)
}

/// What an edge between items weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdgeWeight {
    /// One.
    Equal,
    /// The cosine of the two items' features.
    Cosine,
}

/// `(item, neighbour, weight)` of every item with features: itself and its `neighbours − 1` nearest others, as the
/// published item graphs count.
pub(crate) fn item_edges(
    modality: &Modality,
    neighbours: usize,
    similarity: FeatureSimilarity,
    weight: EdgeWeight,
    context: &Context<'_>,
) -> Result<Vec<(u32, u32, f32)>> {
    let config =
        KnnConfig { neighbours: neighbours - 1, similarity: similarity.into(), ..KnnConfig::default() };
    let near = context.neighbours.knn(modality.values(), modality.width(), modality.present(), &config)?;
    let items = (0..).zip(modality.present()).filter(|(_, present)| **present);
    let edges = items.flat_map(|(item, _): (u32, _)| {
        let others = near.of(item as usize).iter().zip(near.similarities(item as usize));
        let others = others.map(move |(&other, &cosine)| (item, other, cosine));
        std::iter::once((item, item, 1.0)).chain(others)
    });
    Ok(match weight {
        EdgeWeight::Equal => edges.map(|(item, other, _)| (item, other, 1.0)).collect(),
        // A negative weight would be no neighbour, and a degree must not vanish.
        EdgeWeight::Cosine => edges.filter(|edge| edge.2 > 0.0).collect(),
    })
}

/// [`item_edges`] with symmetric normalisation.
pub(crate) fn item_graph(
    modality: &Modality,
    neighbours: usize,
    similarity: FeatureSimilarity,
    weight: EdgeWeight,
    context: &Context<'_>,
) -> Result<SparseMap> {
    let edges = item_edges(modality, neighbours, similarity, weight, context)?;
    Ok(SparseMap::normalised(modality.rows(), edges, context.device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_leaves_nothing_is_named() {
        let modality = Modality::new("text", 4, 1, vec![1.0; 4], vec![true, false, false, false]).unwrap();
        let refused = (0..20).filter_map(|seed| altered(&modality, Rows::Own, 0.5, Seed(seed)).err());
        let refused: Vec<String> = refused.map(|error| error.to_string()).collect();
        assert!(!refused.is_empty() && refused.len() < 20);
        let expected = "hidden: expected a share that leaves one of the 1 items with text, found 0.5";
        assert_eq!(refused[0], expected);
    }

    #[test]
    fn alterations_move_rows_and_hide_the_same_items() {
        let values: Vec<f32> = (0..40).map(|value| value as f32).collect();
        let modality = |name: &str| Modality::new(name, 20, 2, values.clone(), vec![true; 20]).unwrap();
        let (text, image) = (modality("text"), modality("image"));
        let alter = |modality: &Modality, rows, hidden| altered(modality, rows, hidden, Seed(1)).unwrap();
        assert_eq!(alter(&text, Rows::Own, 0.0), text);
        let hidden = alter(&text, Rows::Own, 0.3);
        assert_eq!(hidden.missing(), 6);
        assert_eq!(hidden.present(), alter(&image, Rows::Own, 0.3).present());
        let permuted = alter(&text, Rows::Permuted, 0.0);
        assert_ne!(permuted, text);
        let mut firsts: Vec<f32> = permuted.values().chunks(2).map(|row| row[0]).collect();
        firsts.sort_by(f32::total_cmp);
        assert_eq!(firsts, (0..20).map(|row| 2.0 * row as f32).collect::<Vec<f32>>());
    }
}
