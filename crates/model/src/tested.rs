//! A finished run's metrics on test: measured once, kept in its folder, read back ever after.

use std::collections::BTreeMap;

use recgoat_data::{
    Dataset, Split,
    matrix::{Numbers, read_numbers, write_numbers},
};
use recgoat_eval::{PerUser, RankingConfig, beyond, groups, rank};
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::{
    Error, Observer, Result,
    files::{read_text, write_whole},
    run::RunFolder,
};

/// What `test.json` holds beside the values in `per_user.npy`.
#[derive(Serialize, Deserialize)]
struct TestRecord {
    /// Means over users.
    metrics: BTreeMap<String, f64>,
    /// Columns of `per_user.npy`.
    columns: Vec<String>,
    /// Users, its rows.
    users: Vec<u32>,
    /// Measures of all lists together, and recall by group: see [`recgoat_eval::beyond`] and [`recgoat_eval::groups`].
    #[serde(default)]
    beyond: BTreeMap<String, f64>,
}

/// A finished run measured on test.
#[derive(Debug, Clone)]
pub struct Tested {
    /// Metrics of every user.
    pub per_user: PerUser,
    /// Measures of all lists together, and recall by group.
    pub beyond: BTreeMap<String, f64>,
}

impl Tested {
    /// Means over users, and what lies beyond them.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let mut metrics = self.per_user.means();
        metrics.extend(self.beyond.clone());
        metrics
    }
}

/// Cut-off of the measures beyond accuracy.
const BEYOND: usize = 20;

impl RunFolder {
    /// The run on test under the default protocol.
    ///
    /// # Errors
    /// [`Error::Config`] when the run is not finished or its record is damaged, else failures of evaluation.
    pub fn test(&self, dataset: &Dataset, device: Device, observer: &mut dyn Observer) -> Result<Tested> {
        if self.is_tested() {
            return self.recorded();
        }
        self.expect_finished(observer)?;
        let model = self.load(dataset, device, observer)?;
        let ranking = RankingConfig::default();
        let interactions = dataset.interactions();
        let rankings = rank(&*model.scorer()?, interactions, Split::Test, &ranking)?;
        let per_user = rankings.measure(&ranking.topk)?;
        let mut popularity = vec![0u32; interactions.items()];
        let train = interactions.split(Split::Train);
        train.items().iter().for_each(|&item| popularity[item as usize] += 1);
        let k = BEYOND.min(interactions.items());
        let mut beyond = beyond::measure(&rankings, &popularity, train.rows(), k)?;
        beyond.extend(groups::measure(&rankings, interactions, k)?);
        let tested = Tested { per_user, beyond };
        self.record(&tested)?;
        Ok(tested)
    }

    /// `Ok` when training has ended by itself: before that nobody reads test.
    ///
    /// # Errors
    /// [`Error::Config`] for a run that is to go on, else as [`RunFolder::is_finished`].
    pub fn expect_finished(&self, observer: &mut dyn Observer) -> Result<()> {
        if self.is_finished(observer)? {
            return Ok(());
        }
        let shown = self.path().display();
        Err(Error::Config(format!("{shown}: expected a finished run, found one to resume")))
    }

    pub(crate) fn is_tested(&self) -> bool {
        self.path().join("test.json").exists()
    }

    /// `test.json` is written last: where it is, the values are.
    fn record(&self, Tested { per_user, beyond }: &Tested) -> Result<()> {
        let (values, rows, columns) = per_user.matrix();
        let numbers = Numbers { shape: vec![rows, columns], values: values.to_vec() };
        write_numbers(&self.path().join("per_user.npy"), &numbers)?;
        let record = TestRecord {
            metrics: per_user.means(),
            columns: per_user.names().to_vec(),
            users: per_user.users().to_vec(),
            beyond: beyond.clone(),
        };
        let json = serde_json::to_vec(&record).expect("plain numbers and strings");
        write_whole(&self.path().join("test.json"), &json)
    }

    fn recorded(&self) -> Result<Tested> {
        let path = self.path().join("test.json");
        let record: TestRecord = serde_json::from_str(&read_text(&path)?).map_err(|error| {
            Error::Config(format!("{}: {error}; delete it to measure again", path.display()))
        })?;
        let numbers = read_numbers(&self.path().join("per_user.npy"))?;
        let per_user = PerUser::new(record.users, record.columns, numbers.values)?;
        Ok(Tested { per_user, beyond: record.beyond })
    }
}
