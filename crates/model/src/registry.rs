//! Models by name.

use recgoat_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::{
    Bm3Config, BprConfig, Context, EaseConfig, Error, FreedomConfig, ItemKnnConfig, Learning, LgmRecConfig,
    LightGcnConfig, MgcnConfig, PopularityConfig, RecGoatConfig, Recommender, Result, Settings, SmoreConfig,
    SsrConfig, VbprConfig,
    config::{annotated, flatten, from_table, to_table, with_override},
    recgoat::paper::PaperConfig,
};

/// Declares [`ModelConfig`] with one variant a model, and what it hands on to the variants' settings.
macro_rules! models {
    ($( $(#[doc = $doc:literal])+ $variant:ident($config:ident) = $name:literal, )*) => {
        /// A model's name and its settings.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "name")]
        #[non_exhaustive]
        pub enum ModelConfig {
            $( $(#[doc = $doc])+ #[serde(rename = $name)] $variant($config), )*
        }

        impl ModelConfig {
            /// Names of all models.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The name.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )* }
            }

            /// The same model with one setting changed; see [`crate::config::with_override`].
            ///
            /// # Errors
            /// [`Error::Config`] for an unknown setting or a value it does not take.
            pub fn with(&self, setting: &str, value: &str) -> Result<Self> {
                Ok(match self { $( Self::$variant(config) => Self::$variant(with_override(config, setting, value)?), )* })
            }

            /// All settings with their values and documentation, as TOML.
            pub fn annotated(&self) -> String {
                match self { $( Self::$variant(config) => annotated(config), )* }
            }

            /// How the model learns.
            pub fn learning(&self) -> Learning {
                match self { $( Self::$variant(_) => <$config as Settings>::LEARNING, )* }
            }

            /// `Ok` when [`ModelConfig::build`] would succeed on this data: what a run needs to know before it writes
            /// anything.
            ///
            /// # Errors
            /// [`Error::Config`] for a setting out of range or data the model cannot use.
            pub fn check(&self, dataset: &Dataset) -> Result<()> {
                match self { $( Self::$variant(config) => config.check(dataset), )* }
            }

            /// The model itself, with initial parameters.
            ///
            /// # Errors
            /// Those of [`ModelConfig::check`], or a failure of a graph.
            pub fn build(&self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
                self.check(context.dataset)?;
                match self.clone() { $( Self::$variant(config) => config.build(context), )* }
            }
        }
    };
}

models! {
    /// [`crate::Popularity`].
    Popularity(PopularityConfig) = "popularity",
    /// [`crate::ItemKnn`].
    ItemKnn(ItemKnnConfig) = "itemknn",
    /// [`crate::Ease`].
    Ease(EaseConfig) = "ease",
    /// [`crate::Bpr`].
    Bpr(BprConfig) = "bpr",
    /// [`crate::LightGcn`].
    LightGcn(LightGcnConfig) = "lightgcn",
    /// [`crate::Vbpr`].
    Vbpr(VbprConfig) = "vbpr",
    /// [`crate::Freedom`].
    Freedom(FreedomConfig) = "freedom",
    /// [`crate::Bm3`].
    Bm3(Bm3Config) = "bm3",
    /// [`crate::Mgcn`].
    Mgcn(MgcnConfig) = "mgcn",
    /// [`crate::LgmRec`].
    LgmRec(LgmRecConfig) = "lgmrec",
    /// [`crate::Smore`].
    Smore(SmoreConfig) = "smore",
    /// [`crate::recgoat::paper::PaperRecGoat`].
    PaperRecGoat(PaperConfig) = "recgoat-paper",
    /// [`crate::Ssr`].
    Ssr(SsrConfig) = "ssr",
    /// [`crate::RecGoat`].
    RecGoat(RecGoatConfig) = "recgoat",
}

impl ModelConfig {
    /// Models under a name of their own: RecGOAT with [`PaperConfig::released`], SSR with [`SsrConfig::released`].
    pub const RELEASED: [&str; 2] = ["recgoat-released", "ssr-released"];

    /// The model of this name, with default settings.
    ///
    /// ```
    /// use recgoat_model::ModelConfig;
    /// let config = ModelConfig::named("lightgcn")?.with("layers", "2")?;
    /// assert_eq!(config.name(), "lightgcn");
    /// let error = ModelConfig::named("lightgnc").unwrap_err().to_string();
    /// assert!(error.starts_with("unknown model \"lightgnc\": expected one of popularity, "));
    /// # Ok::<(), recgoat_model::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name, listing the known ones.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "recgoat-released" => return Ok(Self::PaperRecGoat(PaperConfig::released())),
            "ssr-released" => return Ok(Self::Ssr(SsrConfig::released())),
            _ => {}
        }
        if !Self::NAMES.contains(&name) {
            let known = [Self::NAMES, &Self::RELEASED].concat().join(", ");
            return Err(Error::Config(format!("unknown model {name:?}: expected one of {known}")));
        }
        let table = toml::Table::from_iter([("name".to_owned(), toml::Value::String(name.to_owned()))]);
        from_table(table).map_err(Error::Config)
    }

    /// The settings as lines of name and value, nested ones as `table.name`.
    pub fn settings(&self) -> Vec<(String, String)> {
        flatten(&to_table(self))
    }
}
