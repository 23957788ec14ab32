//! What a tracker knows before the study begins.

use tunefork_space::Space;
use tunefork_study::{StudyHeader, StudyRecord};

/// A picture of what is trained on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is called.
    pub tag: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// A PNG file.
    pub png: Vec<u8>,
}

impl Picture {
    /// A picture of bytes in rows, grey where there is one for each pixel and red, green, blue where there are three. Nothing where
    /// they are not as many as it has.
    ///
    /// ```
    /// use tunefork_track::Picture;
    ///
    /// assert!(Picture::new("grey", 2, 1, &[0, 255]).is_some_and(|picture| picture.png.starts_with(b"\x89PNG")));
    /// assert_eq!(Picture::new("too few", 2, 2, &[0, 255]), None);
    /// ```
    pub fn new(tag: &str, width: u32, height: u32, pixels: &[u8]) -> Option<Self> {
        let area = u64::from(width) * u64::from(height);
        let colour = match pixels.len() as u64 {
            bytes if bytes == area => png::ColorType::Grayscale,
            bytes if bytes == 3 * area => png::ColorType::Rgb,
            _ => return None,
        };
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().ok()?.write_image_data(pixels).ok()?;
        Some(Self { tag: tag.to_owned(), width, height, png: bytes })
    }
}

/// A study that is about to run, or to go on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name, direction, metric, settings.
    pub header: &'a StudyHeader,
    /// What may vary.
    pub space: &'a Space,
    /// Attributes of the trials that were asked for, by their place; there may be fewer.
    pub attributes: &'a [Vec<(String, serde_json::Value)>],
    /// What is shown of the images.
    pub pictures: &'a [Picture],
    /// What was stored before.
    pub known: Option<&'a StudyRecord>,
}

impl<'a> Subject<'a> {
    /// A new study without trials of its own.
    pub fn new(header: &'a StudyHeader, space: &'a Space) -> Self {
        Self { header, space, attributes: &[], pictures: &[], known: None }
    }

    /// What the value of a trial is called.
    pub(crate) fn metric(&self) -> &'a str {
        self.header.metric.as_deref().unwrap_or("value")
    }
}
