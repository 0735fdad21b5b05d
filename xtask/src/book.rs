//! The book: `docs/book/*.md` as HTML pages that need neither a network nor scripts.

mod chapter;
mod math;

use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What links may lead to.
#[derive(Default)]
struct Shelf {
    /// The headings of each chapter.
    anchors: BTreeMap<String, BTreeSet<String>>,
    /// The chapter that states each equation.
    equations: BTreeMap<String, String>,
    pictures: BTreeSet<String>,
}

impl Shelf {
    fn new(chapters: &[(String, String)], pictures: &[String]) -> Result<Self> {
        let mut shelf = Self { pictures: pictures.iter().cloned().collect(), ..Self::default() };
        for (name, text) in chapters {
            let (anchors, equations) = chapter::targets(text).with_context(|| name.clone())?;
            shelf.anchors.insert(name.clone(), anchors);
            for equation in equations {
                if let Some(other) = shelf.equations.insert(equation.clone(), name.clone()) {
                    bail!("{name}: equation {equation} is stated in {other} already");
                }
            }
        }
        Ok(shelf)
    }
}

/// Writes a page for every chapter in `source` to `target`, `README.md` as `index.html`, and copies the pictures.
///
/// # Errors
/// A formula that cannot be rendered and a link that leads nowhere, each with its file.
pub(crate) fn render(source: &Path, target: &Path) -> Result<()> {
    let (mut chapters, mut pictures) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(source).with_context(|| format!("cannot read {}", source.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.ends_with(".md") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            chapters.push((name.to_owned(), text));
        } else if name.ends_with(".svg") {
            pictures.push(name.to_owned());
        }
    }
    chapters.sort();
    let shelf = Shelf::new(&chapters, &pictures)?;
    fs::create_dir_all(target)?;
    for (name, text) in &chapters {
        let page =
            chapter::page(name, text, &shelf).with_context(|| source.join(name).display().to_string())?;
        fs::write(target.join(chapter::page_name(name)), page)?;
    }
    for name in &pictures {
        fs::copy(source.join(name), target.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    /// Renders these chapters beside a picture and returns the page of the first.
    fn page(chapters: &[(&str, &str)]) -> Result<String> {
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, text) in chapters.iter().chain([&("plans.svg", "<svg/>")]) {
            fs::write(source.path().join(name), text).unwrap();
        }
        render(source.path(), target.path())?;
        assert!(target.path().join("plans.svg").exists());
        Ok(fs::read_to_string(target.path().join(chapter::page_name(chapters[0].0))).unwrap())
    }

    fn complaint(text: &str) -> String {
        format!("{:#}", page(&[("a.md", text)]).unwrap_err())
    }

    #[test]
    fn the_book_renders() {
        let target = tempfile::tempdir().unwrap();
        render(&workspace::root().join("docs/book"), target.path()).unwrap();
        assert!(target.path().join("index.html").exists());
    }

    #[test]
    fn formulas_become_mathml() {
        let page = page(&[(
            "a.md",
            "# Sums\n\nLet $x < 1$.\n\n$$\n\\sum_i x_i \\tag{eq:sum}\n$$\n\nSee [eq:sum].\n",
        )]);
        let page = page.unwrap();
        assert!(page.contains("<title>Sums</title>") && !page.contains("<script"), "{page}");
        assert_eq!(page.matches("</math>").count(), 2, "{page}");
        assert!(page.contains("display=\"block\"") && !page.contains("\\tag"), "{page}");
        assert!(page.contains("id=\"eq:sum\"") && page.contains("<a href=\"#eq:sum\">eq:sum</a>"), "{page}");
    }

    #[test]
    fn tables_become_tables() {
        let page = page(&[("a.md", "# T\n\n| a | b |\n|---|---|\n| $x$ | 2 |\n")]).unwrap();
        assert!(page.contains("<table>") && page.contains("<td><math"), "{page}");
    }

    #[test]
    fn a_broken_formula_is_named_with_its_file() {
        for broken in ["\\frac{1}", "\\nosuchthing", "x^{2", "x_1_2"] {
            for text in [format!("A ${broken}$."), format!("$$ {broken} $$")] {
                let complaint = complaint(&text);
                assert!(complaint.contains("a.md: cannot render the formula"), "{complaint}");
                assert!(complaint.contains(broken), "{complaint}");
            }
        }
    }

    #[test]
    fn links_between_chapters_lead_to_pages() {
        let text = "# A\n\n[there](b.md#two-words) [home](README.md) [out](https://example.org/x.md) [eq:b]\n\n\
                    ![plans](plans.svg)\n";
        let others = [
            ("b.md", "# B\n\n## Two words\n\n$$ y \\tag{eq:b} $$\n"),
            ("README.md", "# Book\n\n[a](a.md)\n"),
        ];
        let page = page(&[("a.md", text), others[0], others[1]]).unwrap();
        for link in ["b.html#two-words", "index.html", "https://example.org/x.md", "b.html#eq:b"] {
            assert!(page.contains(&format!("<a href=\"{link}\">")), "{link}: {page}");
        }
        assert!(page.contains("<img src=\"plans.svg\" alt=\"plans\""), "{page}");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named() {
        for (text, link) in [
            ("[x](c.md)", "c.md"),
            ("[x](#there)", "#there"),
            ("[x](../architecture.md)", "../architecture.md"),
            ("![x](none.svg)", "none.svg"),
            ("[eq:none]", "#eq:none"),
        ] {
            assert!(
                complaint(text).contains(&format!("a.md: `{link}` leads nowhere")),
                "{}",
                complaint(text)
            );
        }
    }

    #[test]
    fn names_are_given_once() {
        assert!(complaint("# A\n\n## A\n").contains("two headings"), "{}", complaint("# A\n\n## A\n"));
        let twice = complaint("$$ x \\tag{eq:x} $$\n\n$$ y \\tag{eq:x} $$\n");
        assert!(twice.contains("equation eq:x is stated"), "{twice}");
    }
}
