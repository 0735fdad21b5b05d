//! What is told: results on stdout, everything else on stderr.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

/// How a command's result is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Output {
    /// Print exactly one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Prints a JSON object, as it is or as lines of name and value.
    pub(crate) fn print(&self, value: &Value) -> Result<()> {
        if self.json { print(&format!("{value}\n")) } else { print(&lines("", value)) }
    }
}

/// Prints a text on stdout. A reader that has seen enough and left, as `head` does, is no failure.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("stdout"),
        _ => Ok(()),
    }
}

/// Tells a line on stderr; work goes on when nobody listens.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn lines(prefix: &str, value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let name =
                |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            fields.iter().map(|(field, value)| lines(&name(field), value)).collect()
        }
        Value::String(text) => format!("{prefix}: {text}\n"),
        other => format!("{prefix}: {other}\n"),
    }
}
