//! From a file of a picture to the numbers that a model was trained on.

use std::{fs, path::Path};

use image::{DynamicImage, ImageReader, imageops::FilterType};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The most pixels of a picture: above it a small file could fill the memory.
const MOST_PIXELS: u64 = 100_000_000;

/// How pictures are prepared for a model, and how its output is read; a TOML file beside the model.
///
/// ```
/// use recgoat_semantics::image::Preprocessing;
/// let of = Preprocessing::parse("size = [224, 224]\nmean = [0.485, 0.456, 0.406]\ndeviation = [0.229, 0.224, 0.225]")?;
/// assert_eq!(of.size, [224, 224]);
/// # Ok::<(), recgoat_semantics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Height and width of the model's input.
    pub size: [u32; 2],
    /// How a picture of another shape comes to that size.
    #[serde(default)]
    pub fit: Fit,
    /// How pixels between pixels are found.
    #[serde(default)]
    pub filter: Filter,
    /// The order of the input's dimensions.
    #[serde(default)]
    pub layout: Layout,
    /// The order of colours.
    #[serde(default)]
    pub channels: Channels,
    /// Taken off each channel of pixels in 0..=1.
    #[serde(default)]
    pub mean: [f32; 3],
    /// What is left is divided by this.
    #[serde(default = "ones")]
    pub deviation: [f32; 3],
    /// The output to read; the first when empty.
    #[serde(default)]
    pub output: String,
    /// What becomes of an output with places.
    #[serde(default)]
    pub pooling: Pooling,
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

/// How a picture of another shape comes to the size of the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Height and width each for itself.
    #[default]
    Stretch,
    /// The shorter side, then the middle is cut out.
    Crop,
}

/// How pixels between pixels are found; all look at every pixel that a new one covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// The nearest.
    Nearest,
    /// Linear in both directions.
    #[default]
    Bilinear,
    /// Catmull–Rom.
    Bicubic,
    /// Lanczos over three pixels.
    Lanczos,
}

/// The order of the input's dimensions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Pictures, channels, height, width.
    #[default]
    Nchw,
    /// Pictures, height, width, channels.
    Nhwc,
}

/// The order of colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first.
    Bgr,
}

/// What becomes of an output with places, such as `[pictures, channels, height, width]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// All its numbers, in order.
    #[default]
    Flatten,
    /// The mean over all dimensions but the second.
    Mean,
}

impl Preprocessing {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Input`] when it is not what it has to be.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        Self::parse(&text).map_err(|error| match error {
            Error::Input { expected, found, .. } => Error::file(path, expected, found),
            other => other,
        })
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// [`Error::Input`] when it is not what it has to be.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse =
            |found: String| Error::input("preprocessing", "size, mean, deviation and the like", found);
        let read: Self = toml::from_str(text).map_err(|error| refuse(error.message().to_owned()))?;
        if read.size.contains(&0) || u64::from(read.size[0]) * u64::from(read.size[1]) > MOST_PIXELS {
            return Err(refuse(format!("size {:?}", read.size)));
        }
        if read.deviation.iter().any(|&d| d == 0.0 || !d.is_finite())
            || !read.mean.iter().all(|m| m.is_finite())
        {
            return Err(refuse("a mean or deviation that nothing can be divided by".to_owned()));
        }
        Ok(read)
    }

    /// The numbers of a picture, in the model's layout.
    pub(super) fn pixels(&self, bytes: &[u8]) -> Result<Vec<f32>, String> {
        let problem =
            |error: image::ImageError| format!("expected a whole JPEG, PNG or WebP picture, found {error}");
        let reader = || {
            ImageReader::new(std::io::Cursor::new(bytes))
                .with_guessed_format()
                .map_err(|error| error.to_string())
        };
        let (width, height) = reader()?.into_dimensions().map_err(problem)?;
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(format!("expected at most {MOST_PIXELS} pixels, found {width} x {height}"));
        }
        let picture = self.fitted(&reader()?.decode().map_err(problem)?).to_rgb8();
        let plane = picture.as_raw().len() / 3;
        let mut numbers = vec![0.0; picture.as_raw().len()];
        for (place, colours) in picture.as_raw().as_chunks::<3>().0.iter().enumerate() {
            for channel in 0..3 {
                let colour = match self.channels {
                    Channels::Rgb => channel,
                    Channels::Bgr => 2 - channel,
                };
                let value = f32::from(colours[colour]) / 255.0;
                let at = match self.layout {
                    Layout::Nchw => channel * plane + place,
                    Layout::Nhwc => place * 3 + channel,
                };
                numbers[at] = (value - self.mean[channel]) / self.deviation[channel];
            }
        }
        Ok(numbers)
    }

    fn fitted(&self, picture: &DynamicImage) -> DynamicImage {
        let filter = match self.filter {
            Filter::Nearest => FilterType::Nearest,
            Filter::Bilinear => FilterType::Triangle,
            Filter::Bicubic => FilterType::CatmullRom,
            Filter::Lanczos => FilterType::Lanczos3,
        };
        let [height, width] = self.size;
        match self.fit {
            Fit::Stretch => picture.resize_exact(width, height, filter),
            Fit::Crop => picture.resize_to_fill(width, height, filter),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, RgbImage};

    use super::*;

    fn png(picture: RgbImage) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::from(picture).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn channels_and_layout_and_scale() {
        // One row of two pixels: pure red, then blue at 51/255 = 0.2.
        let bytes = png(RgbImage::from_raw(2, 1, vec![255, 0, 0, 0, 0, 51]).unwrap());
        let of = |more: &str| {
            Preprocessing::parse(&format!("size = [1, 2]\n{more}")).unwrap().pixels(&bytes).unwrap()
        };
        assert_eq!(of(""), [1.0, 0.0, 0.0, 0.0, 0.0, 0.2]);
        assert_eq!(of("layout = \"nhwc\""), [1.0, 0.0, 0.0, 0.0, 0.0, 0.2]);
        assert_eq!(of("channels = \"bgr\""), [0.0, 0.2, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(
            of("mean = [0.5, 0.0, 0.0]\ndeviation = [0.5, 1.0, 0.1]"),
            [1.0, -1.0, 0.0, 0.0, 0.0, 2.0]
        );
    }

    #[test]
    fn crop_keeps_the_middle() {
        // Three columns, of which the middle is white.
        let bytes = png(RgbImage::from_raw(3, 1, vec![0, 0, 0, 255, 255, 255, 0, 0, 0]).unwrap());
        let of = Preprocessing::parse("size = [1, 1]\nfit = \"crop\"").unwrap();
        assert_eq!(of.pixels(&bytes).unwrap(), [1.0; 3]);
    }

    #[test]
    fn what_is_no_picture_is_said() {
        let of = Preprocessing::parse("size = [4, 4]").unwrap();
        let whole = png(RgbImage::new(40, 40));
        for bytes in [&b""[..], b"GIF89a", &whole[..whole.len() / 2]] {
            let message = of.pixels(bytes).unwrap_err();
            assert!(message.starts_with("expected a whole JPEG, PNG or WebP picture, found"), "{message}");
        }
    }

    #[test]
    fn settings_that_cannot_be() {
        for text in [
            "size = [0, 4]",
            "size = [4, 4]\ndeviation = [0.0, 1.0, 1.0]",
            "size = [4, 4]\nsizes = 3",
            "",
            "size = [99999, 99999]",
        ] {
            assert!(matches!(Preprocessing::parse(text), Err(Error::Input { .. })), "{text}");
        }
    }
}
