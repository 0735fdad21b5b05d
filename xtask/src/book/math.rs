//! Formulas as MathML, which browsers render by themselves.

use anyhow::{Result, bail};
use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser, Storage, push_mathml};

/// What the renderer writes, and what browsers set better: they take an unmarked slash or bar for an operator with room
/// on either side, and leave the micro sign, which is no letter, upright.
const AMENDMENTS: [(&str, &str); 3] = [
    ("<mo>/</mo>", "<mo lspace=\"0\" rspace=\"0\">/</mo>"),
    ("<mo symmetric=\"false\" stretchy=\"false\">|<", "<mo stretchy=\"false\" lspace=\"0\" rspace=\"0\">|<"),
    ("\u{b5}", "\u{3bc}"),
];

/// A formula within a line.
pub(super) fn inline(formula: &str) -> Result<String> {
    mathml(formula, DisplayMode::Inline)
}

/// A formula on a line of its own, its tag at the right.
pub(super) fn display(formula: &str) -> Result<String> {
    let (body, tag) = split_tag(formula);
    let math = mathml(&body, DisplayMode::Block)?;
    let tag = tag
        .map_or_else(String::new, |tag| format!("<a class=\"tag\" id=\"{tag}\" href=\"#{tag}\">[{tag}]</a>"));
    Ok(format!("<span class=\"equation\"><span class=\"formula\">{math}</span>{tag}</span>"))
}

/// The formula without its `\tag{…}`, which the renderer does not know, and what stands in it.
pub(super) fn split_tag(formula: &str) -> (String, Option<&str>) {
    let split = formula.split_once("\\tag{").and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match split {
        Some((before, (tag, after))) => (format!("{before}{after}"), Some(tag)),
        None => (formula.to_owned(), None),
    }
}

fn mathml(formula: &str, display_mode: DisplayMode) -> Result<String> {
    let formula = formula.trim();
    // The renderer would print an error into the page; it has to end the build instead.
    if let Some(Err(error)) = Parser::new(formula, &Storage::new()).find(Result::is_err) {
        bail!("cannot render the formula `{formula}`: {error}");
    }
    let mut out = String::new();
    let config = RenderConfig { display_mode, ..RenderConfig::default() };
    push_mathml(&mut out, Parser::new(formula, &Storage::new()), config)?;
    Ok(AMENDMENTS.iter().fold(out, |out, (found, better)| out.replace(found, better)))
}

#[cfg(test)]
mod tests {
    use super::{inline, split_tag};

    /// When the renderer writes something else, the amendments have to follow.
    #[test]
    fn slashes_and_bars_take_no_room_and_mu_is_a_letter() {
        let found = inline("\\lvert \\mu \\rvert / 2").unwrap();
        assert_eq!(found.matches("lspace=\"0\" rspace=\"0\">").count(), 3, "{found}");
        assert!(found.contains("<mi>\u{3bc}</mi>"), "{found}");
    }

    #[test]
    fn a_tag_is_taken_out() {
        assert_eq!(split_tag("x \\tag{eq:a} "), ("x  ".to_owned(), Some("eq:a")));
        assert_eq!(split_tag("x_{a}"), ("x_{a}".to_owned(), None));
    }
}
