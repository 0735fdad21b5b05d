//! What settings may be, and points of that space.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use toml::Value;

/// The values that one setting may take.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of choices, or { from = A, to = B } with scale = \"log\" or without"
)]
pub enum Range {
    /// One of a list.
    Choices(Vec<Value>),
    /// Any number between two.
    Between(Between),
}

/// All numbers between two.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// The least.
    pub from: f64,
    /// The largest.
    pub to: f64,
    /// How they are spread.
    #[serde(default)]
    pub scale: Scale,
}

/// How numbers are spread over a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// Evenly in the logarithm.
    Log,
}

impl Range {
    /// What is wrong with the range, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        match *self {
            Self::Choices(ref values) if values.is_empty() => {
                Some("expected at least one choice, found none".into())
            }
            Self::Choices(_) => None,
            Self::Between(Between { from, to, .. }) if !(from < to && from.is_finite() && to.is_finite()) => {
                Some(format!("expected from < to, found {from} and {to}"))
            }
            Self::Between(Between { from, scale: Scale::Log, .. }) if from <= 0.0 => {
                Some(format!("expected a range above 0 for a log scale, found {from}"))
            }
            Self::Between(_) => None,
        }
    }

    /// The values at the ends, or all choices.
    pub(crate) fn ends(&self) -> Vec<Value> {
        match self {
            Self::Choices(values) => values.clone(),
            Self::Between(_) => vec![self.at(0.0), self.at(1.0)],
        }
    }

    /// A coordinate from 0 to 1, or the index of a choice.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Choices(values) => rng.random_range(0..values.len()) as f64,
            Self::Between(_) => rng.random(),
        }
    }

    /// The value at a coordinate; numbers to three digits, so that they can be read and written.
    pub(super) fn at(&self, coordinate: f64) -> Value {
        match *self {
            Self::Choices(ref values) => values[coordinate as usize].clone(),
            Self::Between(Between { from, to, scale: Scale::Linear }) => {
                rounded(from + coordinate * (to - from))
            }
            Self::Between(Between { from, to, scale: Scale::Log }) => {
                rounded(from * (to / from).powf(coordinate))
            }
        }
    }
}

fn rounded(value: f64) -> Value {
    Value::Float(format!("{value:.2e}").parse().unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_span_the_range() {
        let log = Range::Between(Between { from: 1e-4, to: 1e-2, scale: Scale::Log });
        assert_eq!([0.0, 0.5, 1.0].map(|at| log.at(at).as_float()), [Some(1e-4), Some(1e-3), Some(1e-2)]);
        let linear = Range::Between(Between { from: -1.0, to: 3.0, scale: Scale::Linear });
        assert_eq!(linear.at(0.25).as_float(), Some(0.0));
    }

    #[test]
    fn faults_are_named() {
        let fault = |range: Range| range.fault().unwrap();
        assert_eq!(fault(Range::Choices(Vec::new())), "expected at least one choice, found none");
        let between = |from, to, scale| fault(Range::Between(Between { from, to, scale }));
        assert_eq!(between(2.0, 1.0, Scale::Linear), "expected from < to, found 2 and 1");
        assert_eq!(between(0.0, 1.0, Scale::Log), "expected a range above 0 for a log scale, found 0");
    }
}
