//! What is asked about users, and how often.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use proptest::prelude::*;
use recgoat_data::{Dataset, Split, train_histories};
use recgoat_semantics::{
    Cache, Error, Result, Silent, Template, Writing,
    generate::{Completion, End, Generator, Prompt, Sampling},
    prompts, write_all,
};

/// Answers with the number of items, counts a token a word, and fails at the call of this number.
struct Spy {
    asked: Mutex<Vec<String>>,
    calls: AtomicUsize,
    fails_at: usize,
}

impl Spy {
    fn new(fails_at: usize) -> Self {
        Self { asked: Mutex::default(), calls: AtomicUsize::new(0), fails_at }
    }
}

impl Generator for Spy {
    fn name(&self) -> &str {
        "spy"
    }

    fn count(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn concurrency(&self) -> usize {
        2
    }

    fn generate(&self, prompt: &Prompt, _: &Sampling) -> Result<Completion> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == self.fails_at {
            return Err(Error::Model { model: "spy".into(), problem: "killed".into() });
        }
        self.asked.lock().unwrap().push(prompt.user.clone());
        let shown = prompt.user.lines().next().unwrap_or_default();
        let items = shown.split("; ").count();
        let text = format!("<think>…</think><answer>{items} items</answer>");
        Ok(Completion { text, end: End::Stop, prompt_tokens: 2, completion_tokens: 3, retries: 0 })
    }
}

/// Writes about subjects with this many tokens of history.
fn write(
    spy: &Spy,
    template: &Template,
    subjects: &[Vec<usize>],
    texts: &[String],
    tokens: usize,
    cache: &Cache,
) -> Result<Writing> {
    let prompts = prompts(spy, template, subjects, texts, tokens)?;
    write_all(spy, template.version(), &prompts, &Sampling::default(), cache, &Silent)
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|item| format!("item{item}x")).collect()
}

#[test]
fn cut_and_begun_again_nothing_is_asked_twice() {
    let cache = Cache::in_memory().unwrap();
    let subjects: Vec<Vec<usize>> = (0..20).map(|user| vec![user, (user + 1) % 20]).collect();
    let run = |spy: &Spy| write(spy, &Template::profile(), &subjects, &texts(20), 400, &cache);
    let cut = Spy::new(7);
    assert!(run(&cut).unwrap_err().to_string().contains("killed"));
    let kept = cut.asked.lock().unwrap().len();
    assert!(kept >= 7);
    let second = Spy::new(usize::MAX);
    let writing = run(&second).unwrap();
    assert_eq!((writing.cost.remembered, writing.cost.written), (kept, 20 - kept));
    assert_eq!(second.calls.into_inner(), 20 - kept);
    assert!(writing.texts.iter().all(|text| text.as_deref() == Some("2 items")));
    assert_eq!(
        (writing.cost.prompt_tokens, writing.cost.completion_tokens, writing.cost.unmarked),
        (40, 60, 0)
    );
    // The same prompts under another version of the template are asked anew.
    let third = Spy::new(usize::MAX);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edited.toml");
    fs::write(&path, format!("# edited\n{}", Template::profile()).replace("analyst", "critic")).unwrap();
    let edited = Template::read(&path).unwrap();
    write(&third, &edited, &subjects, &texts(20), 400, &cache).unwrap();
    assert!(third.calls.into_inner() > 0);
}

#[test]
fn the_latest_items_that_fit_are_shown() {
    let spy = Spy::new(usize::MAX);
    let items = ["one", "two words", "", "four", "a b c d e"].map(str::to_owned);
    let subjects = [vec![0, 1, 3], vec![2, 3, 0], vec![2], vec![], vec![4, 0]];
    let cache = Cache::in_memory().unwrap();
    let writing = write(&spy, &Template::profile(), &subjects, &items, 3, &cache).unwrap();
    let said: Vec<Option<&str>> = writing.texts.iter().map(Option::as_deref).collect();
    assert_eq!(said, [Some("2 items"), Some("2 items"), None, None, Some("1 items")]);
    // The one that is too long alone is cut, not left out.
    let asked = spy.asked.into_inner().unwrap();
    let shown = asked.iter().find(|prompt| prompt.contains(": a b")).unwrap();
    assert!(!shown.contains("d e"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The texts of a user's valid and test items, and of other users' items, enter no prompt about the user.
    #[test]
    fn nothing_but_train_items_is_shown(rows in prop::collection::btree_map((0u32..6, 0u32..12), (0u8..3, 0u32..5), 12..50)) {
        let dir = tempfile::tempdir().unwrap();
        let mut text = "userID\titemID\ttimestamp\tx_label\n".to_owned();
        for ((user, item), (label, time)) in &rows {
            text += &format!("{user}\t{item}\t{time}\t{label}\n");
        }
        fs::write(dir.path().join("d.inter"), text).unwrap();
        // Rows that are no data set, such as those of a user without train items, show nothing.
        let Ok(dataset) = Dataset::open(dir.path()) else { return Ok(()) };
        let latest = |history: Vec<u32>| history.into_iter().rev().map(|item| item as usize).collect();
        let subjects: Vec<Vec<usize>> = train_histories(dir.path()).unwrap().into_iter().map(latest).collect();
        let interactions = dataset.interactions();
        for (user, subject) in subjects.iter().enumerate() {
            let spy = Spy::new(usize::MAX);
            let cache = Cache::in_memory().unwrap();
            let one = std::slice::from_ref(subject);
            let items = texts(dataset.items());
            write(&spy, &Template::profile(), one, &items, 400, &cache).unwrap();
            let asked = spy.asked.into_inner().unwrap().join("\n");
            for item in 0..dataset.items() as u32 {
                let is_train = interactions.split(Split::Train).row(user).contains(&item);
                prop_assert_eq!(asked.contains(&format!("item{item}x")), is_train);
            }
        }
    }
}
