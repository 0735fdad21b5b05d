//! The models RecGOAT is measured against.

mod bm3;
mod bpr;
mod ease;
mod freedom;
mod item_knn;
mod lgmrec;
mod lightgcn;
mod mgcn;
mod popularity;
mod smore;
mod vbpr;

pub use bm3::{Bm3, Bm3Config};
pub use bpr::{Bpr, BprConfig};
pub use ease::{Ease, EaseConfig};
pub use freedom::{Freedom, FreedomConfig};
pub use item_knn::{ItemKnn, ItemKnnConfig};
pub use lgmrec::{LgmRec, LgmRecConfig};
pub use lightgcn::{LightGcn, LightGcnConfig};
pub use mgcn::{Mgcn, MgcnConfig};
pub use popularity::{Popularity, PopularityConfig};
pub use smore::{Smore, SmoreConfig};
pub use vbpr::{Vbpr, VbprConfig};
