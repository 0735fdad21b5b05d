//! Fetches data sets that may not be redistributed from where their publishers put them.

mod knowledge;
mod movielens;
mod svd;
mod wheel;

use std::path::Path;

pub use wheel::{PinnedWheel, Wheel};

use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// The names that [`fetch`] knows.
pub fn known() -> &'static [&'static str] {
    &["ml-100k"]
}

/// Makes the data set `name` in the folder `out`, or opens it where it is complete already.
///
/// `ml-100k` is MovieLens-100K out of the PyPI wheel `recbole==1.2.1`, which `python3 -m pip` downloads and
/// whose SHA-256 is checked. Dense ids are the original ids less 1; the split is
/// [`SplitRule::UserTime`](crate::prepare::SplitRule::UserTime), 80/10/10. Modalities: `genre`, a multi-hot vector,
/// and `knowledge`, 128 numbers from the wheel's knowledge graph. GroupLens forbids redistributing the data.
///
/// **`knowledge` is not aligned with the items.** The wheel's link file gives entities the item ids of
/// MovieLens-20M, not those of MovieLens-100K: it links the entity of *Star Wars* to item 260, which is
/// *Star Wars* there and *Event Horizon* here
/// ([reported upstream](https://github.com/RUCAIBox/RecSysDatasets/issues/130)). The wheel holds nothing to
/// tell the two numberings apart by, so nearly every film carries another film's facts. The modality is
/// real in form and noise in content; expect nothing from it.
///
/// `progress` is told each step before it begins.
///
/// # Errors
/// [`Error::Argument`] for an unknown name, [`Error::Fetch`] when Python, pip or the network is missing,
/// [`Error::File`] when the download is not the file expected or `out` holds something else.
pub fn fetch(name: &str, out: &Path, progress: &mut dyn FnMut(&str)) -> Result<Dataset> {
    if !known().contains(&name) {
        return Err(Error::argument("data set", format!("one of {}", known().join(", ")), name));
    }
    if movielens::is_complete(out) {
        return Dataset::open(out);
    }
    crate::folder::check_free(out)?;
    let wheel = movielens::RECBOLE.fetch(progress)?;
    progress("deriving the genre and knowledge features");
    movielens::write(wheel, out)
}
