//! Curves and bars that a model shows of itself.

use plotters::prelude::*;

use super::{EDGE, HEADING, MARGIN};
use crate::report::charts::{self, Area, Drawn, INK, PALETTE, QUIET, RULE};

/// Most room that a line of the key takes; a bar takes twice as much.
const ROW: i32 = 40;

/// Most room for the key: what is left is the plot's, however many curves there are.
const KEY: i32 = 440;

/// Curves over one axis, each in a colour that the key names.
pub(super) fn curves(
    (title, axis): (&str, &str),
    curves: &[(String, Vec<(f64, f64)>)],
    root: &Area<'_>,
) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&charts::label(title, (MARGIN, 28), INK))?;
    let points = || curves.iter().flat_map(|curve| &curve.1).filter(|(x, y)| (x * y).is_finite());
    let span = |of: fn(&(f64, f64)) -> f64| {
        let ends = points()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if ends.0 < ends.1 { ends } else { (ends.0.min(0.0), ends.0.min(0.0) + 1.0) }
    };
    if points().next().is_none() {
        return root.draw(&charts::label("nothing was recorded", (MARGIN, HEADING), QUIET));
    }
    let ((left, right), (low, high)) = (span(|point| point.0), span(|point| point.1));
    let padding = 0.05 * (high - low);
    let row = ROW.min(KEY / curves.len() as i32);
    let mut chart = ChartBuilder::on(root)
        .margin_top(HEADING + row * curves.len() as i32)
        .margin_right(24)
        .margin_bottom(8)
        .x_label_area_size(96)
        .y_label_area_size(104)
        .build_cartesian_2d(left..right, low - padding..high + padding)?;
    charts::axes(&mut chart).disable_x_mesh().x_desc(axis).x_labels(6).y_labels(6).draw()?;
    for ((name, curve), (at, colour)) in curves.iter().zip(PALETTE.iter().cycle().enumerate()) {
        let line = curve.iter().copied().filter(|(x, y)| (x * y).is_finite());
        chart.draw_series(LineSeries::new(line, colour.stroke_width(4)))?;
        let y = HEADING + row * at as i32;
        root.draw(&PathElement::new([(MARGIN, y), (MARGIN + 40, y)], colour.stroke_width(4)))?;
        root.draw(&charts::label(name, (MARGIN + 56, y), QUIET))?;
    }
    drop(chart);
    Ok(())
}

/// A bar for each value, to the right of zero or to the left, with its name above.
pub(super) fn bars(title: &str, bars: &[(String, f64)], root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&charts::label(title, (MARGIN, 28), INK))?;
    let values = || bars.iter().map(|bar| bar.1).filter(|value| value.is_finite());
    let (low, high) = (values().fold(0.0, f64::min), values().fold(f64::MIN_POSITIVE, f64::max));
    let room = f64::from(EDGE as i32 - 2 * MARGIN);
    let place = |value: f64| MARGIN + (room * (value - low) / (high - low)) as i32;
    let height = ((EDGE as i32 - HEADING - MARGIN) / bars.len().max(1) as i32).clamp(2, 2 * ROW);
    for (at, (name, value)) in (0..).zip(bars) {
        let top = HEADING + height * at;
        let shown =
            if value.is_finite() { format!("{name}: {value:.4}") } else { format!("{name}: no number") };
        root.draw(&charts::label(&shown, (MARGIN, top + height / 4), QUIET))?;
        if value.is_finite() {
            let (from, to) = (place(value.min(0.0)), place(value.max(0.0)));
            let corners = [(from, top + height / 2), (to, top + height - height / 8)];
            root.draw(&Rectangle::new(corners, PALETTE[0].mix(0.85).filled()))?;
        }
    }
    let zero = [(place(0.0), HEADING), (place(0.0), HEADING + height * bars.len() as i32)];
    root.draw(&PathElement::new(zero, RULE.stroke_width(2)))?;
    Ok(())
}
