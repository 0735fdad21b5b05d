//! Bands of frequencies of the user–item graph.

use recgoat_graph::{
    Adjacency, LinearMap,
    spectral::{ChebyshevBank, EigenBank, Eigenpairs, Energy, Partition, Series},
};
use recgoat_torch::from_slice;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::{Result, ids::halves};

/// A graph has no use for more, and each costs a pass over the representation.
pub(crate) const MOST_BANDS: usize = 64;

/// Each costs a product with the graph, there and back.
pub(crate) const MOST_DEGREES: usize = 512;

/// Where bands are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cuts {
    /// Where each holds as much energy of the untrained representation as another.
    EqualEnergy,
    /// At equal steps of frequency.
    Even,
}

/// How bands are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filters {
    /// Polynomials of the Laplacian, smooth and one in sum.
    Chebyshev,
    /// Eigenpairs, sharp.
    Exact,
    /// The three polynomials of SSR's released code, none of which is a band.
    Released,
}

/// Which bands there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Banding {
    pub(crate) bands: usize,
    pub(crate) cuts: Cuts,
    pub(crate) filters: Filters,
    /// Of the polynomials.
    pub(crate) degree: usize,
}

/// Moments that the energy of a representation is estimated from: features two hundredths of the spectrum wide.
const MOMENTS: usize = 128;

/// Filters over the user–item graph, `[nodes, width]` to `[nodes, bands · width]`.
pub(crate) struct Bands {
    bank: Bank,
    response: Response,
}

enum Bank {
    Chebyshev(ChebyshevBank),
    Exact(EigenBank),
}

enum Response {
    Smooth(Vec<Series>),
    Sharp(Partition),
}

impl Bands {
    /// Cut by the energy of `signal` `[nodes, width]`, where energy says; the first `users` nodes are one side.
    pub(crate) fn new(
        banding: Banding,
        (graph, users): (&Adjacency, usize),
        signal: &Tensor,
        device: Device,
    ) -> Result<Self> {
        let pairs = match banding.filters {
            Filters::Exact if banding.bands > 1 => Some(Eigenpairs::of_bipartite(graph, users, device)?),
            _ => None,
        };
        let partition = match banding.cuts {
            // One band has no cut, and the released filters know of none.
            _ if banding.bands == 1 || banding.filters == Filters::Released => Partition::even(banding.bands),
            Cuts::Even => Partition::even(banding.bands),
            Cuts::EqualEnergy => {
                let signal = without_popularity((graph, users), signal)?;
                let energy = match &pairs {
                    Some(pairs) => Energy::by_eigenpairs(pairs, &signal)?,
                    None => Energy::by_moments(graph, &signal, MOMENTS)?,
                };
                Partition::equal_energy(&energy, banding.bands)
            }
        };
        if let Some(pairs) = pairs {
            let bank = EigenBank::new(pairs, banding.bands, |band, at| partition.response(band, at));
            return Ok(Self { bank: Bank::Exact(bank), response: Response::Sharp(partition) });
        }
        let filters = match banding.filters {
            Filters::Released => Series::released().into(),
            Filters::Chebyshev | Filters::Exact => partition.filters(banding.degree),
        };
        let bank = ChebyshevBank::new(graph.clone(), &filters, device)?;
        Ok(Self { bank: Bank::Chebyshev(bank), response: Response::Smooth(filters) })
    }

    /// The filters side by side.
    pub(crate) fn map(&self) -> &dyn LinearMap {
        match &self.bank {
            Bank::Chebyshev(bank) => bank,
            Bank::Exact(bank) => bank,
        }
    }

    /// Products with the graph that a pass takes; nothing for eigenpairs.
    pub(crate) fn degree(&self) -> usize {
        match &self.bank {
            Bank::Chebyshev(bank) => bank.degree(),
            Bank::Exact(_) => 0,
        }
    }

    /// What a band lets through at an eigenvalue of the Laplacian.
    pub(crate) fn response(&self, band: usize, eigenvalue: f64) -> f64 {
        match &self.response {
            Response::Smooth(filters) => filters[band].at(eigenvalue),
            Response::Sharp(partition) => partition.response(band, eigenvalue),
        }
    }
}

/// The signal less its parts along `√degree` of the users and of the items, which span the eigenvectors to eigenvalues 0
/// and 2 of a connected graph.
///
/// Rows of users have much in common, and so have rows of items: of the untrained towers of Last.fm a third of the energy
/// lies at eigenvalue 0, and a third of the rest at 2. Bands cut by it would know which side a node is on and how popular
/// it is, and nothing else.
pub(crate) fn without_popularity((graph, users): (&Adjacency, usize), signal: &Tensor) -> Result<Tensor> {
    let roots: Vec<f32> = graph.degrees().iter().map(|&degree| (degree as f32).sqrt()).collect();
    let roots = from_slice(&roots, &[graph.nodes() as i64, 1], signal.device())?;
    let ((of_users, of_items), (users, items)) = (halves(&roots, users), halves(signal, users));
    let rest = [(of_users, users), (of_items, items)].map(|(roots, rows)| {
        let squares = roots.square().sum(Kind::Float).clamp_min(1.0);
        &rows - roots.matmul(&(roots.tr().matmul(&rows) / squares))
    });
    Ok(Tensor::cat(&rest, 0))
}
