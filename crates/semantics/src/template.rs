//! Prompts from templates that the user can edit.

use std::{fmt, fs, path::Path};

use minijinja::{Environment, Value, context, syntax::SyntaxConfig};
use recgoat_data::Table;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result, generate::Prompt};

/// How texts about items are put together, and what a language model is asked.
///
/// A TOML file of three [minijinja](https://docs.rs/minijinja) templates. `item` sees the columns of `items.tsv` by name
/// (`title`, `genres`, …; a column without text is undefined, and false in an `if`). `user` sees `items`, the texts made
/// by `item`, the latest first; for a prompt about one item there is one. `system` sees nothing: it is the same for
/// all, which lets a model on this machine read it once.
///
/// ```
/// use recgoat_semantics::Template;
/// let template = Template::profile();
/// let prompt = template.prompt(&["Heat (1995)".to_owned()])?;
/// assert!(prompt.user.starts_with("The user chose, the latest first: Heat (1995)."));
/// # Ok::<(), recgoat_semantics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Parts,
    place: String,
    version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    #[serde(default)]
    system: String,
    #[serde(default)]
    user: String,
    item: String,
}

impl Template {
    /// What `recgoat profile` asks about a user: attributes that the items share, then preferences with evidence.
    pub fn profile() -> Self {
        Self::built_in("profile.toml", include_str!("../templates/profile.toml"))
    }

    /// What `recgoat profile --of items` asks about an item.
    pub fn enrichment() -> Self {
        Self::built_in("item.toml", include_str!("../templates/item.toml"))
    }

    /// The text of an item for an encoder: `Title (year). Genres: a, b. Overview`, of whatever columns there are.
    pub fn text() -> Self {
        Self::built_in("text.toml", include_str!("../templates/text.toml"))
    }

    /// Reads a template's file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Template`] when it is no TOML with a template `item`, or one of
    /// them is malformed.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// A template of an item's text alone, from its source.
    ///
    /// # Errors
    /// [`Error::Template`] when it is malformed.
    pub fn of_items(place: &str, source: &str) -> Result<Self> {
        let parts = Parts { system: String::new(), user: String::new(), item: source.to_owned() };
        Self::of_parts(place, parts)
    }

    fn built_in(name: &str, text: &str) -> Self {
        Self::parse(name, text)
            .unwrap_or_else(|error| panic!("a template of the crate is malformed: {error}"))
    }

    fn parse(place: &str, text: &str) -> Result<Self> {
        let problem = |problem: String| Error::Template { place: place.to_owned(), problem };
        let parts: Parts = toml::from_str(text)
            .map_err(|error| problem(error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))?;
        Self::of_parts(place, parts)
    }

    fn of_parts(place: &str, parts: Parts) -> Result<Self> {
        let version = format!("{:x}", Sha256::digest(format!("{parts:?}")));
        let template = Self { parts, place: place.to_owned(), version };
        template.environment()?;
        Ok(template)
    }

    /// SHA-256 of the three templates: another where any of them is changed.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The file's name.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The texts of the items `0..count`, cleaned by [`clean`]; empty where no column says anything.
    ///
    /// # Errors
    /// [`Error::Template`] when the template asks for what cannot be.
    pub fn item_texts(&self, table: &Table, count: usize) -> Result<Vec<String>> {
        let environment = self.environment()?;
        let template = environment.get_template("item").map_err(|error| self.failure(&error))?;
        (0..count)
            .map(|item| {
                let columns = table.columns().iter().map(String::as_str);
                let said = columns.filter_map(|column| Some((column, clean(table.get(item, column)?))));
                let text = template.render(Value::from_pairs(said)).map_err(|error| self.failure(&error))?;
                Ok(clean(&text))
            })
            .collect()
    }

    /// The prompt about these texts. Nothing in them can open or close a tag of the prompt: angle brackets become ‹ ›.
    ///
    /// # Errors
    /// [`Error::Template`] when there is no template `user`, or one asks for what cannot be.
    pub fn prompt(&self, texts: &[String]) -> Result<Prompt> {
        if self.parts.user.trim().is_empty() {
            let problem = "expected a template `user`, which asks the model, found none".to_owned();
            return Err(Error::Template { place: self.place.clone(), problem });
        }
        let environment = self.environment()?;
        let items: Vec<String> = texts.iter().map(|text| text.replace('<', "‹").replace('>', "›")).collect();
        let render = |name: &str, context: Value| {
            let rendered = environment.get_template(name).and_then(|template| template.render(context));
            rendered.map_err(|error| self.failure(&error))
        };
        Ok(Prompt { system: render("system", context! {})?, user: render("user", context! { items })? })
    }

    fn environment(&self) -> Result<Environment<'_>> {
        let mut environment = environment();
        let Parts { system, user, item } = &self.parts;
        for (name, source) in [("system", system), ("user", user), ("item", item)] {
            environment.add_template(name, source).map_err(|error| self.failure(&error))?;
        }
        Ok(environment)
    }

    fn failure(&self, error: &minijinja::Error) -> Error {
        Error::Template { place: self.place.clone(), problem: error.to_string() }
    }
}

/// The TOML file.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { system, user, item } = &self.parts;
        for (name, source) in [("system", system), ("user", user), ("item", item)] {
            if !source.is_empty() {
                writeln!(f, "{name} = '''\n{source}'''")?;
            }
        }
        Ok(())
    }
}

/// Templates as chat templates are written: a line that holds a block alone leaves no line.
pub(crate) fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    // The builder fails for empty or ambiguous marks alone, and these are the default ones.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment
}

/// One line of text as people read it: control characters and runs of blanks become one space, and what changes the
/// direction of the text around it is left out.
///
/// ```
/// use recgoat_semantics::clean;
/// assert_eq!(clean(" a\u{0}b\r\n\u{202E}c 👍 שלום "), "a b c 👍 שלום");
/// ```
pub fn clean(text: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    let plain: String =
        text.chars().filter(|c| !turns(c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
