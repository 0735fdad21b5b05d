//! The spectrum of a graph: filters, bands of frequencies, and where a signal's energy lies.
//!
//! Of the normalised Laplacian `L = I − Â`, whose eigenvalues λ lie in `[0, 2]`: signals of low λ change little along
//! edges, those of high λ much. A filter `g` maps a signal `x` to `g(L) x = Σ_j g(λ_j) φ_j φ_jᵀ x`.
//!
//! ```
//! use recgoat_graph::{Adjacency, LinearMap, spectral::{ChebyshevBank, Energy, Partition}};
//! use tch::{Device, Kind, Tensor};
//!
//! let graph = Adjacency::bipartite(2, 3, [(0, 0), (0, 1), (1, 1), (1, 2)])?;
//! let signal = Tensor::randn([5, 4], (Kind::Float, Device::Cpu));
//! // Three bands of equal energy, as polynomials of degree 16.
//! let bands = Partition::equal_energy(&Energy::by_moments(&graph, &signal, 64)?, 3);
//! let bank = ChebyshevBank::new(graph, &bands.filters(16), Device::Cpu)?;
//! // Their responses side by side; together they are the signal.
//! let parts = bank.apply(&signal)?;
//! assert_eq!(parts.size(), [5, 12]);
//! let sum = parts.view([5, 3, 4]).sum_dim_intlist(1, false, Kind::Float);
//! assert!(sum.allclose(&signal, 1e-5, 1e-5, false));
//! # Ok::<(), recgoat_graph::Error>(())
//! ```

mod chebyshev;
mod eigen;
mod energy;
mod partition;
mod recursion;
mod series;
#[cfg(test)]
mod tests;

pub use chebyshev::ChebyshevBank;
pub use eigen::{EigenBank, Eigenpairs};
pub use energy::Energy;
pub use partition::Partition;
pub use series::Series;
