//! The report as Markdown.

use std::fmt::Write;

use super::Report;
use super::tables::{self, Standing, Table};

/// The whole document.
pub(super) fn render(report: &Report) -> String {
    let mut text = format!("# {}\n", escape(&report.title));
    section(&mut text, "Results", &table(&tables::results(report)));
    text.push_str("\nTest split; mean ± standard deviation over seeds; best of each column in bold.\n");
    if !report.comparisons.is_empty() {
        section(&mut text, "Comparisons", &table(&tables::comparisons(report)));
        text.push_str(
            "\nDifference = model − baseline, paired over test users, each averaged over its seeds. \
             Holm's correction runs over the comparisons of one metric.\n",
        );
    }
    section(&mut text, "All test metrics", &table(&tables::all_metrics(report)));
    section(&mut text, "Training", &table(&tables::training(report)));
    section(&mut text, "Protocol", &lines(&report.protocol));
    section(&mut text, "Dataset", &lines(&tables::dataset(&report.dataset)));
    for model in report.models.iter().filter(|model| !model.settings.is_empty()) {
        section(&mut text, &format!("Settings of {}", escape(&model.name)), &lines(&model.settings));
    }
    section(&mut text, "Environment", &lines(&report.environment));
    text
}

fn section(text: &mut String, heading: &str, body: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## {heading}\n\n{body}");
}

fn table(table: &Table) -> String {
    let mut text = row(table.head.iter().map(|cell| escape(cell)));
    text += &row((0..table.head.len())
        .map(|column| if column < table.text_columns { "---" } else { "---:" }.to_owned()));
    for cells in &table.rows {
        text += &row(cells.iter().map(|cell| match cell.standing {
            Standing::Best => format!("**{}**", escape(&cell.text)),
            Standing::Other => escape(&cell.text),
        }));
    }
    text
}

fn lines(lines: &[(String, String)]) -> String {
    let mut text = row(["Name".to_owned(), "Value".to_owned()].into_iter());
    text += &row(["---".to_owned(), "---".to_owned()].into_iter());
    for (name, value) in lines {
        text += &row([escape(name), escape(value)].into_iter());
    }
    text
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// Keeps a value from ending its cell or being read as markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
