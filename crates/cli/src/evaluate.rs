//! `recgoat evaluate`: metrics of a run, or of scores made elsewhere.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;
use clap::ValueEnum;
use recgoat_data::{Dataset, Split, matrix::MatrixFile};
use recgoat_eval::{Mask, PerUser, RankingConfig, Scorer, evaluate};
use recgoat_model::run::RunFolder;
use serde_json::json;

use crate::{
    common::{BadInput, Compute, EvaluatedSplit},
    output::Output,
    progress::Progress,
};

/// Rank all items for every user and measure the lists
///
/// Test is read of finished runs alone; what the default cut-offs and mask give there is kept in the run's folder, and
/// read back ever after.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  recgoat evaluate --run runs/a --split test --json\n  \
                        recgoat evaluate --scores scores.npy --data data/ml-100k --topk 10,20")]
pub(crate) struct Args {
    /// A trained run
    #[arg(long, required_unless_present = "scores", conflicts_with = "scores")]
    run: Option<PathBuf>,
    /// float32 scores [users, items] made elsewhere
    #[arg(long, requires = "data")]
    scores: Option<PathBuf>,
    /// The data folder [default: the run's]
    #[arg(long)]
    data: Option<PathBuf>,
    /// The split to measure on
    #[arg(long, default_value = "test")]
    split: EvaluatedSplit,
    /// Cut-offs
    #[arg(long, default_value = "5,10,20,50", value_delimiter = ',')]
    topk: Vec<usize>,
    /// What is left out of the ranking at test; at valid it is always train
    #[arg(long, default_value = "train")]
    mask: MaskName,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

/// Masks, as the command line names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum MaskName {
    /// Train items
    Train,
    /// Train and valid items
    TrainValid,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mask = if args.split() == Split::Valid { MaskName::Train } else { args.mask };
    let ranking = RankingConfig {
        topk: args.topk.clone(),
        mask: match mask {
            MaskName::Train => Mask::Train,
            MaskName::TrainValid => Mask::TrainValid,
        },
        ..RankingConfig::default()
    };
    let (per_user, seconds) = match (&args.run, &args.scores) {
        (Some(run), _) => args.measure_run(run, &ranking)?,
        (None, Some(scores)) => args.measure_scores(scores, &ranking)?,
        (None, None) => return Err(BadInput("expected --run or --scores".to_owned()).into()),
    };
    args.output.print(&json!({
        "split": args.split().name(),
        "users": per_user.users().len(),
        "mask": mask.to_possible_value().map(|value| value.get_name().to_owned()),
        "metrics": per_user.means(),
        "seconds": seconds,
    }))
}

impl Args {
    fn split(&self) -> Split {
        match self.split {
            EvaluatedSplit::Valid => Split::Valid,
            EvaluatedSplit::Test => Split::Test,
        }
    }

    fn measure_run(&self, run: &Path, ranking: &RankingConfig) -> Result<(PerUser, f64)> {
        let config = RunFolder::read_config(run)?;
        let dataset = Dataset::open(self.data.as_deref().unwrap_or(&config.data))?;
        let (device, _) = self.compute.or(&config.device, config.threads).start()?;
        let folder = RunFolder::open(run, &dataset)?;
        let mut progress = Progress::new();
        let start = Instant::now();
        if self.split() == Split::Test {
            folder.expect_finished(&mut progress)?;
            // The default protocol is what the folder records; any other question is only answered.
            if *ranking == RankingConfig::default() {
                let tested = folder.test(&dataset, device, &mut progress)?;
                return Ok((tested.per_user, start.elapsed().as_secs_f64()));
            }
        }
        let model = folder.load(&dataset, device, &mut progress)?;
        let per_user = evaluate(&*model.scorer()?, dataset.interactions(), self.split(), ranking)?;
        Ok((per_user, start.elapsed().as_secs_f64()))
    }

    fn measure_scores(&self, path: &Path, ranking: &RankingConfig) -> Result<(PerUser, f64)> {
        let Some(data) = &self.data else {
            return Err(BadInput("expected --data beside --scores".into()).into());
        };
        self.compute.start()?;
        let dataset = Dataset::open(data)?;
        let scores = MatrixFile::open(path)?;
        let interactions = dataset.interactions();
        let expected = (interactions.users(), interactions.items());
        if (scores.rows(), scores.width()) != expected {
            let found = format!("{} × {}", scores.rows(), scores.width());
            let (users, items) = expected;
            let shown = path.display();
            return Err(
                BadInput(format!("{shown}: expected {users} users × {items} items, found {found}")).into()
            );
        }
        let scorer = FileScorer { path, scores, failure: RefCell::new(None) };
        let start = Instant::now();
        let per_user = evaluate(&scorer, interactions, self.split(), ranking)?;
        let seconds = start.elapsed().as_secs_f64();
        scorer.failure.into_inner().map_or(Ok((per_user, seconds)), Err)
    }
}

/// Scores read from a file, a block of users at a time.
struct FileScorer<'a> {
    path: &'a Path,
    scores: MatrixFile,
    /// What is wrong with the first row that cannot be ranked.
    failure: RefCell<Option<anyhow::Error>>,
}

impl FileScorer<'_> {
    fn read_row(&self, user: usize, row: &mut [f32]) -> Result<()> {
        self.scores.read_row(user, row)?;
        match row.iter().position(|score| score.is_nan()) {
            None => Ok(()),
            Some(item) => {
                let path = self.path.display();
                Err(BadInput(format!("{path}: expected a score in row {user} column {item}, found NaN"))
                    .into())
            }
        }
    }
}

impl Scorer for FileScorer<'_> {
    fn items(&self) -> usize {
        self.scores.width()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        for (&user, row) in users.iter().zip(scores.chunks_mut(self.items())) {
            if let Err(error) = self.read_row(user as usize, row) {
                self.failure.borrow_mut().get_or_insert(error);
            }
        }
    }
}
