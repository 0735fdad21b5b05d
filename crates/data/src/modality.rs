//! Frozen features of one modality, with a mask over missing rows.

use crate::error::{Error, Result};

/// Frozen features of all items in one modality (text, image, audio, knowledge, …).
///
/// # Shapes
/// `values [rows, width]` row major, row = item id; `present [rows]`. Rows that are not present are zero;
/// rows that are present hold finite numbers only.
#[derive(Debug, Clone, PartialEq)]
pub struct Modality {
    name: String,
    width: usize,
    values: Vec<f32>,
    present: Vec<bool>,
}

impl Modality {
    /// Checks features; what missing rows hold is replaced by zeros.
    ///
    /// # Errors
    /// [`Error::Argument`] when the lengths disagree, a size is zero, or a present row holds NaN or an
    /// infinity.
    ///
    /// ```
    /// use recgoat_data::Modality;
    /// let text = Modality::new("text", 2, 2, vec![1.0, 2.0, f32::NAN, 0.5], vec![true, false])?;
    /// assert_eq!(text.values(), [1.0, 2.0, 0.0, 0.0]);
    /// assert_eq!(text.missing(), 1);
    /// # Ok::<(), recgoat_data::Error>(())
    /// ```
    pub fn new(
        name: impl Into<String>,
        rows: usize,
        width: usize,
        mut values: Vec<f32>,
        present: Vec<bool>,
    ) -> Result<Self> {
        let name = name.into();
        let refuse = |expected, found| Err(Error::argument(format!("modality {name}"), expected, found));
        if rows == 0 || width == 0 {
            return refuse("at least one row and one column".into(), format!("shape [{rows}, {width}]"));
        }
        if rows.checked_mul(width) != Some(values.len()) {
            return refuse(format!("values of shape [{rows}, {width}]"), format!("{} values", values.len()));
        }
        if present.len() != rows {
            return refuse(format!("a mask of {rows} rows"), format!("{} rows", present.len()));
        }
        for (row, (features, &present)) in values.chunks_exact_mut(width).zip(&present).enumerate() {
            if !present {
                features.fill(0.0);
            } else if let Some(column) = features.iter().position(|x| !x.is_finite()) {
                let found = format!("{} in column {column}", features[column]);
                return refuse(format!("finite numbers in row {row}"), found);
            }
        }
        Ok(Self { name, width, values, present })
    }

    /// The same features under another name.
    #[must_use]
    pub fn renamed(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The modality's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of items.
    pub fn rows(&self) -> usize {
        self.present.len()
    }

    /// Number of features of an item.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The features `[rows, width]`, row major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Which rows are known, `[rows]`.
    pub fn present(&self) -> &[bool] {
        &self.present
    }

    /// Number of rows that are not known.
    pub fn missing(&self) -> usize {
        self.present.iter().filter(|&&present| !present).count()
    }
}
