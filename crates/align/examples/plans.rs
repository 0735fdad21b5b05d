//! One problem, four regularisations: how the plan sharpens as ε falls, drawn as heat maps into an SVG.
//!
//! `cargo run -p recgoat-align --no-default-features --example plans [FILE]`; the file is `target/plans.svg` unless
//! named.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::{error::Error, fs, path::PathBuf};

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use recgoat_align::ot::{Clouds, Ground, Params, Problem, exact};

/// Atoms of either measure.
const ATOMS: usize = 48;
/// Regularisations, in units of the mean cost.
const RELATIVE: [f64; 4] = [1.0, 0.1, 0.01, 0.001];

/// A plan and its caption.
struct Panel {
    plan: Vec<f64>,
    caption: [String; 2],
}

fn main() -> Result<(), Box<dyn Error>> {
    // # Two mixtures on a line
    let a = mixture([(0.6, 0.22, 0.07), (0.4, 0.70, 0.09)]);
    let b = mixture([(0.35, 0.38, 0.10), (0.65, 0.80, 0.06)]);
    let places: Vec<f64> = (0..ATOMS).map(place).collect();
    let line = Clouds { x: &places, y: &places, dim: 1, ground: Ground::Squared };
    let problem = Problem::new(&a, &b, line)?;
    let pairs = places.iter().flat_map(|x| places.iter().map(move |y| (x - y).powi(2)));
    let mean = pairs.sum::<f64>() / (ATOMS * ATOMS) as f64;

    // # As ε falls
    // The cost of the plan comes down to the optimum without regularisation, which on a line is found by sorting. It
    // stays above it by at most ε log n: KL(P | a⊗b) of a plan is between 0 and log n.
    let exact = exact::solve(&problem)?.value;
    let (mut panels, mut last) = (Vec::new(), f64::INFINITY);
    println!("{:>9}  {:>9}  {:>9}  {:>9}  iterations", "ε/mean C", "<C,P>", "excess", "gap");
    for relative in RELATIVE {
        let epsilon = relative * mean;
        let solution = Params::new(epsilon).check()?.solve(&problem)?;
        let (excess, gap) = (solution.value - exact, solution.duality_gap());
        let iterations = solution.iterations;
        println!("{relative:>9}  {:>9.5}  {excess:>9.5}  {gap:>9.1e}  {iterations}", solution.value);
        assert!(solution.converged && gap.abs() < 1e-5 * mean, "the bounds meet");
        assert!(solution.value <= last, "a smaller ε never costs more");
        assert!(excess > -1e-6 * mean && excess <= epsilon * (ATOMS as f64).ln(), "0 ≤ excess ≤ ε log n");
        last = solution.value;
        let caption =
            [format!("ε = {relative} × mean cost"), format!("cost of the plan {:.5}", solution.value)];
        panels.push(Panel { plan: solution.plan(&problem), caption });
    }

    // # The picture
    let path = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/plans.svg"), PathBuf::from);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, picture(&panels, &a, &b, exact)?)?;
    println!("{}", path.display());
    Ok(())
}

/// Where an atom lies, on the line from 0 to 1.
fn place(atom: usize) -> f64 {
    (atom as f64 + 0.5) / ATOMS as f64
}

/// Weights of a mixture of bells (share, centre, width), on a floor that leaves no atom empty; of unit mass.
fn mixture(bells: [(f64, f64, f64); 2]) -> Vec<f64> {
    let bell = |x: f64, (share, centre, width): (f64, f64, f64)| {
        share / width * (-0.5 * ((x - centre) / width).powi(2)).exp()
    };
    let heights: Vec<f64> =
        (0..ATOMS).map(|i| 0.02 + bells.iter().map(|&b| bell(place(i), b)).sum::<f64>()).collect();
    let total: f64 = heights.iter().sum();
    heights.iter().map(|height| height / total).collect()
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Drawn at twice the size on a page: the backend rounds coordinates to whole pixels.
const SIZE: (u32, u32) = (1640, 604);
const CELL: i32 = 7;
const SIDE: i32 = CELL * ATOMS as i32;
const MARGIN: i32 = 20;
/// Room for the bars at the left of a panel and above it, and their largest length.
const BARS: i32 = 64;
const LONGEST_BAR: f64 = 44.0;
const TOP: i32 = 210;
/// Font size that the backend writes as 26 pixels, 13 on the page.
const TEXT: f64 = 26.0 * 1.24;
/// Shades between white and the darkest: neighbours of one shade make one rectangle.
const SHADES: f64 = 24.0;

const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
const QUIET: RGBColor = RGBColor(0x5b, 0x65, 0x70);
const DARK: RGBColor = RGBColor(0x00, 0x44, 0x88);

fn picture(panels: &[Panel], a: &[f64], b: &[f64], exact: f64) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let title = format!("One problem as ε falls; without regularisation the cost is {exact:.5}");
        write(&root, &title, (MARGIN, 28), INK)?;
        for (panel, at) in panels.iter().zip(0..) {
            draw(&root, panel, MARGIN + BARS + at * (SIDE + BARS), a, b)?;
        }
        let key = "Rows: atoms of the first measure, weights at the left. Columns: the second, weights above. \
                   The largest mass of a panel is darkest.";
        write(&root, key, (MARGIN, TOP + SIDE + 34), QUIET)?;
        root.present()?;
    }
    Ok(svg)
}

fn draw(root: &Area<'_>, panel: &Panel, left: i32, a: &[f64], b: &[f64]) -> Result<(), Box<dyn Error>> {
    write(root, &panel.caption[0], (left, 84), INK)?;
    write(root, &panel.caption[1], (left, 120), QUIET)?;
    let most = a.iter().chain(b).copied().fold(0.0, f64::max);
    let length = |weight: f64| (weight / most * LONGEST_BAR).round() as i32;
    for (atom, at) in (0..ATOMS).zip((0..).step_by(CELL as usize)) {
        let (x, y) = (left + at, TOP + at);
        let bar = [(left - 8 - length(a[atom]), y), (left - 8, y + CELL)];
        root.draw(&Rectangle::new(bar, QUIET.mix(0.45).filled()))?;
        let bar = [(x, TOP - 8 - length(b[atom])), (x + CELL, TOP - 8)];
        root.draw(&Rectangle::new(bar, QUIET.mix(0.45).filled()))?;
    }
    let largest = panel.plan.iter().copied().fold(0.0, f64::max);
    for (row, y) in panel.plan.chunks_exact(ATOMS).zip((TOP..).step_by(CELL as usize)) {
        let mut x = left;
        let shade = |mass: f64| (mass / largest * SHADES).round();
        for run in row.chunk_by(|p, q| shade(*p) == shade(*q)) {
            let end = x + CELL * run.len() as i32;
            let share = shade(run[0]) / SHADES;
            if share > 0.0 {
                root.draw(&Rectangle::new([(x, y), (end, y + CELL)], shaded(share).filled()))?;
            }
            x = end;
        }
    }
    root.draw(&Rectangle::new([(left, TOP), (left + SIDE, TOP + SIDE)], QUIET.stroke_width(2)))?;
    Ok(())
}

/// From white to dark.
fn shaded(share: f64) -> RGBColor {
    let mix = |dark: u8| (255.0 - share * (255.0 - f64::from(dark))).round() as u8;
    RGBColor(mix(DARK.0), mix(DARK.1), mix(DARK.2))
}

/// Writes text whose left end and vertical middle are at `at`.
fn write(root: &Area<'_>, text: &str, at: (i32, i32), colour: RGBColor) -> Result<(), Box<dyn Error>> {
    let style = ("sans-serif", TEXT).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Center));
    root.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}
