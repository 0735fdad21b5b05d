//! The files of a report, each complete or absent.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{ModelResult, Picture, Report, charts, html, markdown, sweeps};
use crate::error::{Error, Result};

impl Report {
    /// The report as Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::render(self)
    }

    /// The report as one offline HTML page: no script, no resource from elsewhere.
    ///
    /// # Errors
    /// When a plot cannot be drawn.
    pub fn to_html(&self) -> Result<String> {
        Ok(html::render(self, &self.plots()?))
    }

    /// Writes `report.json`, `report.md`, `report.html`, `curves_NAME.svg` and `bars_NAME.svg` into `dir`,
    /// which is made where it is missing, and returns their paths in this order.
    ///
    /// NAME is the dataset's name, with `-` for anything but ASCII letters, digits, `-` and `_`. Each
    /// file is written beside its place and renamed into it, so none is ever seen half-written.
    ///
    /// # Errors
    /// When a plot cannot be drawn or a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let plots = self.plots()?;
        let name: String = self.dataset.name.chars().map(file_name_char).collect();
        let mut json = serde_json::to_string_pretty(self).map_err(|error| Error::Write {
            path: dir.join("report.json"),
            source: io::Error::other(error),
        })?;
        json.push('\n');
        let files = [
            ("report.json".to_owned(), json),
            ("report.md".to_owned(), self.to_markdown()),
            ("report.html".to_owned(), html::render(self, &plots)),
            (format!("curves_{name}.svg"), plots.curves),
            (format!("bars_{name}.svg"), plots.bars),
        ];
        fs::create_dir_all(dir).map_err(|source| Error::Write { path: dir.to_owned(), source })?;
        let write = |(name, text): (String, String)| {
            let path = dir.join(name);
            replace(&path, &text).map_err(|source| Error::Write { path: path.clone(), source })?;
            Ok(path)
        };
        files.into_iter().map(write).collect()
    }
}

impl Report {
    fn plots(&self) -> Result<html::Plots> {
        Ok(html::Plots {
            curves: charts::curves(self)?,
            bars: charts::bars(self)?,
            sweeps: sweeps::plots(self)?,
            diagnoses: charts::diagnoses(self)?,
            pictures: self.pictures()?,
        })
    }

    /// The pictures of every model's first run that has any.
    fn pictures(&self) -> Result<html::Pictures> {
        let first =
            |model: &ModelResult| model.runs.first().map_or_else(Vec::new, |run| run.pictures.clone());
        let drawn = self.models.iter().map(|model| {
            let pictures = first(model).iter().map(Picture::draw).collect::<Result<Vec<String>>>()?;
            Ok((model.name.clone(), pictures))
        });
        let drawn = drawn.collect::<Result<html::Pictures>>()?;
        Ok(drawn.into_iter().filter(|(_, pictures)| !pictures.is_empty()).collect())
    }
}

/// Puts `text` at `path` by way of a temporary file beside it, of which nothing stays behind on failure.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let write = |mut file: File| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    let written = File::create(&temporary).and_then(write);
    if written.is_err() {
        // The first error is the one to report; a file that was never made cannot be removed.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn file_name_char(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }
}
