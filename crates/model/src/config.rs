//! Settings as documented, printable, overridable tables.

use std::{
    fmt::{Debug, Display},
    ops::RangeBounds,
};

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use crate::{Error, Result};

/// Embeddings wider than this are a slip of the pen: a table of them would not fit in memory.
pub(crate) const MOST_DIMENSIONS: usize = 65_536;

/// Far beyond the depth at which smoothing has made all nodes alike.
pub(crate) const MOST_LAYERS: usize = 64;

/// A settings struct whose fields carry their documentation at run time.
pub trait Documented {
    /// Name and documentation of each field; a field of a nested table is named `table.field`.
    fn fields() -> Vec<(String, String)>;
}

/// Declares a settings struct with defaults beside the fields; `in` names the fields that are tables themselves.
macro_rules! config {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ pub $field:ident : $type:ty = $default:expr, )*
            $( in $(#[doc = $table_doc:literal])+ pub $table:ident : $nested:ty = $table_default:expr, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
            $( $(#[doc = $table_doc])+ pub $table: $nested, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* $( $table: $table_default, )* }
            }
        }

        impl $crate::config::Documented for $name {
            fn fields() -> Vec<(String, String)> {
                #[allow(unused_mut, reason = "a struct without tables changes nothing")]
                let mut fields: Vec<(String, String)> =
                    vec![$((stringify!($field).to_owned(), concat!($($doc),+).trim().to_owned())),*];
                $( fields.extend(
                    <$nested as $crate::config::Documented>::fields()
                        .into_iter()
                        .map(|(field, doc)| (format!("{}.{field}", stringify!($table)), doc)),
                ); )*
                fields
            }
        }
    };
}
pub(crate) use config;

/// `config` with the field at `path` (dots between tables) replaced by `text`, read as TOML or else as a bare string.
///
/// # Errors
/// [`Error::Config`] naming the known keys, or what the field takes.
pub fn with_override<C: Serialize + DeserializeOwned>(config: &C, path: &str, text: &str) -> Result<C> {
    let mut table = to_table(config);
    let known: Vec<String> = flatten(&table).into_iter().map(|(key, _)| key).collect();
    if !known.iter().any(|key| key == path) {
        return Err(Error::Config(format!("unknown setting {path:?}: expected one of {}", known.join(", "))));
    }
    let value = parse_value(text);
    let mut at = &mut table;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        if steps.peek().is_none() {
            // An integer is a fine way to write a float.
            let widened = match (at.get(step), &value) {
                (Some(Value::Float(_)), Value::Integer(whole)) => Value::Float(*whole as f64),
                _ => value.clone(),
            };
            at.insert(step.to_owned(), widened);
        } else if let Some(Value::Table(next)) = at.get_mut(step) {
            at = next;
        } else {
            break;
        }
    }
    from_table(table).map_err(|reason| Error::Config(format!("setting {path}={text}: {reason}")))
}

/// `Ok` when a setting lies in `range`; NaN lies in none.
///
/// # Errors
/// [`Error::Config`] naming the setting, the range and the value.
pub fn expect_within<T>(name: &str, value: T, range: impl RangeBounds<T> + Debug) -> Result<()>
where
    T: Copy + PartialOrd + Display,
{
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::Config(format!("{name}: expected a value in {range:?}, found {value}")))
}

/// `Ok` for a number above 0 and below infinity.
///
/// # Errors
/// [`Error::Config`] naming the setting and the value.
pub fn expect_positive(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::Config(format!("{name}: expected a positive number, found {value}")))
}

/// Settings as TOML, each under its documentation.
pub fn annotated<C: Serialize + Documented>(config: &C) -> String {
    let table = to_table(config);
    let mut text = String::new();
    for (field, doc) in C::fields() {
        let shown = lookup(&table, &field).map_or_else(String::new, ToString::to_string);
        text.push_str(&format!("# {doc}\n{field} = {shown}\n"));
    }
    text
}

/// Settings as a TOML table.
pub(crate) fn to_table<C: Serialize>(config: &C) -> Table {
    Table::try_from(config).expect("settings are plain numbers, strings and tables")
}

/// Nested settings as `table.name` and the value's TOML text.
pub(crate) fn flatten(table: &Table) -> Vec<(String, String)> {
    let lines = table.iter().flat_map(|(key, value)| match value {
        Value::Table(inner) => {
            flatten(inner).into_iter().map(|(leaf, text)| (format!("{key}.{leaf}"), text)).collect()
        }
        value => vec![(key.clone(), value.to_string())],
    });
    lines.collect()
}

/// What of `table` is not as in `defaults`, nested tables likewise.
pub(crate) fn changed(table: Table, defaults: &Table) -> Table {
    let kept = table.into_iter().filter_map(|(name, value)| match (value, defaults.get(&name)) {
        (Value::Table(inner), Some(Value::Table(defaults))) => {
            let inner = changed(inner, defaults);
            (!inner.is_empty()).then_some((name, Value::Table(inner)))
        }
        (value, Some(default)) if value == *default => None,
        (value, _) => Some((name, value)),
    });
    kept.collect()
}

/// Settings from a TOML table; the error is one line.
pub(crate) fn from_table<C: DeserializeOwned>(table: Table) -> std::result::Result<C, String> {
    table.try_into().map_err(|error: toml::de::Error| error.message().replace('\n', " "))
}

/// Settings from a TOML text; the error is one line and names the line of the text.
pub(crate) fn parse_toml<C: DeserializeOwned>(text: &str) -> std::result::Result<C, String> {
    toml::from_str(text).map_err(|error| {
        let line =
            error.span().map(|span| format!("line {}: ", text[..span.start].matches('\n').count() + 1));
        format!("{}{}", line.unwrap_or_default(), error.message().replace('\n', " "))
    })
}

fn lookup<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((step, rest)) => lookup(table.get(step)?.as_table()?, rest),
    }
}

fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>();
    parsed.ok().and_then(|mut t| t.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecGoatConfig;

    #[test]
    fn what_is_at_its_default_is_left_out() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        let defaults = table("a = 1\nb = 2\n[inner]\nc = 3\nd = 4");
        let kept = changed(table("a = 1\ne = 2\n[inner]\nc = 3\nd = 5"), &defaults);
        assert_eq!(kept, table("e = 2\n[inner]\nd = 5"));
        assert_eq!(changed(defaults.clone(), &defaults), Table::new());
    }

    #[test]
    fn overrides_reach_nested_fields() {
        let config = with_override(&RecGoatConfig::default(), "align.transport", "plan").unwrap();
        assert_eq!(to_table(&config)["align"]["transport"].as_str(), Some("plan"));
        let config = with_override(&config, "l2", "1").unwrap();
        assert_eq!(config.l2, 1.0);
    }

    #[test]
    fn mistakes_are_answered_with_what_would_work() {
        let message =
            |key, value| with_override(&RecGoatConfig::default(), key, value).unwrap_err().to_string();
        assert!(message("dmi", "3").contains("expected one of"), "{}", message("dmi", "3"));
        assert!(message("dim", "many").starts_with("setting dim=many: "), "{}", message("dim", "many"));
        assert!(message("align.transport", "magic").contains("plan+residual"));
        assert!(message("align", "3").contains("unknown setting"));
    }

    #[test]
    fn every_field_is_shown_with_its_documentation() {
        let shown = annotated(&RecGoatConfig::default());
        for (key, _) in flatten(&to_table(&RecGoatConfig::default())) {
            assert!(shown.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key} in\n{shown}");
        }
        assert!(shown.lines().filter(|line| line.starts_with('#')).all(|line| line.len() > 10));
    }
}
