//! What every model must do, whatever it learns.
//!
//! - `steps_descend_along_their_gradient`: a step's gradient is the loss's, by central differences
//! - `steps_rank_as_evaluation_does`: what a batch's nodes alone are worked out for
//! - `equal_seeds_give_equal_bits`
//! - `models_tell_what_their_views_do`
//! - `transport_by_band_has_a_plan_for_each`
//! - `odd_features_and_graphs_give_finite_scores`
//! - `evaluation_drops_nothing_out`, `edges_left_out_are_there_in_evaluation`
//! - `features_of_half_the_bits_give_almost_the_same_step`
//! - `missing_rows_have_no_say`, `missing_rows_do_not_drown_the_first_gradient_of_bm3`
//! - `a_planted_taste_is_learnt`
//! - `a_folder_that_was_cut_while_it_was_made_is_made_again`
//! - `a_tested_run_without_checkpoints_is_read_and_not_trained_again`
//! - `a_loss_that_is_no_number_stops_the_run`, `features_and_widths_are_checked`

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use recgoat_data::{
    Dataset, Modality, TripleSampler, Triples,
    synthetic::{SyntheticConfig, synthetic},
};
use recgoat_eval::report::Picture;
use recgoat_graph::NeighbourCache;
use recgoat_model::{
    Batch, Context, Error, Learning, ModelConfig, Recommender, Silent, TrainConfig,
    run::{RunConfig, RunFolder},
};
use recgoat_torch::{Purpose, Seed};
use tch::Device;

fn dataset(users: usize, items: usize, interactions: usize) -> Dataset {
    let modalities = vec![("image".to_owned(), 6), ("text".to_owned(), 9)];
    synthetic(&SyntheticConfig { users, items, interactions, seed: 3, modalities }).unwrap()
}

/// The same data, with every third row of the text missing and its values replaced.
fn with_holes(dataset: &Dataset, filler: f32) -> Dataset {
    let modalities = dataset.modalities().iter().map(|modality| {
        if modality.name() != "text" {
            return modality.clone();
        }
        let present: Vec<bool> = (0..modality.rows()).map(|row| row % 3 != 0).collect();
        let width = modality.width();
        let fill = |(at, &value)| if present[at / width] { value } else { filler };
        let values = modality.values().iter().enumerate().map(fill).collect();
        Modality::new("text", modality.rows(), width, values, present.clone()).unwrap()
    });
    let modalities = modalities.collect();
    Dataset::from_parts(dataset.name(), dataset.interactions().clone(), modalities).unwrap()
}

fn model(name: &str, settings: &[(&str, &str)], dataset: &Dataset) -> Box<dyn Recommender> {
    let config = settings
        .iter()
        .fold(ModelConfig::named(name).unwrap(), |config, (key, value)| config.with(key, value).unwrap());
    config
        .build(&Context { dataset, seed: Seed(5), device: Device::Cpu, neighbours: &NeighbourCache::none() })
        .unwrap()
}

const QUIET: [(&str, &str); 6] = [
    ("dim", "8"),
    ("heads", "2"),
    ("feature_dropout", "0"),
    ("attention_dropout", "0"),
    ("output_dropout", "0"),
    ("fusion_dropout", "0"),
];

fn triples(dataset: &Dataset) -> Triples {
    TripleSampler::new(dataset.interactions()).unwrap().epoch(&mut Seed(1).stream(Purpose::Sampling, 1))
}

fn step(model: &mut dyn Recommender, triples: &Triples) -> f64 {
    let Triples { users, positives, negatives } = triples;
    let batch = Batch { users, positives, negatives };
    model.step(&batch, &mut ChaCha8Rng::seed_from_u64(0)).unwrap().double_value(&[])
}

fn scores(model: &dyn Recommender, users: usize) -> Vec<f32> {
    let scorer = model.scorer().unwrap();
    let users: Vec<u32> = (0..users as u32).collect();
    let mut scores = vec![0.0; users.len() * scorer.items()];
    scorer.score(&users, &mut scores);
    scores
}

#[test]
fn steps_descend_along_their_gradient() {
    let data = with_holes(&dataset(14, 18, 90), 7.0);
    let triples = triples(&data);
    // The plan is held fixed in the gradient, so only the modes without one are the derivative of what they return; BM3
    // holds half of its loss fixed, and is not here.
    let exact =
        |mode: &'static str| [&QUIET[..], &[("align.transport", mode), ("align.contrast", "0.5")]].concat();
    let gated = |mode: &'static str| {
        let quiet =
            [("dim", "8"), ("dropout", "0"), ("neighbours", "4"), ("companions", "4"), ("peers", "4")];
        [&quiet[..], &[("align.transport", mode), ("align.contrast", "0.5")]].concat()
    };
    // So is what the representation is kept near.
    let spectral = |settings: &[(&'static str, &'static str)]| {
        let quiet =
            [("dim", "8"), ("hidden", "6"), ("neighbours", "4"), ("consistency", "0"), ("contrast", "0.5")];
        [&quiet[..], settings].concat()
    };
    for (name, settings) in [
        ("bpr", vec![("dim", "8"), ("l2", "0.1")]),
        ("lightgcn", vec![("dim", "8"), ("l2", "0.1")]),
        ("lightgcn", vec![("dim", "8"), ("contrast", "0.5"), ("softmax", "0.5")]),
        ("recgoat", gated("residual")),
        ("recgoat", gated("none")),
        ("vbpr", vec![("dim", "8"), ("l2", "0.1")]),
        ("freedom", vec![("dim", "8"), ("edge_dropout", "0"), ("neighbours", "4"), ("feature_loss", "0.5")]),
        (
            "freedom",
            vec![
                ("edge_dropout", "0"),
                ("neighbours", "4"),
                ("feature_loss", "0.5"),
                ("features", "trained"),
            ],
        ),
        ("mgcn", vec![("dim", "8"), ("neighbours", "4"), ("contrast", "0.5"), ("l2", "0.1")]),
        ("mgcn", vec![("dim", "8"), ("neighbours", "4"), ("contrast", "0.5"), ("features", "trained")]),
        ("smore", vec![("dim", "8"), ("neighbours", "4"), ("dropout", "0"), ("features", "trained")]),
        ("lgmrec", vec![("dim", "8"), ("dropout", "0"), ("contrast", "0.05"), ("l2", "0.1")]),
        (
            "smore",
            vec![("dim", "8"), ("neighbours", "4"), ("dropout", "0"), ("contrast", "0.5"), ("l2", "0.1")],
        ),
        ("recgoat-paper", exact("residual")),
        ("recgoat-paper", exact("none")),
        ("ssr", spectral(&[])),
        ("ssr", spectral(&[("filters", "exact"), ("fusion", "collapsed"), ("bands", "4"), ("peers", "0")])),
        ("ssr", spectral(&[("filters", "released"), ("negatives", "released"), ("ranking", "bpr")])),
        ("ssr", spectral(&[("fusion", "sum"), ("cuts", "even"), ("layers", "0")])),
    ] {
        let mut model = model(name, &settings, &data);
        step(&mut *model, &triples);
        let start = model.parameters().values().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let gradients: Vec<Vec<f32>> = model
            .parameters()
            .tensors()
            .iter()
            .map(|tensor| recgoat_torch::to_vec(&tensor.grad()).unwrap())
            .collect();
        // Uphill in every coordinate, so that the slope is no small difference of large numbers; anywhere in those of
        // which the step says that they do not matter.
        let mut uphill = |gradient: &f32| {
            let length = rng.random_range(-1.0f32..1.0);
            if *gradient == 0.0 { length } else { length.abs() * gradient.signum() }
        };
        let direction: Vec<Vec<f32>> =
            gradients.iter().map(|values| values.iter().map(&mut uphill).collect()).collect();
        let products = gradients.iter().flatten().zip(direction.iter().flatten());
        let expected: f64 = products.map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        let size = 2e-3f32;
        let mut along = |sign: f32| {
            let moved = start.iter().zip(&direction);
            let moved: Vec<Vec<f32>> = moved
                .map(|(values, d)| values.iter().zip(d).map(|(x, d)| x + sign * size * d).collect())
                .collect();
            model.parameters_mut().set_values(&moved).unwrap();
            step(&mut *model, &triples)
        };
        let difference = (along(1.0) - along(-1.0)) / (2.0 * f64::from(size));
        assert!(
            (difference - expected).abs() < 1e-2 * expected.abs(),
            "{name} {settings:?}: {difference} by differences, {expected} by the step"
        );
    }
}

#[test]
fn equal_seeds_give_equal_bits() {
    let data = with_holes(&dataset(20, 25, 150), 0.0);
    let triples = triples(&data);
    for name in ModelConfig::NAMES
        .iter()
        .filter(|name| ModelConfig::named(name).unwrap().learning() == Learning::Steps)
    {
        let run = || {
            let mut model = model(name, &[("dim", "16")], &data);
            let loss = step(&mut *model, &triples);
            (loss.to_bits(), scores(&*model, 20))
        };
        assert_eq!(run(), run(), "{name}");
    }
}

#[test]
fn models_tell_what_their_views_do() {
    let data = with_holes(&dataset(20, 25, 150), 0.0);
    for name in ["recgoat", "recgoat-paper"] {
        let told = model(name, &[("dim", "16")], &data).diagnose().unwrap();
        for what in ["plan mass", "plan marginal error", "W1", "plan over residual", "slack of the bound"] {
            for modality in ["text", "image"] {
                assert!(told[&format!("{what}, {modality}")].is_finite(), "{name}: {told:?}");
            }
        }
        assert!((told["plan mass, text"] - 1.0).abs() < 1e-3, "{told:?}");
        let pictures = model(name, &[("dim", "16")], &data).pictures().unwrap();
        let [Picture::HeatMap { columns: 16, values, .. }, _, Picture::Clouds { groups, .. }] = &pictures[..]
        else {
            panic!("{pictures:?}")
        };
        assert!((values.iter().sum::<f32>() - 16.0).abs() < 0.1, "rows of the map are means");
        assert_eq!(groups.iter().map(|group| group.1.len()).collect::<Vec<_>>(), [25, 25, 25, 16, 16]);
    }
    assert!(model("lightgcn", &[("dim", "8")], &data).diagnose().unwrap().is_empty());
}

#[test]
fn transport_by_band_has_a_plan_for_each() {
    let data = with_holes(&dataset(20, 25, 150), 0.0);
    let banded = |bands: &'static str| model("recgoat", &[("dim", "16"), ("bands", bands)], &data);
    let told = banded("3").diagnose().unwrap();
    for band in 1..=3 {
        for modality in ["text", "image"] {
            assert!((told[&format!("plan mass, {modality}, band {band}")] - 1.0).abs() < 1e-3, "{told:?}");
        }
    }
    let maps = |bands| {
        let pictures = banded(bands).pictures().unwrap();
        pictures.iter().filter(|picture| matches!(picture, Picture::HeatMap { .. })).count()
    };
    assert_eq!((maps("1"), maps("3")), (2, 6));
    let mut model = banded("3");
    assert!(step(&mut *model, &triples(&data)).is_finite());
    let projection =
        model.parameters().names().iter().position(|name| name == "text.projection.weight").unwrap();
    let gradient = model.parameters().tensors()[projection].grad();
    assert!(gradient.isfinite().all().int64_value(&[]) == 1 && gradient.abs().max().double_value(&[]) > 0.0);
    assert_ne!(scores(&*banded("3"), 20), scores(&*banded("1"), 20));
}

/// A feature that is the same for all items, more neighbours than items, items nobody knows, a modality with one row.
#[test]
fn odd_features_and_graphs_give_finite_scores() {
    let plain = dataset(12, 15, 60);
    let rows = plain.interactions().items();
    let one = |row: usize| row == 3;
    let constant = Modality::new("text", rows, 2, vec![1.0; 2 * rows], vec![true; rows]).unwrap();
    let single = Modality::new("image", rows, 2, vec![0.5; 2 * rows], (0..rows).map(one).collect()).unwrap();
    let data = Dataset::from_parts("odd", plain.interactions().clone(), vec![constant, single]).unwrap();
    let triples = triples(&data);
    for (name, settings) in [
        ("itemknn", vec![("neighbours", "99"), ("content", "0.5"), ("similarity", "centred-cosine")]),
        ("vbpr", vec![("dim", "8")]),
        ("freedom", vec![("dim", "8"), ("neighbours", "99"), ("similarity", "centred-cosine")]),
        ("bm3", vec![("dim", "8")]),
        ("mgcn", vec![("dim", "8"), ("neighbours", "99"), ("similarity", "centred-cosine")]),
        ("lgmrec", vec![("dim", "8"), ("hyperedges", "40")]),
        ("smore", vec![("dim", "7"), ("neighbours", "99"), ("similarity", "centred-cosine")]),
        ("recgoat-paper", vec![("dim", "8"), ("neighbours", "99"), ("peers", "99")]),
        ("recgoat-released", vec![("dim", "8"), ("neighbours", "99")]),
        ("recgoat", vec![("dim", "8"), ("neighbours", "99"), ("companions", "99"), ("peers", "99")]),
        ("ssr", vec![("dim", "8"), ("neighbours", "99"), ("peers", "99"), ("bands", "40")]),
        ("ssr", vec![("dim", "8"), ("filters", "exact"), ("bands", "40"), ("mask", "0.9")]),
        ("ssr-released", vec![("dim", "8")]),
    ] {
        let mut model = model(name, &settings, &data);
        assert!(step(&mut *model, &triples).is_finite(), "{name}");
        assert!(scores(&*model, 12).iter().all(|score| score.is_finite()), "{name}");
        let gradients =
            model.parameters().tensors().iter().map(tch::Tensor::grad).filter(tch::Tensor::defined);
        let finite = |gradient: tch::Tensor| gradient.isfinite().all().int64_value(&[]) == 1;
        assert!(gradients.into_iter().all(finite), "{name}");
    }
}

#[test]
fn evaluation_drops_nothing_out() {
    let data = dataset(15, 20, 120);
    // Equal parameters, other dropout rates: equal scores.
    let wild = QUIET.map(|(key, value)| (key, if value == "0" { "0.9" } else { value }));
    let (calm, wild) = (model("recgoat-paper", &QUIET, &data), model("recgoat-paper", &wild, &data));
    assert_eq!(scores(&*calm, 15), scores(&*wild, 15));
}

/// A step works out the batch's nodes alone, evaluation all of them: its pairwise loss is that of evaluation's scores.
#[test]
fn steps_rank_as_evaluation_does() {
    let data = with_holes(&dataset(30, 40, 200), 7.0);
    let Triples { mut users, mut positives, mut negatives } = triples(&data);
    for ids in [&mut users, &mut positives, &mut negatives] {
        ids.truncate(8);
    }
    let few = Triples { users, positives, negatives };
    let few_neighbours = [("neighbours", "4"), ("l2", "0")];
    let with = |settings: &[(&'static str, &'static str)]| [&few_neighbours[..], settings].concat();
    // Memberships are as large as their temperature, beside which their noise is nothing.
    let members = |contrast: &'static str| {
        vec![("dropout", "0"), ("temperature", "1e6"), ("l2", "0"), ("contrast", contrast)]
    };
    for (name, settings) in [
        ("bpr", vec![("l2", "0")]),
        ("lightgcn", vec![("l2", "0")]),
        ("vbpr", vec![("l2", "0")]),
        ("freedom", vec![("neighbours", "4"), ("edge_dropout", "0"), ("feature_loss", "0")]),
        ("mgcn", with(&[("contrast", "0")])),
        ("smore", with(&[("contrast", "0"), ("dropout", "0")])),
        ("lgmrec", members("0")),
        ("lgmrec", members("1e-9")),
        ("lgmrec", [members("0"), vec![("feature_layers", "0"), ("hyper_layers", "2")]].concat()),
        (
            "recgoat",
            with(&[("dropout", "0"), ("softmax", "0"), ("align.transport", "none"), ("align.contrast", "0")]),
        ),
        ("ssr", with(&[("ranking", "bpr"), ("mask", "0"), ("contrast", "0")])),
    ] {
        let mut model = model(name, &settings, &data);
        tch::no_grad(|| {
            let parameters = model.parameters();
            for (name, tensor) in parameters.names().iter().zip(parameters.tensors()) {
                let factor = if name.ends_with("membership.weight") { 1e6 } else { 2.0 };
                let _ = tensor.shallow_clone().g_mul_scalar_(factor);
            }
        });
        let loss = step(&mut *model, &few);
        let scores = scores(&*model, 30);
        let at = |user: u32, item: u32| f64::from(scores[(user * 40 + item) as usize]);
        let items = few.positives.iter().zip(&few.negatives);
        let pairs = few.users.iter().zip(items).map(|(&user, (&p, &n))| at(user, n) - at(user, p));
        let expected = pairs.map(|gap| gap.exp().ln_1p()).sum::<f64>() / 8.0;
        assert!((expected - 2f64.ln()).abs() > 1e-4, "{name}: nothing is told apart");
        assert!((loss - expected).abs() < 1e-5 * expected, "{name} {settings:?}: {loss} {expected}");
    }
}

/// An epoch trains on its own edges; all of them rank.
#[test]
fn edges_left_out_are_there_in_evaluation() {
    let data = dataset(15, 20, 120);
    let triples = triples(&data);
    for name in ["freedom", "lightgcn", "recgoat"] {
        let [mut whole, mut thin] = ["0", "0.7"].map(|share| model(name, &[("edge_dropout", share)], &data));
        thin.begin_epoch(&mut ChaCha8Rng::seed_from_u64(3)).unwrap();
        assert_eq!(scores(&*whole, 15), scores(&*thin, 15), "{name}");
        assert_ne!(step(&mut *whole, &triples), step(&mut *thin, &triples), "{name}");
        let first = step(&mut *thin, &triples);
        thin.begin_epoch(&mut ChaCha8Rng::seed_from_u64(4)).unwrap();
        assert_ne!(first, step(&mut *thin, &triples), "{name}: every epoch has edges of its own");
    }
}

/// Sixteen bits keep eight of a feature: the step moves almost as it would.
#[test]
fn features_of_half_the_bits_give_almost_the_same_step() {
    let data = with_holes(&dataset(20, 25, 150), 0.0);
    let triples = triples(&data);
    let run = |precision: &'static str| {
        let mut model = model("recgoat", &[("dim", "8"), ("dropout", "0"), ("precision", precision)], &data);
        let loss = step(&mut *model, &triples);
        let gradients = model.parameters().tensors().iter().map(|tensor| tensor.grad().view(-1));
        (loss, tch::Tensor::cat(&gradients.collect::<Vec<_>>(), 0))
    };
    let ((wide_loss, wide), (narrow_loss, narrow)) = (run("f32"), run("bf16"));
    assert!(wide_loss != narrow_loss && (wide_loss - narrow_loss).abs() < 1e-2 * wide_loss);
    let product = |a: &tch::Tensor, b: &tch::Tensor| a.dot(b).double_value(&[]);
    let cosine = product(&wide, &narrow) / (product(&wide, &wide) * product(&narrow, &narrow)).sqrt();
    assert!(cosine > 0.999, "{cosine}");
}

#[test]
fn missing_rows_have_no_say() {
    let plain = dataset(20, 24, 150);
    let run = |name: &str, data: &Dataset| {
        let mut model = match name {
            "recgoat-paper" => model(name, &QUIET, data),
            "recgoat by band" => model("recgoat", &[("dim", "8"), ("bands", "3")], data),
            _ => model(name, &[("dim", "8")], data),
        };
        let loss = step(&mut *model, &triples(data));
        assert!(loss.is_finite());
        scores(&*model, 20)
    };
    for name in ["recgoat", "recgoat by band", "recgoat-paper", "ssr"] {
        let holes = run(name, &with_holes(&plain, 0.0));
        assert!(holes.iter().all(|score| score.is_finite()));
        assert_eq!(holes, run(name, &with_holes(&plain, 1e6)));
        assert_ne!(holes, run(name, &plain));
    }
}

/// The cosine of a row of zeros has a gradient of 1e8, which Adam would not forget for thousands of steps.
#[test]
fn missing_rows_do_not_drown_the_first_gradient_of_bm3() {
    let data = with_holes(&dataset(20, 24, 150), 0.0);
    for features in ["frozen", "trained"] {
        let mut model = model("bm3", &[("dim", "8"), ("features", features)], &data);
        step(&mut *model, &triples(&data));
        let largest = model.parameters().tensors().iter().map(|t| t.grad().abs().max().double_value(&[]));
        let largest = largest.fold(0.0, f64::max);
        assert!(largest > 0.0 && largest < 1e3, "{features}: {largest}");
    }
}

fn folder(data: &Dataset, model: ModelConfig, train: TrainConfig) -> (tempfile::TempDir, RunFolder) {
    let place = tempfile::tempdir().unwrap();
    let config = RunConfig {
        data: place.path().to_owned(),
        seed: 0,
        device: "cpu".to_owned(),
        threads: 1,
        train,
        model,
    };
    let folder = RunFolder::create(&place.path().join("run"), config, data).unwrap();
    (place, folder)
}

#[test]
fn a_planted_taste_is_learnt() {
    let data = dataset(300, 200, 6000);
    let train =
        TrainConfig { learning_rate: 1e-2, batch: 512, patience: 4, epochs: 30, ..Default::default() };
    let recall = |name: &str| {
        let (_place, folder) = folder(&data, ModelConfig::named(name).unwrap(), train.clone());
        folder.train(&data, Device::Cpu, &mut Silent).unwrap().trained.valid["recall@20"]
    };
    let popularity = recall("popularity");
    for name in ["bpr", "lightgcn", "recgoat-paper", "recgoat", "ssr"] {
        let found = recall(name);
        assert!(found > 1.3 * popularity, "{name}: {found}, popularity {popularity}");
    }
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let data = dataset(20, 25, 150);
    let train = TrainConfig { learning_rate: 1e30, epochs: 3, ..TrainConfig::default() };
    let (_place, folder) = folder(&data, ModelConfig::named("lightgcn").unwrap(), train);
    let error = folder.train(&data, Device::Cpu, &mut Silent).unwrap_err().to_string();
    assert!(error.contains("epoch") && error.contains("train.learning_rate"), "{error}");
}

/// Another training would not be what was tested.
#[test]
fn a_tested_run_without_checkpoints_is_read_and_not_trained_again() {
    let data = dataset(20, 25, 150);
    let train = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let (_place, folder) = folder(&data, ModelConfig::named("bpr").unwrap(), train);
    folder.train(&data, Device::Cpu, &mut Silent).unwrap();
    let tested = folder.test(&data, Device::Cpu, &mut Silent).unwrap().metrics();
    std::fs::remove_dir_all(folder.checkpoints()).unwrap();
    assert!(folder.is_finished(&mut Silent).unwrap());
    assert_eq!(folder.test(&data, Device::Cpu, &mut Silent).unwrap().metrics(), tested);
    let error = folder.train(&data, Device::Cpu, &mut Silent).unwrap_err().to_string();
    assert!(error.contains("no checkpoint any more; delete the folder to train it again"), "{error}");
}

#[test]
fn a_folder_that_was_cut_while_it_was_made_is_made_again() {
    let data = dataset(20, 25, 150);
    let (place, folder) = folder(&data, ModelConfig::named("popularity").unwrap(), TrainConfig::default());
    let again = place.path().join("again");
    std::fs::create_dir(&again).unwrap();
    for left in ["provenance.json", "config.toml.partial"] {
        std::fs::write(again.join(left), "half").unwrap();
    }
    let made = RunFolder::create(&again, folder.config().clone(), &data).unwrap();
    assert_eq!(RunFolder::open(made.path(), &data).unwrap().config(), folder.config());
    let file = place.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(RunFolder::create(&file, folder.config().clone(), &data).is_err());
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn one_process_at_a_time_trains_a_run() {
    let data = dataset(20, 25, 150);
    let train = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let (_place, folder) = folder(&data, ModelConfig::named("bpr").unwrap(), train);
    let other = std::fs::File::open(folder.path().join("config.toml")).unwrap();
    other.lock().unwrap();
    let error = folder.train(&data, Device::Cpu, &mut Silent).unwrap_err().to_string();
    assert!(error.contains("another process is training this run"), "{error}");
    drop(other);
    folder.train(&data, Device::Cpu, &mut Silent).unwrap();
}

/// The loss of a step is of before its update: the last update of an epoch must be looked at itself, or the model that
/// it broke is measured and kept.
#[test]
fn parameters_that_one_update_breaks_are_noticed() {
    let data = dataset(20, 25, 150);
    for model in ["bpr", "lightgcn", "recgoat"] {
        let train = TrainConfig { epochs: 1, learning_rate: 1e38, ..TrainConfig::default() };
        let (_place, folder) = folder(&data, ModelConfig::named(model).unwrap(), train);
        let error = folder.train(&data, Device::Cpu, &mut Silent).unwrap_err();
        assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{model}: {error}");
        assert!(!folder.checkpoints().exists(), "{model}: nothing broken is kept");
    }
}

#[test]
fn features_and_widths_are_checked() {
    let plain = dataset(20, 25, 150);
    let bare = Dataset::from_parts("bare", plain.interactions().clone(), Vec::new()).unwrap();
    let build = |data: &Dataset, key: &str, value: &str| {
        let config = ModelConfig::named("recgoat-paper").unwrap().with(key, value).unwrap();
        let built = config.build(&Context {
            dataset: data,
            seed: Seed(0),
            device: Device::Cpu,
            neighbours: &NeighbourCache::none(),
        });
        built.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(build(&bare, "dim", "64").contains("expected at least one <modality>_feat.npy"));
    let unknown = build(&plain, "modalities", "[\"sound\"]");
    assert_eq!(unknown, "modalities: expected some of image, text, found \"sound\"");
    assert_eq!(build(&plain, "modalities", "[\"text\"]"), "");
    assert_eq!(build(&plain, "dim", "0"), "dim: expected a value in 1..=65536, found 0");
    assert_eq!(
        build(&plain, "feature_dropout", "1"),
        "feature_dropout: expected a value in 0.0..1.0, found 1"
    );
    assert_eq!(
        build(&plain, "init_deviation", "nan"),
        "init_deviation: expected a value in 0.0..=1000000.0, found NaN"
    );
    assert_eq!(
        build(&plain, "align.temperature", "0"),
        "align.temperature: expected a positive number, found 0"
    );
    assert_eq!(build(&plain, "dim", "60"), "dim: expected a multiple of heads = 8, found 60");
}
