//! The bands of a representation's spectrum.

use recgoat_graph::{
    Adjacency, LinearMap,
    spectral::{ChebyshevBank, EigenBank, Eigenpairs, Energy, Partition, Series},
};
use tch::{Device, Tensor};

use super::{Cuts, Filters, SsrConfig};
use crate::Result;

/// Moments that the energy of the untrained towers is estimated from: features two hundredths of the spectrum wide.
const MOMENTS: usize = 128;

/// Filters over the user–item graph, `[nodes, width]` to `[nodes, bands · width]`.
pub(super) struct Bands {
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
    pub(super) fn new(
        config: &SsrConfig,
        (graph, users): (&Adjacency, usize),
        signal: &Tensor,
        device: Device,
    ) -> Result<Self> {
        let pairs = match config.filters {
            Filters::Exact => Some(Eigenpairs::of_bipartite(graph, users, device)?),
            _ => None,
        };
        let partition = match (config.cuts, &pairs) {
            (Cuts::Even, _) => Partition::even(config.bands),
            (Cuts::EqualEnergy, Some(pairs)) => {
                Partition::equal_energy(&Energy::by_eigenpairs(pairs, signal)?, config.bands)
            }
            (Cuts::EqualEnergy, None) => {
                Partition::equal_energy(&Energy::by_moments(graph, signal, MOMENTS)?, config.bands)
            }
        };
        if let Some(pairs) = pairs {
            let bank = EigenBank::new(pairs, config.bands, |band, at| partition.response(band, at));
            return Ok(Self { bank: Bank::Exact(bank), response: Response::Sharp(partition) });
        }
        let filters = match config.filters {
            Filters::Released => Series::released().into(),
            _ => partition.filters(config.degree),
        };
        let bank = ChebyshevBank::new(graph.clone(), &filters, device)?;
        Ok(Self { bank: Bank::Chebyshev(bank), response: Response::Smooth(filters) })
    }

    /// The filters side by side.
    pub(super) fn map(&self) -> &dyn LinearMap {
        match &self.bank {
            Bank::Chebyshev(bank) => bank,
            Bank::Exact(bank) => bank,
        }
    }

    /// Products with the graph that a pass takes; nothing for eigenpairs.
    pub(super) fn degree(&self) -> usize {
        match &self.bank {
            Bank::Chebyshev(bank) => bank.degree(),
            Bank::Exact(_) => 0,
        }
    }

    /// What a band lets through at an eigenvalue of the Laplacian.
    pub(super) fn response(&self, band: usize, eigenvalue: f64) -> f64 {
        match &self.response {
            Response::Smooth(filters) => filters[band].at(eigenvalue),
            Response::Sharp(partition) => partition.response(band, eigenvalue),
        }
    }
}
