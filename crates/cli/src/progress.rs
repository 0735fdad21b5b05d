//! Progress of long work, on stderr; bars only on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recgoat_model::{EpochRecord, Observer};
use recgoat_semantics as semantics;

use crate::output::say;

/// Shows epochs and steps: a bar on a terminal, else a line now and then.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, terminal }
    }

    fn line(&self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            say(text);
        }
    }
}

impl Observer for Progress {
    fn step(&mut self, epoch: usize, step: usize, steps: usize) {
        if self.terminal {
            if step == 1 {
                self.bar.set_length(steps as u64);
                self.bar.set_message(format!("epoch {epoch}"));
                self.bar.reset_eta();
            }
            self.bar.set_position(step as u64);
        }
    }

    fn epoch(&mut self, record: &EpochRecord, best: f64) {
        let EpochRecord { epoch, loss, valid, train_seconds, valid_seconds, .. } = record;
        if *epoch <= 3 || epoch % 10 == 0 {
            self.line(&format!(
                "epoch {epoch:>4}  loss {loss:.4}  valid recall@20 {valid:.4} (best {best:.4})  \
                 {train_seconds:.2} s + {valid_seconds:.2} s"
            ));
        }
    }

    fn note(&mut self, message: &str) {
        self.line(message);
    }
}

/// Lines between two reports where there is no terminal.
const REPORTS: u64 = 10;

impl semantics::Progress for Progress {
    fn begin(&self, what: &str, count: usize, known: usize) {
        if known > 0 {
            self.line(&format!("{known} {what} are known from before"));
        }
        self.bar.set_length(count as u64);
        self.bar.set_position(0);
        self.bar.set_message(what.to_owned());
        self.bar.reset_eta();
    }

    fn advance(&self, count: usize) {
        let (before, count) = (self.bar.position(), count as u64);
        self.bar.inc(count);
        let length = self.bar.length().unwrap_or(0).max(1);
        let part = |position: u64| position * REPORTS / length;
        if !self.terminal && part(before + count) > part(before) {
            say(&format!("{} {} of {length}", self.bar.message(), before + count));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn note(&self, message: &str) {
        self.line(message);
    }
}
