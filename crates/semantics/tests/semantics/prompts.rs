//! Templates and what they make of the hardest texts.

use std::{fs, path::Path};

use proptest::prelude::*;
use recgoat_data::Table;
use recgoat_semantics::{Error, Template, clean};

fn table(rows: &str) -> (tempfile::TempDir, Table) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items.tsv");
    fs::write(&path, rows).unwrap();
    let table = Table::read(&path, "itemID", 4).unwrap();
    (dir, table)
}

#[test]
fn the_built_in_text_is_that_of_the_shipped_features() {
    let (_dir, films) = table(
        "itemID\ttitle\tyear\tgenres\toverview\n0\tHeat\t1995\tAction|Crime\tA thief.\n1\tX\t\t\t\n3\t\t\t\t\n",
    );
    let texts = Template::text().item_texts(&films, 4).unwrap();
    assert_eq!(texts, ["Heat (1995). Genres: Action, Crime. A thief.", "X.", "", ""]);
    let (_dir, artists) = table("itemID\tname\ttags_text\n0\tFaithless\tdance,house\n");
    assert_eq!(Template::text().item_texts(&artists, 1).unwrap(), ["Faithless. dance,house"]);
}

#[test]
fn a_template_shows_itself_and_reads_itself() {
    for template in [Template::text(), Template::profile(), Template::enrichment()] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.toml");
        fs::write(&path, template.to_string()).unwrap();
        assert_eq!(Template::read(&path).unwrap().version(), template.version());
    }
}

#[test]
fn templates_that_cannot_be_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.toml");
    for (text, expected) in [
        ("user = 'x'", "missing field `item`"),
        ("item = '{{ title'", "t.toml: syntax error"),
        ("item = 'x'\nitems = 'y'", "unknown field `items`"),
        ("item = ", "TOML parse error"),
    ] {
        fs::write(&path, text).unwrap();
        let message = Template::read(&path).unwrap_err().to_string();
        assert!(message.contains(expected) && !message.contains('\n'), "{message}");
    }
    // A template of texts alone asks nothing.
    let message = Template::text().prompt(&["x".to_owned()]).unwrap_err().to_string();
    assert!(message.contains("text.toml: expected a template `user`"), "{message}");
    assert!(matches!(Template::read(Path::new("/nowhere")), Err(Error::Io { .. })));
}

proptest! {
    /// Whatever items are called, they stay on their line, and the prompt's only tags are the template's.
    #[test]
    fn no_text_breaks_the_prompt(texts in prop::collection::vec("(\\PC|[\n\r\t<>{}%|]|</?answer>|</?think>|<\\|im_end\\|>){1,60}", 1..6)) {
        let texts: Vec<String> = texts.iter().map(|text| clean(text)).collect();
        let prompt = Template::profile().prompt(&texts).unwrap();
        let plain = Template::profile().prompt(&["x".to_owned()]).unwrap();
        prop_assert_eq!(prompt.user.lines().count(), plain.user.lines().count());
        prop_assert_eq!(prompt.user.lines().last(), plain.user.lines().last());
        prop_assert!(!prompt.user.contains('<') && !prompt.user.contains('>'));
        prop_assert_eq!(prompt.system, plain.system);
    }

    #[test]
    fn clean_is_one_line_and_stays(text in "\\PC{0,40}|[\\x00-\\x20a]{0,40}") {
        let once = clean(&text);
        prop_assert!(!once.chars().any(char::is_control) && once.trim() == once);
        prop_assert_eq!(clean(&once), once);
    }
}
