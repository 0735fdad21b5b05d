//! Public types are `Send` and `Sync`.

use recgoat_eval::report::{Comparison, CurvePoint, DatasetCard, Measured, ModelResult, Report, RunResult};
use recgoat_eval::stats::{Resampling, Spread};
use recgoat_eval::{Error, Mask, PerUser, RankingConfig, Rankings};

fn send_sync<T: Send + Sync>() {}

#[test]
fn public_types_are_send_and_sync() {
    send_sync::<Error>();
    send_sync::<Mask>();
    send_sync::<PerUser>();
    send_sync::<RankingConfig>();
    send_sync::<Rankings<'_>>();
    send_sync::<Resampling>();
    send_sync::<Spread>();
    send_sync::<(Report, DatasetCard, ModelResult, RunResult, CurvePoint, Comparison, Measured<'_>)>();
}
