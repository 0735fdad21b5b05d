//! What a setting does: models that differ in one number alone, as a curve.

use plotters::prelude::*;

use super::charts::{Area, Drawn, INK, PALETTE, QUIET, axes, label};
use super::{ModelResult, Report, tables};
use crate::error::{Error, Result};
use crate::stats::Spread;

/// Models to make a curve.
const FEWEST: usize = 3;
const SIZE: (u32, u32) = (1020, 520);

/// Models of which each differs from the others in one numeric setting alone.
#[derive(Debug, PartialEq)]
struct Sweep<'a> {
    setting: &'a str,
    /// The setting and the place of the model in the report, ascending.
    points: Vec<(f64, usize)>,
}

/// A plot of mean test Recall@20 against the setting for each sweep among the models, with whiskers of one standard
/// deviation over runs.
///
/// # Errors
/// When the plotting library fails.
pub(super) fn plots(report: &Report) -> Result<Vec<String>> {
    let plot = |sweep: &Sweep<'_>| {
        let mut svg = String::new();
        draw(report, sweep, &SVGBackend::with_string(&mut svg, SIZE).into_drawing_area())
            .map_err(|error| Error::Plot { plot: "a setting's curve", message: error.to_string() })?;
        Ok(svg)
    };
    find(&report.models).iter().map(plot).collect()
}

/// The sweeps among models, each as large as can be.
fn find(models: &[ModelResult]) -> Vec<Sweep<'_>> {
    let mut found: Vec<Sweep<'_>> = Vec::new();
    for model in models {
        for (setting, value) in &model.settings {
            if value.parse::<f64>().is_err() {
                continue;
            }
            let alike = |other: &ModelResult| {
                let others = |settings: &[(String, String)]| -> Vec<(String, String)> {
                    settings.iter().filter(|(name, _)| name != setting).cloned().collect()
                };
                others(&other.settings) == others(&model.settings)
            };
            let mut points: Vec<(f64, usize)> = Vec::new();
            for (at, other) in models.iter().enumerate().filter(|(_, other)| alike(other)) {
                let value = other.settings.iter().find(|(name, _)| name == setting);
                let value = value.and_then(|(_, value)| value.parse().ok()).filter(|x: &f64| x.is_finite());
                // Of equals the first stands for all.
                points.extend(value.filter(|x| points.iter().all(|(y, _)| x != y)).map(|x| (x, at)));
            }
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let sweep = Sweep { setting, points };
            if sweep.points.len() >= FEWEST && !found.contains(&sweep) {
                found.push(sweep);
            }
        }
    }
    found
}

fn draw(report: &Report, sweep: &Sweep<'_>, root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&label(&format!("Recall@20 on test, by {}", sweep.setting), (16, 28), INK))?;
    let values = tables::over_models(report, "recall@20");
    let points: Vec<(f64, Spread)> =
        sweep.points.iter().filter_map(|&(x, at)| Some((x, Spread::of(&values[at]).ok()?))).collect();
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else {
        return root.draw(&label("not measured", (16, 84), QUIET));
    };
    let ends = points.iter().flat_map(|(_, s)| [s.mean - s.sd.unwrap_or(0.0), s.mean + s.sd.unwrap_or(0.0)]);
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
    let (aside, above) = ((last - first) * 0.04, ((high - low) * 0.08).max(1e-4));
    let mut chart = ChartBuilder::on(root)
        .margin_top(60)
        .margin_right(24)
        .margin_bottom(8)
        .x_label_area_size(64)
        .y_label_area_size(112)
        .build_cartesian_2d(first - aside..last + aside, low - above..high + above)?;
    axes(&mut chart)
        .disable_x_mesh()
        .x_labels(8)
        .y_labels(6)
        .y_label_formatter(&|value| format!("{value:.4}"))
        .draw()?;
    let colour = PALETTE[0];
    chart.draw_series(LineSeries::new(points.iter().map(|(x, s)| (*x, s.mean)), colour.stroke_width(4)))?;
    chart.draw_series(points.iter().map(|(x, s)| Circle::new((*x, s.mean), 8, colour.filled())))?;
    let whisker = |(x, s): &(f64, Spread)| {
        let sd = s.sd.unwrap_or(0.0);
        PathElement::new([(*x, s.mean - sd), (*x, s.mean + sd)], INK.stroke_width(3))
    };
    chart.draw_series(points.iter().map(whisker))?;
    drop(chart);
    root.present()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, settings: [(&str, &str); 3]) -> ModelResult {
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        ModelResult { name: name.to_owned(), settings, runs: Vec::new() }
    }

    #[test]
    fn models_that_differ_in_one_number_make_a_sweep() {
        let with =
            |hidden: &str, dim: &str| model(hidden, [("model", "a"), ("hidden", hidden), ("dim", dim)]);
        let other = model("b", [("model", "b"), ("hidden", "0.3"), ("dim", "4")]);
        let models =
            [with("0.9", "4"), other, with("0.1", "4"), with("0.5", "8"), with("0.5", "4"), with("0.5", "4")];
        let expected = Sweep { setting: "hidden", points: vec![(0.1, 2), (0.5, 4), (0.9, 0)] };
        assert_eq!(find(&models), [expected]);
        assert_eq!(find(&models[..4]), [], "two points are no curve");
    }
}
