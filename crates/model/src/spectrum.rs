//! The frequencies of a dataset: where its features lie in the spectrum of its graph, and what filters let through there.

use recgoat_align::contrast::unit_rows;
use recgoat_data::{Dataset, Modality, Split};
use recgoat_graph::{
    Adjacency, LinearMap, SparseMap,
    spectral::{ChebyshevBank, Eigenpairs, Energy, Partition, Series},
};
use recgoat_torch::{Purpose, Seed, init};
use tch::{Device, Kind, Tensor};

use crate::{
    Result,
    bands::{MOST_BANDS, MOST_DEGREES, without_popularity},
    config::expect_within,
    features,
    ids::train_graph,
};

/// Columns that features are projected to at random before their energy is measured: distances survive.
const SKETCH: i64 = 64;

/// Moments that energies are estimated from.
const MOMENTS: usize = 256;

/// Least distance of the eigenvalues that filters are measured at.
const STEP: f64 = 0.01;

/// What [`spectrum`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Eigenvalues of the Laplacian at which bands of equal energy of all modalities end.
    pub cuts: Vec<f64>,
    /// The share of each modality's energy in each band; zeros for one without energy.
    pub shares: Vec<(String, Vec<f64>)>,
    /// Filters as measured: these bands, and those of SSR's released code. Nothing for a graph too large to decompose.
    pub filters: Vec<MeasuredFilters>,
}

/// Filters measured at eigenvectors of the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredFilters {
    /// Whose they are.
    pub name: &'static str,
    /// Of each filter: eigenvalues, rising, and how much of their eigenvectors it lets through.
    pub responses: Vec<Vec<(f64, f64)>>,
    /// Of each filter: the share of what it lets through of white noise that lies outside of its band, cut by equal energy.
    pub leaks: Vec<f64>,
}

/// Energies and filters over the train graph of a dataset, whose features are carried to users first.
///
/// Missing rows are zero, so that holes at random raise the energy of high frequencies.
/// `bands` at most 64, `degree` of their polynomials at most 512. Parts along `√degree` of users and of items are left out,
/// as when SSR cuts its bands.
///
/// ```
/// use recgoat_data::synthetic::{SyntheticConfig, synthetic};
/// let modalities = vec![("text".to_owned(), 16)];
/// let data = synthetic(&SyntheticConfig { users: 60, items: 40, interactions: 500, seed: 1, modalities })?;
/// let found = recgoat_model::spectrum(&data, 3, 16)?;
/// assert_eq!((found.cuts.len(), found.filters.len()), (2, 2));
/// // The released filters let through more from outside their bands than from inside.
/// assert!(found.filters[1].leaks[2] > found.filters[0].leaks[2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`crate::Error::Config`] for a dataset without features or a number out of range.
pub fn spectrum(dataset: &Dataset, bands: usize, degree: usize) -> Result<Spectrum> {
    expect_within("bands", bands, 1..=MOST_BANDS)?;
    expect_within("degree", degree, 1..=MOST_DEGREES)?;
    let modalities = features::modalities(dataset, &[], "the spectrum of features")?;
    let interactions = dataset.interactions();
    let (users, items) = (interactions.users(), interactions.items());
    let graph = train_graph(interactions)?;
    let pairs = interactions.split(Split::Train).pairs();
    let to_users = SparseMap::between_sides(users, items, pairs, Device::Cpu)?;
    let signals = modalities.iter().map(|modality| {
        let items = sketch(modality)?;
        without_popularity((&graph, users), &Tensor::cat(&[to_users.apply(&items)?, items], 0))
    });
    let signals = signals.collect::<Result<Vec<_>>>()?;
    let all = Energy::by_moments(&graph, &Tensor::cat(&signals, 1), MOMENTS)?;
    let partition = Partition::equal_energy(&all, bands);
    let shares = modalities.iter().zip(&signals).map(|(modality, signal)| {
        let energy = Energy::by_moments(&graph, signal, MOMENTS)?;
        let whole = if energy.total() > 0.0 { 1.0 } else { 0.0 };
        let below: Vec<f64> = partition.cuts().iter().map(|&cut| energy.below(cut)).chain([whole]).collect();
        let shares = (0..bands).map(|band| below[band] - band.checked_sub(1).map_or(0.0, |last| below[last]));
        Ok((modality.name().to_owned(), shares.collect()))
    });
    let shares = shares.collect::<Result<_>>()?;
    let mut filters = Vec::new();
    if users * items <= Eigenpairs::MOST_PAIRS {
        let probes = Probes::new(&graph, users)?;
        filters.push(probes.measure(
            "bands of equal energy",
            &graph,
            &partition.filters(degree),
            &partition,
        )?);
        // The released filters are named after three bands.
        let thirds = Partition::equal_energy(&all, 3);
        filters.push(probes.measure("released filters", &graph, &Series::released(), &thirds)?);
    }
    Ok(Spectrum { cuts: partition.cuts().to_vec(), shares, filters })
}

/// A modality's rows at unit length, projected at random to [`SKETCH`] columns.
fn sketch(modality: &Modality) -> Result<Tensor> {
    let rows = unit_rows(&features::tensor(modality, Device::Cpu)?);
    let mut rng = Seed(0).stream(Purpose::Statistics, 0);
    let directions = init::normal(&[modality.width() as i64, SKETCH], 1.0, &mut rng, Device::Cpu);
    Ok(tch::no_grad(|| rows.matmul(&directions)))
}

/// Eigenvectors of a graph, at nearly even steps of their eigenvalues, and all of those.
struct Probes {
    /// `[nodes, probes]`.
    vectors: Tensor,
    values: Vec<f64>,
    /// All of them; as many as one side has more nodes than the other are 1 and have no vector here.
    spectrum: Vec<f64>,
}

impl Probes {
    fn new(graph: &Adjacency, users: usize) -> Result<Self> {
        let pairs = Eigenpairs::of_bipartite(graph, users, Device::Cpu)?;
        let (below, [left, right]) = (pairs.eigenvalues(), pairs.vectors());
        let mut columns: Vec<i64> = Vec::new();
        for (column, value) in (0..).zip(&below) {
            if columns.last().is_none_or(|&last: &i64| value - below[last as usize] >= STEP) {
                columns.push(column);
            }
        }
        let chosen = Tensor::from_slice(&columns);
        let [left, right] = [left, right].map(|side| side.index_select(1, &chosen) / 2f64.sqrt());
        let low = Tensor::cat(&[&left, &right], 0);
        let high = Tensor::cat(&[&left, &right.neg()], 0);
        let at = |column: &i64| below[*column as usize];
        let values = columns.iter().map(at).chain(columns.iter().rev().map(|column| 2.0 - at(column)));
        let spectrum = below.iter().copied().chain(below.iter().map(|value| 2.0 - value));
        let surplus = (2 * users).abs_diff(graph.nodes());
        let spectrum = spectrum.chain(std::iter::repeat_n(1.0, surplus));
        Ok(Self {
            vectors: Tensor::cat(&[low, high.flip([1])], 1),
            values: values.collect(),
            spectrum: spectrum.collect(),
        })
    }

    fn measure(
        &self,
        name: &'static str,
        graph: &Adjacency,
        filters: &[Series],
        partition: &Partition,
    ) -> Result<MeasuredFilters> {
        let bank = ChebyshevBank::new(graph.clone(), filters, Device::Cpu)?;
        let passed = bank.apply(&self.vectors)?;
        let mut responses = Vec::new();
        for part in passed.chunk(filters.len() as i64, 1) {
            let found = (part * &self.vectors).sum_dim_intlist(0, false, Kind::Double);
            let found = Vec::<f64>::try_from(&found).map_err(recgoat_torch::Error::from)?;
            responses.push(self.values.iter().copied().zip(found).collect());
        }
        let leak = |(band, filter): (usize, &Series)| {
            let power = |at: &f64| filter.at(*at).powi(2);
            let outside = self.spectrum.iter().filter(|at| partition.response(band, **at) == 0.0);
            outside.map(power).sum::<f64>() / self.spectrum.iter().map(power).sum::<f64>().max(1e-12)
        };
        Ok(MeasuredFilters { name, responses, leaks: filters.iter().enumerate().map(leak).collect() })
    }
}
