//! Models by name.

use recgoat_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::{
    Bpr, BprConfig, Context, Error, LightGcn, LightGcnConfig, Popularity, PopularityConfig, RecGoat,
    RecGoatConfig, Recommender, Result,
    config::{annotated, from_table, to_table, with_override},
};

/// A model's name and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
#[non_exhaustive]
pub enum ModelConfig {
    /// [`Popularity`].
    Popularity(PopularityConfig),
    /// [`Bpr`].
    Bpr(BprConfig),
    /// [`LightGcn`].
    LightGcn(LightGcnConfig),
    /// [`RecGoat`].
    RecGoat(RecGoatConfig),
}

impl ModelConfig {
    /// Names of all models.
    pub const NAMES: [&str; 4] = ["popularity", "bpr", "lightgcn", "recgoat"];

    /// The model of this name, with default settings.
    ///
    /// ```
    /// use recgoat_model::ModelConfig;
    /// let config = ModelConfig::named("lightgcn")?.with("layers", "2")?;
    /// assert_eq!(config.name(), "lightgcn");
    /// let error = ModelConfig::named("lightgnc").unwrap_err().to_string();
    /// assert_eq!(error, "unknown model \"lightgnc\": expected one of popularity, bpr, lightgcn, recgoat");
    /// # Ok::<(), recgoat_model::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name, listing the known ones.
    pub fn named(name: &str) -> Result<Self> {
        if !Self::NAMES.contains(&name) {
            let known = Self::NAMES.join(", ");
            return Err(Error::Config(format!("unknown model {name:?}: expected one of {known}")));
        }
        let table = toml::Table::from_iter([("name".to_owned(), toml::Value::String(name.to_owned()))]);
        from_table(table).map_err(Error::Config)
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        let [popularity, bpr, lightgcn, recgoat] = Self::NAMES;
        match self {
            Self::Popularity(_) => popularity,
            Self::Bpr(_) => bpr,
            Self::LightGcn(_) => lightgcn,
            Self::RecGoat(_) => recgoat,
        }
    }

    /// The same model with one setting changed; see [`crate::config::with_override`].
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown setting or a value it does not take.
    pub fn with(&self, setting: &str, value: &str) -> Result<Self> {
        Ok(match self {
            Self::Popularity(config) => Self::Popularity(with_override(config, setting, value)?),
            Self::Bpr(config) => Self::Bpr(with_override(config, setting, value)?),
            Self::LightGcn(config) => Self::LightGcn(with_override(config, setting, value)?),
            Self::RecGoat(config) => Self::RecGoat(with_override(config, setting, value)?),
        })
    }

    /// All settings with their values and documentation, as TOML.
    pub fn annotated(&self) -> String {
        match self {
            Self::Popularity(config) => annotated(config),
            Self::Bpr(config) => annotated(config),
            Self::LightGcn(config) => annotated(config),
            Self::RecGoat(config) => annotated(config),
        }
    }

    /// The settings as lines of name and value, nested ones as `table.name`.
    pub fn settings(&self) -> Vec<(String, String)> {
        fn walk(prefix: &str, table: &toml::Table, lines: &mut Vec<(String, String)>) {
            for (key, value) in table {
                match value {
                    toml::Value::Table(inner) => walk(&format!("{prefix}{key}."), inner, lines),
                    _ => lines.push((format!("{prefix}{key}"), value.to_string())),
                }
            }
        }
        let mut lines = Vec::new();
        walk("", &to_table(self), &mut lines);
        lines
    }

    /// Whether the model learns by gradient steps.
    pub fn is_trained(&self) -> bool {
        !matches!(self, Self::Popularity(_))
    }

    /// `Ok` when [`ModelConfig::build`] would succeed on this data: what a run needs to know before it writes anything.
    ///
    /// # Errors
    /// [`Error::Config`] for a setting out of range or data the model cannot use.
    pub fn check(&self, dataset: &Dataset) -> Result<()> {
        match self {
            Self::Popularity(_) => Ok(()),
            Self::Bpr(config) => config.check(),
            Self::LightGcn(config) => config.check(),
            Self::RecGoat(config) => config.check(dataset),
        }
    }

    /// The model itself, with initial parameters.
    ///
    /// # Errors
    /// Those of [`ModelConfig::check`], or a failure of a graph.
    pub fn build(&self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        self.check(context.dataset)?;
        Ok(match self.clone() {
            Self::Popularity(_) => Box::new(Popularity::new(context)),
            Self::Bpr(config) => Box::new(Bpr::new(config, context)),
            Self::LightGcn(config) => Box::new(LightGcn::new(config, context)?),
            Self::RecGoat(config) => Box::new(RecGoat::new(config, context)?),
        })
    }
}
