//! SSR on graphs that have next to no spectrum, and what it shows of itself.
//!
//! - `graphs_of_every_kind_give_finite_scores`, `any_graph_gives_finite_scores`
//! - `the_exact_and_the_smooth_bands_agree_where_nothing_lies_between_them`
//! - `masks_are_drawn_in_training_alone`
//! - `what_is_left_out_has_no_say`
//! - `bands_that_are_only_added_need_not_be_made`
//! - `decay_shortens_what_ranks`
//! - `a_model_shows_its_bands`
//! - `a_trained_run_is_loaded_with_its_bands`
//! - `settings_are_checked`

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use recgoat_data::{
    Dataset, Interactions, Modality, Split,
    synthetic::{SyntheticConfig, synthetic},
};
use recgoat_eval::{RankingConfig, rank, report::Picture};
use recgoat_graph::NeighbourCache;
use recgoat_model::{
    Batch, Context, ModelConfig, Recommender, Silent, TrainConfig,
    run::{RunConfig, RunFolder},
};
use recgoat_torch::Seed;
use tch::Device;

/// Users and items joined by these pairs, with text and image features; those of items in `without` have no image.
fn dataset([users, items]: [usize; 2], pairs: &[(u32, u32)], without: &[usize]) -> Dataset {
    let interactions = Interactions::from_pairs(users, items, pairs, &[], &[]).unwrap();
    let values = |salt: usize| (0..3 * items).map(|at| ((at * 7 + salt) % 11) as f32 - 5.0).collect();
    let there: Vec<bool> = (0..items).map(|item| !without.contains(&item)).collect();
    let text = Modality::new("text", items, 3, values(1), vec![true; items]).unwrap();
    let image = Modality::new("image", items, 3, values(4), there).unwrap();
    Dataset::from_parts("made", interactions, vec![text, image]).unwrap()
}

fn try_model(
    name: &str,
    settings: &[(&str, &str)],
    dataset: &Dataset,
) -> Result<Box<dyn Recommender>, String> {
    let named = ModelConfig::named(name).unwrap();
    let config = settings.iter().fold(named, |config, (key, value)| config.with(key, value).unwrap());
    let neighbours = NeighbourCache::none();
    let context = Context { dataset, seed: Seed(5), device: Device::Cpu, neighbours: &neighbours };
    config.build(&context).map_err(|error| error.to_string())
}

fn model(settings: &[(&str, &str)], dataset: &Dataset) -> Box<dyn Recommender> {
    try_model("ssr", &[&[("dim", "4"), ("hidden", "5"), ("neighbours", "3")], settings].concat(), dataset)
        .unwrap()
}

fn scores(model: &dyn Recommender, users: usize) -> Vec<f32> {
    let scorer = model.scorer().unwrap();
    let users: Vec<u32> = (0..users as u32).collect();
    let mut scores = vec![0.0; users.len() * scorer.items()];
    scorer.score(&users, &mut scores);
    scores
}

/// A step on users 0 and `other`.
fn step(model: &mut dyn Recommender, other: usize, seed: u64) -> f64 {
    let batch = Batch { users: &[0, other as u32, 0], positives: &[0, 1, 0], negatives: &[2, 2, 1] };
    model.step(&batch, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap().double_value(&[])
}

#[test]
fn graphs_of_every_kind_give_finite_scores() {
    // Two components, one of them a single edge, and an item of no edge; the image missing for all of the second.
    let apart = dataset([3, 5], &[(0, 0), (0, 1), (1, 1), (1, 2), (2, 3)], &[3, 4]);
    let edges = dataset([2, 3], &[(0, 0), (1, 1)], &[1]);
    let edge = dataset([1, 3], &[(0, 0)], &[]);
    for (data, users) in [(&apart, 3), (&edges, 2), (&edge, 1)] {
        for filters in ["chebyshev", "exact", "released"] {
            // Five bands are more than these graphs have eigenvalues.
            let bands = if filters == "released" { "3" } else { "5" };
            for (fusion, contrast) in [("operator", "1"), ("sum", "0")] {
                let settings =
                    [("filters", filters), ("bands", bands), ("fusion", fusion), ("contrast", contrast)];
                let mut model = model(&settings, data);
                assert!(step(&mut *model, users - 1, 1).is_finite(), "{settings:?}");
                let gradients = model.parameters().tensors().iter().map(tch::Tensor::grad);
                let mut defined = gradients.filter(tch::Tensor::defined);
                assert!(defined.all(|g| g.isfinite().all().int64_value(&[]) == 1), "{settings:?}");
                assert!(scores(&*model, users).iter().all(|score| score.is_finite()), "{settings:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_graph_gives_finite_scores(
        pairs in proptest::collection::btree_set((0u32..5, 1u32..6), 0..20),
        without in proptest::collection::vec(0usize..6, 0..6), bands in 1usize..9, exact in any::<bool>(),
    ) {
        // A dataset's users have an item each; items of no user are many.
        let pairs: Vec<(u32, u32)> = (0..5).map(|user| (user, 0)).chain(pairs).collect();
        prop_assume!(without.iter().collect::<std::collections::BTreeSet<_>>().len() < 6);
        let data = dataset([5, 6], &pairs, &without);
        let (filters, bands) = (if exact { "exact" } else { "chebyshev" }, bands.to_string());
        let mut model = model(&[("filters", filters), ("bands", &bands)], &data);
        prop_assert!(step(&mut *model, 1, 1).is_finite());
        prop_assert!(scores(&*model, 5).iter().all(|score| score.is_finite()));
    }
}

/// On one edge all eigenvalues are 0 and 2: smooth bands cut in the middle are as good as sharp ones.
#[test]
fn the_exact_and_the_smooth_bands_agree_where_nothing_lies_between_them() {
    let data = dataset([2, 3], &[(0, 0), (1, 1)], &[]);
    let with = |filters: &'static str| {
        let settings =
            [("filters", filters), ("cuts", "even"), ("bands", "2"), ("degree", "200"), ("peers", "0")];
        scores(&*model(&settings, &data), 2)
    };
    let (exact, smooth) = (with("exact"), with("chebyshev"));
    // Item 2 has no edge: it lies on the cut.
    for (at, (exact, smooth)) in exact.iter().zip(&smooth).enumerate().filter(|(at, _)| at % 3 < 2) {
        assert!((exact - smooth).abs() < 1e-3, "{at}: {exact} {smooth}");
    }
}

#[test]
fn masks_are_drawn_in_training_alone() {
    let data = dataset([3, 5], &[(0, 0), (0, 1), (1, 1), (1, 2), (2, 3)], &[]);
    let losses = |mask: &'static str| [1, 2].map(|seed| step(&mut *model(&[("mask", mask)], &data), 1, seed));
    assert_eq!(losses("0")[0], losses("0")[1]);
    assert_ne!(losses("0.5")[0], losses("0.5")[1]);
    assert_eq!(scores(&*model(&[("mask", "0")], &data), 3), scores(&*model(&[("mask", "0.5")], &data), 3));
    // Kept near what all bands make of it: the loss says how far it is.
    let with = |consistency| step(&mut *model(&[("mask", "0.5"), ("consistency", consistency)], &data), 1, 1);
    assert!(with("1") > with("0"));
}

#[test]
fn what_is_left_out_has_no_say() {
    let data = dataset([3, 5], &[(0, 0), (0, 1), (1, 1), (1, 2), (2, 3)], &[]);
    // One band is never dropped.
    let loss = |mask, seed| step(&mut *model(&[("bands", "1"), ("mask", mask)], &data), 1, seed);
    assert!(loss("0.5", 1) == loss("0.5", 2) && loss("0.5", 1) == loss("0", 1));
    // Without steps over them, graphs of the like are as good as none.
    let scored = |neighbours, peers| {
        let settings = [("like_layers", "0"), ("neighbours", neighbours), ("peers", peers)];
        scores(&*model(&settings, &data), 3)
    };
    assert_eq!(scored("2", "0"), scored("4", "3"));
}

/// A step without bands, and the same with them: for the sake of a contrast that weighs next to nothing.
#[test]
fn bands_that_are_only_added_need_not_be_made() {
    let data = dataset([3, 5], &[(0, 0), (0, 1), (1, 1), (1, 2), (2, 3)], &[]);
    let loss = |contrast| {
        let settings = [("fusion", "sum"), ("mask", "0"), ("contrast", contrast)];
        let mut model = model(&settings, &data);
        let stages = model.cost(&Batch { users: &[0], positives: &[0], negatives: &[2] }).unwrap();
        let loss = step(&mut *model, 1, 1);
        let gradients =
            model.parameters().tensors().iter().map(|t| t.grad().norm().double_value(&[])).sum::<f64>();
        (stages.iter().any(|stage| stage.name == "filters"), loss, gradients)
    };
    let ((made, loss, gradient), (needed, expected, like)) = (loss("0"), loss("1e-9"));
    assert!(!made && needed);
    assert!((loss - expected).abs() < 1e-5 && (gradient - like).abs() < 1e-4 * like, "{gradient} {like}");
    // Nor do they change what ranks, unless they are the released ones, which are no parts of a whole.
    let scored = |bands, filters| {
        let settings = [("fusion", "sum"), ("bands", bands), ("filters", filters)];
        scores(&*model(&settings, &data), 3)
    };
    assert_eq!(scored("3", "chebyshev"), scored("1", "chebyshev"));
    assert_ne!(scored("3", "released"), scored("1", "chebyshev"));
}

/// Rows are scaled to unit length before they are smoothed: decay of the tables behind them would change no score.
#[test]
fn decay_shortens_what_ranks() {
    let data = dataset([3, 5], &[(0, 0), (0, 1), (1, 1), (1, 2), (2, 3)], &[]);
    let size = |l2| {
        let mut model = model(&[("l2", l2), ("mask", "0"), ("contrast", "0")], &data);
        step(&mut *model, 1, 1);
        // One step along the gradient.
        tch::no_grad(|| {
            for parameter in model.parameters().tensors() {
                let gradient = parameter.grad();
                if gradient.defined() {
                    let _ = parameter.shallow_clone().g_sub_(&(gradient * 0.05));
                }
            }
        });
        scores(&*model, 3).iter().map(|score| score.abs()).sum::<f32>()
    };
    assert!(size("1") < 0.9 * size("0"));
}

#[test]
fn a_model_shows_its_bands() {
    let data = dataset([3, 5], &[(0, 0), (0, 1), (1, 1), (1, 2), (2, 3)], &[]);
    let model = model(&[("bands", "4")], &data);
    let pictures = model.pictures().unwrap();
    let [
        Picture::Curves { curves: responses, .. },
        Picture::Bars { bars: energies, .. },
        Picture::Bars { bars: agreements, .. },
        Picture::Curves { curves: gates, .. },
    ] = &pictures[..]
    else {
        panic!("{pictures:?}")
    };
    assert_eq!(responses.len(), 4);
    for point in 0..responses[0].1.len() {
        let sum: f64 = responses.iter().map(|(_, curve)| curve[point].1).sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
    assert_eq!((energies.len(), agreements.len()), (3 * 4, 4));
    for tower in energies.chunks(4) {
        let sum: f64 = tower.iter().map(|(_, share)| share).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{energies:?}");
    }
    assert!(agreements.iter().all(|(_, cosine)| cosine.abs() <= 1.0 + 1e-6), "{agreements:?}");
    // Nodes with no, one and two edges.
    assert!(gates.iter().all(|(_, curve)| curve.len() == 2 && curve.iter().all(|gate| gate.1 > 0.4)));
    let lessened = model.lessened().unwrap();
    assert_eq!(lessened.iter().map(|part| part.0.as_str()).collect::<Vec<_>>()[3], "without band 4");
    let mut without = vec![0.0; 5];
    lessened[0].1.score(&[0], &mut without);
    assert_ne!(without, scores(&*model, 1));
}

/// Bands are cut by the untrained towers: a model that is built again from its seed has those it was trained with.
#[test]
fn a_trained_run_is_loaded_with_its_bands() {
    let modalities = vec![("image".to_owned(), 6), ("text".to_owned(), 9)];
    let config = SyntheticConfig { users: 60, items: 50, interactions: 700, seed: 3, modalities };
    let data = synthetic(&config).unwrap();
    let place = tempfile::tempdir().unwrap();
    let run = RunConfig {
        data: place.path().to_owned(),
        seed: 4,
        device: "cpu".to_owned(),
        threads: 1,
        train: TrainConfig { learning_rate: 1e-2, batch: 256, epochs: 3, ..TrainConfig::default() },
        model: ModelConfig::named("ssr").unwrap().with("dim", "8").unwrap(),
    };
    let folder = RunFolder::create(&place.path().join("run"), run, &data).unwrap();
    let trained = folder.train(&data, Device::Cpu, &mut Silent).unwrap().trained;
    let loaded = folder.load(&data, Device::Cpu, &mut Silent).unwrap();
    let ranking = RankingConfig::default();
    let rankings = rank(&*loaded.scorer().unwrap(), data.interactions(), Split::Valid, &ranking).unwrap();
    assert_eq!(rankings.measure(&ranking.topk).unwrap().means()["recall@20"], trained.valid["recall@20"]);
}

#[test]
fn settings_are_checked() {
    let data = dataset([1, 3], &[(0, 0)], &[]);
    let refused = |settings: &[(&str, &str)]| try_model("ssr", settings, &data).err().unwrap_or_default();
    assert_eq!(refused(&[("bands", "0")]), "bands: expected a value in 1..=64, found 0");
    assert_eq!(refused(&[("mask", "1")]), "mask: expected a value in 0.0..1.0, found 1");
    assert_eq!(refused(&[("temperature", "0")]), "temperature: expected a positive number, found 0");
    assert_eq!(
        refused(&[("filters", "released"), ("bands", "4")]),
        "bands: expected 3 with the released filters, found 4"
    );
    let pairs: Vec<(u32, u32)> = (0..9000).map(|node| (node, node)).collect();
    let wide = dataset([9000, 9000], &pairs, &[]);
    let refused = try_model("ssr", &[("filters", "exact")], &wide).err().unwrap();
    assert!(refused.starts_with("filters: expected at most 67108864 pairs"), "{refused}");
}
