//! Texts that a language model writes about users or items.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    Cache, Error, Result, Template,
    answer::{Form, answer},
    generate::{Completion, End, Generator, Prompt, Sampling},
    progress::Progress,
    threads,
};

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WritingConfig {
    /// Most tokens of item texts in a prompt; older items are left out first.
    pub history_tokens: usize,
    /// How the model chooses.
    pub sampling: Sampling,
}

impl Default for WritingConfig {
    fn default() -> Self {
        Self { history_tokens: 400, sampling: Sampling::default() }
    }
}

/// What was written, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Writing {
    /// One text a subject; `None` where nothing is known of it.
    pub texts: Vec<Option<String>>,
    /// What it cost.
    pub cost: Cost,
}

/// Counts over all texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Texts that the model wrote now.
    pub written: usize,
    /// Texts that the cache had.
    pub remembered: usize,
    /// Tokens read, of all texts.
    pub prompt_tokens: usize,
    /// Tokens written, of all texts.
    pub completion_tokens: usize,
    /// Attempts beyond the first.
    pub retries: usize,
    /// Texts that were cut at the most tokens.
    pub cut: usize,
    /// Texts without the marks that were asked for; taken as they are.
    pub unmarked: usize,
    /// Seconds of this run.
    pub seconds: f64,
}

/// The prompt about each subject from the texts of its items, `subjects[i]` being the items of subject `i`, the latest
/// first, as many as fit into `history_tokens`; `None` where nothing is known of any.
///
/// # Errors
/// [`Error::Template`] when the template asks for what cannot be.
pub fn prompts(
    generator: &dyn Generator,
    template: &Template,
    subjects: &[Vec<usize>],
    item_texts: &[String],
    history_tokens: usize,
) -> Result<Vec<Option<Prompt>>> {
    let budget = Budget::new(generator, item_texts, history_tokens);
    let prompt = |items: &Vec<usize>| {
        let texts = budget.take(items);
        if texts.is_empty() { Ok(None) } else { template.prompt(&texts).map(Some) }
    };
    subjects.iter().map(prompt).collect()
}

/// Writes a text for each prompt, under the template's version. Each text is kept in the cache as it comes: cut at any
/// moment and started again, no text is written twice.
///
/// # Errors
/// What the generator or the cache says. Texts written before it stay in the cache.
pub fn write_all(
    generator: &dyn Generator,
    version: &str,
    prompts: &[Option<Prompt>],
    sampling: &Sampling,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Writing> {
    let begun = Instant::now();
    let name = generator.name();
    let remembered = |prompt| cache.completion(name, version, prompt, sampling);
    let mut completions: Vec<Option<Completion>> = Vec::with_capacity(prompts.len());
    for prompt in prompts {
        completions.push(prompt.as_ref().map(remembered).transpose()?.flatten());
    }
    let mut cost = Cost { remembered: completions.iter().flatten().count(), ..Cost::default() };
    let todo: Vec<_> = prompts
        .iter()
        .enumerate()
        .filter(|(subject, _)| completions[*subject].is_none())
        .filter_map(|(subject, prompt)| Some((subject, prompt.as_ref()?)))
        .collect();
    progress.begin("prompts", todo.len(), cost.remembered);
    let found = Mutex::new(Vec::with_capacity(todo.len()));
    threads::each(&todo, generator.concurrency(), |_, (subject, prompt)| -> Result<()> {
        let completion = generator.generate(prompt, sampling)?;
        cache.keep_completion(name, version, prompt, sampling, &completion)?;
        progress.advance(1);
        found.lock().unwrap_or_else(PoisonError::into_inner).push((*subject, completion));
        Ok::<(), Error>(())
    })?;
    progress.end();
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    cost.written = found.len();
    cost.retries = found.iter().map(|(_, completion)| completion.retries).sum();
    for (subject, completion) in found {
        completions[subject] = Some(completion);
    }
    let texts =
        completions.iter().map(|completion| Some(cost.add(completion.as_ref()?)).filter(|t| !t.is_empty()));
    let texts = texts.collect();
    cost.seconds = begun.elapsed().as_secs_f64();
    Ok(Writing { texts, cost })
}

impl Cost {
    /// Counts a completion; the answer in it.
    fn add(&mut self, completion: &Completion) -> String {
        self.prompt_tokens += completion.prompt_tokens;
        self.completion_tokens += completion.completion_tokens;
        self.cut += usize::from(completion.end == End::Length);
        let answer = answer(&completion.text);
        self.unmarked += usize::from(answer.form == Form::Free);
        answer.text
    }
}

/// Item texts and what each costs.
struct Budget<'a> {
    texts: &'a [String],
    costs: Vec<usize>,
    most: usize,
    generator: &'a dyn Generator,
}

impl<'a> Budget<'a> {
    fn new(generator: &'a dyn Generator, texts: &'a [String], most: usize) -> Self {
        let costs = texts.iter().map(|text| generator.count(text)).collect();
        Self { texts, costs, most, generator }
    }

    /// The texts of the first items that fit together. The first is cut where it alone is too long.
    fn take(&self, items: &[usize]) -> Vec<String> {
        let (mut taken, mut left) = (Vec::new(), self.most);
        for &item in items.iter().filter(|&&item| !self.texts[item].is_empty()) {
            if self.costs[item] > left {
                if taken.is_empty() {
                    taken.push(self.cut(&self.texts[item]));
                }
                break;
            }
            left -= self.costs[item];
            taken.push(self.texts[item].clone());
        }
        taken
    }

    /// A start of the text that fits.
    fn cut(&self, text: &str) -> String {
        let mut length = text.chars().count();
        loop {
            length = length * 3 / 4;
            let start: String = text.chars().take(length).collect();
            if length <= 1 || self.generator.count(&start) <= self.most {
                return start;
            }
        }
    }
}
