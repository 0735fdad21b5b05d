//! The report as one offline HTML page. `maud` escapes every value.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use super::tables::{self, Standing, Table, grouped};

/// Names of models, and their pictures as SVG text.
pub(super) type Pictures = Vec<(String, Vec<String>)>;

/// The plots of a page as SVG text.
pub(super) struct Plots {
    pub(super) curves: String,
    pub(super) bars: String,
    pub(super) sweeps: Vec<String>,
    pub(super) diagnoses: Vec<String>,
    pub(super) pictures: Pictures,
}

/// The whole page around its plots.
pub(super) fn render(report: &Report, plots: &Plots) -> String {
    let Plots { curves, bars, sweeps, diagnoses, pictures } = plots;
    let card = &report.dataset;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // The page needs nothing but its own styles, and so may load nothing.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (report.title) }
                    p { (card.name) " · " (grouped(card.users)) " users · " (grouped(card.items)) " items · "
                        (grouped(card.train + card.valid + card.test)) " interactions" }
                }
                section {
                    h2 { "Results" }
                    (table(&tables::results(report)))
                    p.note { "Test split; mean ± standard deviation over seeds; best of each column in bold." }
                    figure aria-label="Test Recall@20 by model" { (PreEscaped(bars)) }
                    figure aria-label="Valid Recall@20 by epoch" {
                        (PreEscaped(curves))
                        figcaption { "Strong line: first seed, with a dot at its best epoch; faint lines: the other seeds." }
                    }
                }
                @if !report.comparisons.is_empty() {
                    section {
                        h2 { "Comparisons" }
                        (table(&tables::comparisons(report)))
                        p.note { "Difference = model − baseline, paired over test users, each averaged over its seeds. "
                            "Holm’s correction runs over the comparisons of one metric." }
                    }
                }
                @if !sweeps.is_empty() {
                    section {
                        h2 { "What settings do" }
                        div.plots { @for plot in sweeps { figure { (PreEscaped(plot)) } } }
                        p.note { "Models that differ in this setting alone; mean ± standard deviation over seeds." }
                    }
                }
                @if !diagnoses.is_empty() {
                    section {
                        h2 { "What the views do" }
                        div.plots { @for plot in diagnoses { figure { (PreEscaped(plot)) } } }
                        p.note { "After each epoch, on up to 512 items at even steps. Strong line: first seed." }
                    }
                }
                @for (name, pictures) in pictures {
                    section {
                        h2 { "How " (name) " sees the items" }
                        div.plots { @for picture in pictures { figure { (PreEscaped(picture)) } } }
                        p.note { "Of the first seed's kept epoch." }
                    }
                }
                section.dense { h2 { "All test metrics" } (table(&tables::all_metrics(report))) }
                section { h2 { "Training" } (table(&tables::training(report))) }
                div.pair {
                    section { h2 { "Protocol" } (lines(&report.protocol)) }
                    section { h2 { "Dataset" } (lines(&tables::dataset(card))) }
                }
                @if report.models.iter().any(|model| !model.settings.is_empty()) {
                    section {
                        h2 { "Settings" }
                        @for model in report.models.iter().filter(|model| !model.settings.is_empty()) {
                            details { summary { (model.name) } (lines(&model.settings)) }
                        }
                    }
                }
                section { h2 { "Environment" } (lines(&report.environment)) }
            }
        }
    };
    page.into_string()
}

fn table(table: &Table) -> Markup {
    let class = |column: usize| (column >= table.text_columns).then_some("number");
    html! {
        div.scroll {
            table {
                thead {
                    tr { @for (column, cell) in table.head.iter().enumerate() { th class=[class(column)] { (cell) } } }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                td class=[class(column)] {
                                    @match cell.standing {
                                        Standing::Best => { strong { (cell.text) } }
                                        Standing::Other => { (cell.text) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn lines(lines: &[(String, String)]) -> Markup {
    html! {
        div.scroll {
            table.lines {
                tbody { @for (name, value) in lines { tr { th { (name) } td { (value) } } } }
            }
        }
    }
}

const STYLE: &str = include_str!("report.css");
