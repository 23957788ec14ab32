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
