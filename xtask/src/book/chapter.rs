//! A chapter: Markdown in, a page out.

use super::{Shelf, math};
use anyhow::{Result, bail};
use pulldown_cmark::{BrokenLink, CowStr, Event, Options, Parser, Tag, TagEnd, TextMergeStream, html};
use std::collections::BTreeSet;

const STYLE: &str = include_str!("style.css");

/// The file that a chapter's page is written to.
pub(super) fn page_name(chapter: &str) -> String {
    let name = chapter.strip_suffix(".md").unwrap_or(chapter);
    format!("{}.html", if name == "README" { "index" } else { name })
}

/// What links may lead to: headings, by the names GitHub gives them, and equations.
pub(super) fn targets(text: &str) -> Result<(BTreeSet<String>, Vec<String>)> {
    let events = events(text);
    let (mut anchors, mut equations) = (BTreeSet::new(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                let title = title(&events[at..]);
                if !anchors.insert(anchor(&title)) {
                    bail!("two headings are called `{title}`");
                }
            }
            Event::DisplayMath(formula) => equations.extend(math::split_tag(formula).1.map(str::to_owned)),
            _ => {}
        }
    }
    Ok((anchors, equations))
}

/// The page of a chapter.
///
/// # Errors
/// A formula that cannot be rendered, a link that leads nowhere.
pub(super) fn page(name: &str, text: &str, shelf: &Shelf) -> Result<String> {
    let events = events(text);
    let heading = events.iter().position(|event| matches!(event, Event::Start(Tag::Heading { .. })));
    let title = heading.map_or_else(|| name.to_owned(), |at| title(&events[at..]));
    let mut out = Vec::with_capacity(events.len());
    let mut code = false;
    for (at, event) in events.iter().enumerate() {
        let wide = matches!(event, Event::End(TagEnd::Table));
        if matches!(event, Event::Start(Tag::Table(_))) {
            out.push(Event::Html("<div class=\"table\">".into()));
        }
        code = match event {
            Event::Start(Tag::CodeBlock(_)) => true,
            Event::End(TagEnd::CodeBlock) => false,
            _ => code,
        };
        out.push(match event.clone() {
            // Markdown takes a formula whose braces do not match for text.
            Event::Text(text) if text.contains('$') && !code => bail!("cannot render the formula `{text}`"),
            Event::InlineMath(formula) => Event::InlineHtml(math::inline(&formula)?.into()),
            Event::DisplayMath(formula) => Event::InlineHtml(math::display(&formula)?.into()),
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                let id = Some(anchor(&self::title(&events[at..])).into());
                Event::Start(Tag::Heading { level, id, classes, attrs })
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = target(&dest_url, name, shelf)?.into();
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            Event::Start(Tag::Image { dest_url, .. }) if !shelf.pictures.contains(&*dest_url) => {
                bail!("`{dest_url}` leads nowhere")
            }
            other => other,
        });
        if wide {
            out.push(Event::Html("</div>\n".into()));
        }
    }
    let mut body = String::new();
    html::push_html(&mut body, out.into_iter());
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let home = if name == "README.md" { "" } else { "<nav><a href=\"index.html\">Contents</a></nav>\n" };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{home}<main>\n{body}</main>\n</body>\n</html>\n"
    ))
}

fn events(text: &str) -> Vec<Event<'_>> {
    // [eq:NAME] is a reference to an equation wherever nothing else defines it.
    let equation = |link: BrokenLink<'_>| {
        let named = link.reference.starts_with("eq:");
        named.then(|| (CowStr::from(format!("#{}", link.reference)), CowStr::from("")))
    };
    let options = Options::ENABLE_MATH | Options::ENABLE_TABLES;
    TextMergeStream::new(Parser::new_with_broken_link_callback(text, options, Some(equation))).collect()
}

/// The text of the heading that these events begin with.
fn title(events: &[Event<'_>]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let text = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) | Event::InlineMath(text) => Some(&**text),
        _ => None,
    });
    text.collect()
}

fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Where a link of this chapter leads in the rendered book.
fn target(link: &str, chapter: &str, shelf: &Shelf) -> Result<String> {
    if link.starts_with("https://") || shelf.pictures.contains(link) {
        return Ok(link.to_owned());
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let mut file = if file.is_empty() { chapter } else { file };
    let found = match anchor {
        Some(anchor) if anchor.starts_with("eq:") => {
            let stated = shelf.equations.get(anchor);
            file = stated.map_or(file, String::as_str);
            stated.is_some()
        }
        _ => shelf.anchors.get(file).is_some_and(|known| anchor.is_none_or(|anchor| known.contains(anchor))),
    };
    if !found {
        bail!("`{link}` leads nowhere in the book");
    }
    let page = if file == chapter { String::new() } else { page_name(file) };
    Ok(anchor.map_or_else(|| page_name(file), |anchor| format!("{page}#{anchor}")))
}
