//! Pictures of a model after training: matrices as heat maps, views as clouds of points, curves and bars.

mod plots;

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::charts::{self, Area, Drawn, INK, PALETTE, QUIET, RULE};
use crate::error::{Error, Result};

/// Something a model can show of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picture {
    /// A matrix of numbers of at least zero, darker where they are larger.
    HeatMap {
        /// What it shows.
        title: String,
        /// Number of columns.
        columns: usize,
        /// The entries, row by row.
        values: Vec<f32>,
    },
    /// Points in the plane, a cloud a group.
    Clouds {
        /// What it shows.
        title: String,
        /// Names and points of the groups.
        groups: Vec<(String, Vec<(f32, f32)>)>,
    },
    /// Curves over one axis.
    Curves {
        /// What it shows.
        title: String,
        /// What lies along the axis.
        axis: String,
        /// Names and points of the curves, from left to right.
        curves: Vec<(String, Vec<(f64, f64)>)>,
    },
    /// A bar a value.
    Bars {
        /// What it shows.
        title: String,
        /// Names and lengths of the bars.
        bars: Vec<(String, f64)>,
    },
}

/// Pictures beside each other, as one SVG text.
///
/// ```
/// use recgoat_eval::report::{Picture, side_by_side};
/// let picture = Picture::Bars { title: "twice".to_owned(), bars: vec![("a".to_owned(), 1.0)] };
/// let both = side_by_side(&[picture.clone(), picture])?;
/// assert!(both.matches("twice").count() == 2 && both.trim_end().ends_with("</svg>"));
/// # Ok::<(), recgoat_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Plot`] without a picture, or when the plotting library fails.
pub fn side_by_side(pictures: &[Picture]) -> Result<String> {
    let failed = |message: String| Error::Plot { plot: "pictures", message };
    if pictures.is_empty() {
        return Err(failed("expected at least one, found none".to_owned()));
    }
    let mut svg = String::new();
    let size = (EDGE * pictures.len() as u32, EDGE);
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    for (picture, area) in pictures.iter().zip(root.split_evenly((1, pictures.len()))) {
        picture.draw_in(&area).map_err(|error| failed(error.to_string()))?;
    }
    root.present().map_err(|error| failed(error.to_string()))?;
    drop(root);
    Ok(svg)
}

/// Edge of a picture, in units twice those of the page.
const EDGE: u32 = 900;
const MARGIN: i32 = 16;
const HEADING: i32 = 64;

impl Picture {
    /// The picture as SVG.
    ///
    /// # Errors
    /// When the plotting library fails.
    pub(super) fn draw(&self) -> Result<String> {
        let mut svg = String::new();
        let root = SVGBackend::with_string(&mut svg, (EDGE, EDGE)).into_drawing_area();
        self.draw_in(&root)
            .and_then(|()| root.present())
            .map_err(|error| Error::Plot { plot: "picture", message: error.to_string() })?;
        drop(root);
        Ok(svg)
    }

    fn draw_in(&self, root: &Area<'_>) -> Drawn {
        match self {
            Self::HeatMap { title, columns, values } => heat_map(title, *columns, values, root),
            Self::Clouds { title, groups } => clouds(title, groups, root),
            Self::Curves { title, axis, curves } => plots::curves((title, axis), curves, root),
            Self::Bars { title, bars } => plots::bars(title, bars, root),
        }
    }
}

fn heat_map(title: &str, columns: usize, values: &[f32], root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&charts::label(title, (MARGIN, 28), INK))?;
    let columns = columns.max(1);
    let rows = values.len().div_ceil(columns).max(1);
    let most = values.iter().copied().filter(|value| value.is_finite()).fold(f32::MIN_POSITIVE, f32::max);
    let room = EDGE as i32 - HEADING - MARGIN;
    let at = |place: usize, count: usize| HEADING + (room * place as i32) / count as i32;
    for (place, &value) in values.iter().enumerate() {
        let (row, column) = (place / columns, place % columns);
        // An entry a hundredth of the largest is as good as white: left out, which keeps the page small.
        let strength = f64::from(value / most);
        if strength > 0.01 {
            let shift = HEADING - MARGIN;
            let corners = [
                (at(column, columns) - shift, at(row, rows)),
                (at(column + 1, columns) - shift, at(row + 1, rows)),
            ];
            root.draw(&Rectangle::new(corners, PALETTE[0].mix(strength.sqrt()).filled()))?;
        }
    }
    let frame = [(MARGIN, HEADING), (MARGIN + room, HEADING + room)];
    root.draw(&Rectangle::new(frame, RULE.stroke_width(2)))?;
    Ok(())
}

fn clouds(title: &str, groups: &[(String, Vec<(f32, f32)>)], root: &Area<'_>) -> Drawn {
    root.fill(&WHITE)?;
    root.draw(&charts::label(title, (MARGIN, 28), INK))?;
    let points = || groups.iter().flat_map(|group| &group.1).filter(|(x, y)| x.is_finite() && y.is_finite());
    let span = |of: fn(&(f32, f32)) -> f32| {
        let ends = points()
            .map(of)
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if ends.0 < ends.1 { ends } else { (0.0, 1.0) }
    };
    let ((left, right), (low, high)) = (span(|point| point.0), span(|point| point.1));
    let top = HEADING + 40 * groups.len() as i32;
    let room = (f64::from(EDGE as i32 - 2 * MARGIN), f64::from(EDGE as i32 - top - MARGIN));
    for ((name, cloud), (at, colour)) in groups.iter().zip(PALETTE.iter().cycle().enumerate()) {
        let y = HEADING + 40 * at as i32;
        root.draw(&Circle::new((MARGIN + 8, y), 8, colour.filled()))?;
        root.draw(&charts::label(name, (MARGIN + 32, y), QUIET))?;
        for (x, y) in cloud.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let x = f64::from((x - left) / (right - left)) * room.0;
            let y = f64::from((high - y) / (high - low)) * room.1;
            root.draw(&Circle::new((MARGIN + x as i32, top + y as i32), 4, colour.mix(0.6).filled()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_show_what_they_are_given() {
        let map =
            |values: Vec<f32>| Picture::HeatMap { title: "T".to_owned(), columns: 2, values }.draw().unwrap();
        let cells = |svg: &str| svg.matches("<rect").count();
        let empty = cells(&map(vec![0.0; 4]));
        assert_eq!(cells(&map(vec![0.0, 0.5, 0.001, 0.25])), empty + 2);
        let cloud = vec![(0.0, 1.0), (2.0, f32::NAN), (3.0, -1.0)];
        let clouds = Picture::Clouds { title: "C".to_owned(), groups: vec![("ids".to_owned(), cloud)] };
        let svg = clouds.draw().unwrap();
        assert_eq!(svg.matches("<circle").count(), 3, "two points and the key");
        assert!(svg.contains("ids"));
    }

    #[test]
    fn curves_and_bars_leave_out_what_is_no_number() {
        let curve = |points: &[(f64, f64)]| Picture::Curves {
            title: "T".to_owned(),
            axis: "λ".to_owned(),
            curves: vec![("low".to_owned(), points.to_vec())],
        };
        let svg = curve(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 0.5)]).draw().unwrap();
        assert!(svg.contains("low") && svg.contains('λ') && !svg.contains("NaN"));
        assert!(curve(&[]).draw().unwrap().contains("nothing was recorded"));
        assert!(curve(&[(1.0, 1.0)]).draw().is_ok(), "a single point has an axis, too");
        let many = (0..64).map(|at| (format!("curve {at}"), vec![(0.0, 1.0), (1.0, f64::from(at))]));
        let many = Picture::Curves { title: "T".to_owned(), axis: "x".to_owned(), curves: many.collect() };
        let svg = many.draw().unwrap();
        let heights =
            svg.split(" y=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
        assert!(heights.into_iter().all(|y| (0.0..=900.0).contains(&y)), "the key leaves the picture");
        let bars = |bars: &[(&str, f64)]| {
            let bars = bars.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
            Picture::Bars { title: "T".to_owned(), bars }.draw().unwrap()
        };
        let count = |svg: &str| svg.matches("<rect").count();
        let shown = bars(&[("up", 0.5), ("down", -0.25), ("none", f64::NAN)]);
        assert_eq!(count(&shown), count(&bars(&[])) + 2);
        assert!(shown.contains("down: -0.2500") && shown.contains("none: no number"));
    }
}
