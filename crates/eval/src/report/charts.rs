//! The plots of a report as SVG text, drawn without any font of the machine.

use std::{collections::BTreeSet, io};

use plotters::chart::MeshStyle;
use plotters::coord::{Shift, ranged1d::ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Report, RunResult, tables};
use crate::error::{Error, Result};
use crate::stats::Spread;

/// Learning curves: Recall@20 on valid against the epoch. The first run of a model is drawn strong,
/// with a dot at its best epoch, the others faint.
///
/// # Errors
/// When the plotting library fails.
pub(super) fn curves(report: &Report) -> Result<String> {
    let valid = |run: &RunResult| run.curve.iter().map(|point| (point.epoch, point.valid)).collect();
    lines(report, "Recall@20 on valid, by epoch", (WIDTH, 760), &valid)
}

/// What models told of themselves, by epoch: a plot for each name that any of them used, in the order of names.
///
/// # Errors
/// When the plotting library fails.
pub(super) fn diagnoses(report: &Report) -> Result<Vec<String>> {
    let runs = report.models.iter().flat_map(|model| &model.runs);
    let names: BTreeSet<&String> = runs.flat_map(|run| run.diagnosis.keys()).collect();
    let plot = |name: &String| {
        let told = |run: &RunResult| run.diagnosis.get(name).cloned().unwrap_or_default();
        lines(report, name, (HALF, 480), &told)
    };
    names.into_iter().map(plot).collect()
}

/// A line for every run that has points; the first run of a model is drawn strong, the others faint.
fn lines(
    report: &Report,
    title: &str,
    (width, height): (i32, i32),
    points: &dyn Fn(&RunResult) -> Points,
) -> Result<String> {
    let mut svg = String::new();
    let height = (HEADING + KEY_ROW * report.models.len() as i32).max(height);
    draw_lines(
        report,
        title,
        &|run| points(run).into_iter().filter(|(_, value)| value.is_finite()).collect(),
        &SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area(),
    )
    .map_err(|error| Error::Plot { plot: "learning curves", message: error.to_string() })?;
    Ok(svg)
}

/// Bars of the mean test Recall@20 of each model, with whiskers of one standard deviation over its runs.
///
/// # Errors
/// When the plotting library fails.
pub(super) fn bars(report: &Report) -> Result<String> {
    let mut svg = String::new();
    let height = HEADING + ROW * report.models.len().max(1) as i32 + 24;
    draw_bars(report, &SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area())
        .map_err(|error| Error::Plot { plot: "test bars", message: error.to_string() })?;
    Ok(svg)
}

type Points = Vec<(usize, f64)>;
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = std::result::Result<(), DrawingAreaErrorKind<io::Error>>;

/// Plots are drawn at twice their size on the page: the backend rounds coordinates to whole pixels.
const WIDTH: i32 = 1640;
/// Of plots that stand two in a row.
const HALF: i32 = 1020;
const HEADING: i32 = 84;
const ROW: i32 = 64;
const KEY_ROW: i32 = 40;
const MARGIN: i32 = 16;
/// Font size that the backend writes as 26 pixels, 13 on the page.
const TEXT: f64 = 26.0 * 1.24;

pub(super) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
pub(super) const QUIET: RGBColor = RGBColor(0x5b, 0x65, 0x70);
pub(super) const RULE: RGBColor = RGBColor(0xe3, 0xe6, 0xea);

/// Colours told apart by colour-blind readers (Okabe and Ito 2008, grey for black, without yellow).
pub(super) const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x55, 0x55, 0x55),
];

fn draw_lines(report: &Report, title: &str, points: &dyn Fn(&RunResult) -> Points, root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&text(title, (MARGIN, 28), INK, HPos::Left))?;
    let runs = report.models.iter().flat_map(|model| &model.runs);
    let all_points = || runs.clone().flat_map(points);
    if all_points().next().is_none() {
        return root.draw(&text("no learning curve was recorded", (MARGIN, HEADING), QUIET, HPos::Left));
    }
    let last = all_points().map(|(epoch, _)| epoch).max().unwrap_or(0).max(1);
    let lowest = all_points().map(|(_, valid)| valid).fold(f64::INFINITY, f64::min);
    let highest = all_points().map(|(_, valid)| valid).fold(f64::NEG_INFINITY, f64::max);
    // A curve without any spread still needs an axis of some length.
    let padding = ((highest - lowest) * 0.06).max(1e-4);

    let floor = if lowest >= 0.0 { (lowest - padding).max(0.0) } else { lowest - padding };

    // A model without a curve, such as one that is not trained, has no place in the key.
    let drawn: Vec<_> = report
        .models
        .iter()
        .zip(PALETTE.iter().cycle())
        .filter(|(model, _)| model.runs.iter().any(|run| !points(run).is_empty()))
        .map(|(model, &colour)| (&model.runs, shortened(&model.name), colour))
        .collect();
    let (width, _) = root.dim_in_pixel();
    let legend = width as i32 - drawn.iter().map(|(_, name, _)| text_width(name)).max().unwrap_or(0) - 88;
    let decimals = if highest - lowest < 0.02 { 4 } else { 3 };
    let (plot, key) = root.split_horizontally(legend);
    let mut chart = ChartBuilder::on(&plot)
        .margin_top(HEADING - 24)
        .margin_right(24)
        .margin_bottom(8)
        .x_label_area_size(72)
        .y_label_area_size(104)
        .build_cartesian_2d(0..last, floor..highest + padding)?;
    axes(&mut chart)
        .disable_x_mesh()
        .x_labels(8)
        .y_labels(6)
        .y_label_formatter(&|value| {
            // Rounding errors of the axis must not show as a negative zero.
            let shown = format!("{value:.decimals$}");
            shown
                .strip_prefix('-')
                .filter(|rest| rest.bytes().all(|c| matches!(c, b'0' | b'.')))
                .unwrap_or(&shown)
                .to_owned()
        })
        .draw()?;
    for ((runs, name, colour), y) in drawn.into_iter().zip((HEADING..).step_by(KEY_ROW as usize)) {
        for run in runs.iter().skip(1) {
            chart.draw_series(LineSeries::new(points(run), colour.mix(0.35).stroke_width(2)))?;
        }
        if let Some(run) = runs.first() {
            chart.draw_series(LineSeries::new(points(run), colour.stroke_width(4)))?;
            let best = points(run).into_iter().find(|&(epoch, _)| epoch == run.best_epoch);
            chart.draw_series(best.map(|point| Circle::new(point, 9, colour.filled())))?;
        }
        key.draw(&PathElement::new([(8, y), (48, y)], colour.stroke_width(4)))?;
        key.draw(&text(&name, (60, y), INK, HPos::Left))?;
    }
    drop(chart);
    root.present()
}

fn draw_bars(report: &Report, root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&text(
        "Recall@20 on test, mean ± standard deviation over seeds",
        (MARGIN, 28),
        INK,
        HPos::Left,
    ))?;
    let names: Vec<String> = report.models.iter().map(|model| shortened(&model.name)).collect();
    let values = tables::over_models(report, "recall@20");
    let spreads: Vec<Option<Spread>> = values.iter().map(|values| Spread::of(values).ok()).collect();
    let longest = spreads.iter().flatten().map(|spread| spread.mean + spread.sd.unwrap_or(0.0));
    let longest = longest.fold(f64::MIN_POSITIVE, f64::max);

    let left = MARGIN + names.iter().map(|name| text_width(name)).max().unwrap_or(0) + 20;
    let room = f64::from(WIDTH - left - MARGIN - text_width("0.0000 ± 0.0000") - 20);
    let x_of = |value: f64| left + (value / longest * room).round() as i32;
    for (index, (name, spread)) in names.iter().zip(&spreads).enumerate() {
        let y = HEADING + ROW * index as i32 + ROW / 2;
        root.draw(&text(name, (left - 20, y), INK, HPos::Right))?;
        let Some(Spread { mean, sd }) = *spread else {
            root.draw(&text("not measured", (left + 16, y), QUIET, HPos::Left))?;
            continue;
        };
        let colour = PALETTE[index % PALETTE.len()];
        root.draw(&Rectangle::new([(left, y - 20), (x_of(mean), y + 20)], colour.mix(0.85).filled()))?;
        let (low, high) = (x_of(mean - sd.unwrap_or(0.0)), x_of(mean + sd.unwrap_or(0.0)));
        if sd.is_some() {
            for whisker in
                [[(low, y), (high, y)], [(low, y - 8), (low, y + 8)], [(high, y - 8), (high, y + 8)]]
            {
                root.draw(&PathElement::new(whisker, INK.stroke_width(3)))?;
            }
        }
        let value = sd.map_or_else(|| format!("{mean:.4}"), |sd| format!("{mean:.4} ± {sd:.4}"));
        root.draw(&text(&value, (high + 16, y), INK, HPos::Left))?;
    }
    let end = HEADING + ROW * report.models.len() as i32;
    root.draw(&PathElement::new([(left, HEADING), (left, end)], QUIET.stroke_width(2)))?;
    root.present()
}

/// Thin rules and quiet labels, for the caller to name and draw.
pub(super) fn axes<'a, 'b, 'c, X, Y, XT, YT>(
    chart: &'c mut ChartContext<'b, SVGBackend<'a>, Cartesian2d<X, Y>>,
) -> MeshStyle<'b, 'c, X, Y, SVGBackend<'a>>
where
    X: Ranged<ValueType = XT> + ValueFormatter<XT>,
    Y: Ranged<ValueType = YT> + ValueFormatter<YT>,
{
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(RULE.stroke_width(2))
        .light_line_style(TRANSPARENT)
        .axis_style(RULE.stroke_width(2))
        .label_style(("sans-serif", TEXT).into_font().color(&QUIET));
    mesh
}

/// Text that begins at a point, which is its vertical middle.
pub(super) fn label(label: &str, at: (i32, i32), colour: RGBColor) -> Text<'static, (i32, i32), String> {
    text(label, at, colour, HPos::Left)
}

/// Text whose vertical middle, and `side` horizontally, is at `at`.
fn text(text: &str, at: (i32, i32), colour: RGBColor, side: HPos) -> Text<'static, (i32, i32), String> {
    let style = ("sans-serif", TEXT).into_font().color(&colour).pos(Pos::new(side, VPos::Center));
    Text::new(text.to_owned(), at, style)
}

/// A generous estimate: no font is at hand to measure with.
fn text_width(text: &str) -> i32 {
    15 * text.chars().count() as i32
}

/// A name cut so that it leaves room for the plot.
fn shortened(name: &str) -> String {
    if name.chars().count() <= 28 { name.to_owned() } else { name.chars().take(27).chain(['…']).collect() }
}
