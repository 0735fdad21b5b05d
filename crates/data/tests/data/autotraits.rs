//! What may cross threads.

use recgoat_data::prepare::{PrepareConfig, SplitRule};
use recgoat_data::synthetic::SyntheticConfig;
use recgoat_data::{Csr, Dataset, Error, Interactions, Modality, Split, TripleSampler, Triples};

#[test]
fn everything_is_send_sync_and_unpin() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<Csr>();
    check::<Dataset>();
    check::<Error>();
    check::<Interactions>();
    check::<Modality>();
    check::<PrepareConfig>();
    check::<Split>();
    check::<SplitRule>();
    check::<SyntheticConfig>();
    check::<TripleSampler>();
    check::<Triples>();
}
