//! How something grows with size: curves on logarithmic axes.

use plotters::prelude::*;

use super::charts::{Area, Drawn, INK, PALETTE, QUIET, axes, label};
use crate::error::{Error, Result};

const SIZE: (u32, u32) = (1020, 560);
const KEY_ROW: i32 = 40;

/// A curve's name and points `(size, value)`, both positive.
pub type GrowthCurve = (String, Vec<(f64, f64)>);

/// A plot of values against sizes as SVG text; a straight line of slope one is growth in proportion.
///
/// ```
/// use recgoat_eval::report::growth;
/// let curve = ("a model".to_owned(), vec![(1e5, 0.02), (1e6, 0.25)]);
/// assert!(growth("seconds a step, by interactions", &[curve])?.starts_with("<svg"));
/// # Ok::<(), recgoat_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Plot`] when no point can be drawn, or the plotting library fails.
pub fn growth(title: &str, curves: &[GrowthCurve]) -> Result<String> {
    let failed = |message: String| Error::Plot { plot: "growth", message };
    let points = || curves.iter().flat_map(|(_, points)| points);
    if points().next().is_none() || points().any(|(x, y)| !(*x > 0.0 && *y > 0.0 && (x * y).is_finite())) {
        return Err(failed("expected points of positive size and value".to_owned()));
    }
    let mut svg = String::new();
    draw(title, curves, &SVGBackend::with_string(&mut svg, SIZE).into_drawing_area())
        .map_err(|error| failed(error.to_string()))?;
    Ok(svg)
}

fn draw(title: &str, curves: &[GrowthCurve], root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&label(title, (16, 28), INK))?;
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = curves.iter().flat_map(|(_, points)| points).map(of);
        let (low, high) = values.fold((f64::INFINITY, 0f64), |(low, high), x| (low.min(x), high.max(x)));
        // From one power of ten to another: only those are labelled.
        let power = |x: f64| 10f64.powf(x);
        (power((low / 1.1).log10().floor())..power((high * 1.1).log10().ceil())).log_scale()
    };
    let mut chart = ChartBuilder::on(root)
        .margin_top(60 + KEY_ROW * curves.len() as i32)
        .margin_right(24)
        .margin_bottom(8)
        .x_label_area_size(64)
        .y_label_area_size(128)
        .build_cartesian_2d(range(|point| point.0), range(|point| point.1))?;
    axes(&mut chart).x_labels(5).y_labels(5).x_label_formatter(&power).y_label_formatter(&power).draw()?;
    for (at, (_, points)) in curves.iter().enumerate() {
        let colour = PALETTE[at % PALETTE.len()];
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(4)))?;
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 8, colour.filled())))?;
    }
    drop(chart);
    for (at, (name, _)) in curves.iter().enumerate() {
        let y = 72 + KEY_ROW * at as i32;
        let colour = PALETTE[at % PALETTE.len()];
        root.draw(&PathElement::new([(16, y), (56, y)], colour.stroke_width(4)))?;
        root.draw(&label(name, (72, y), QUIET))?;
    }
    root.present()
}

/// A number without a tail of zeros: 0.02, 3, 10k, 2M.
fn power(value: &f64) -> String {
    let (value, unit) = match *value {
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let digits = format!("{value:.4}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.02, 1.0, 30.0, 10_000.0, 2e6, 4e9].map(|value| power(&value));
        assert_eq!(shown, ["0.02", "1", "30", "10k", "2M", "4G"]);
    }

    #[test]
    fn curves_are_named_and_bad_points_refused() {
        let curve = |points: &[(f64, f64)]| ("LightGCN".to_owned(), points.to_vec());
        let svg = growth("seconds", &[curve(&[(1e4, 0.1), (1e6, 9.0)])]).unwrap();
        assert!(svg.contains("LightGCN") && svg.contains("seconds") && svg.contains("100k"));
        for bad in [vec![], vec![(0.0, 1.0)], vec![(1.0, -1.0)], vec![(1.0, f64::NAN)]] {
            assert!(growth("seconds", &[curve(&bad)]).is_err());
        }
    }
}
