//! The images of a source, in the order in which a set numbers them, and how to read them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::files::Files;
use crate::formats;
use crate::image::{self, Changes, ImageError, MAX_FILE_BYTES, Measures, Picture};
use crate::listing::Listing;
use crate::locate::Source;
use crate::{DataError, Labels, Part, Warnings};

/// One image and where it belongs.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Path from the root of the folder or archive, or what else tells which image it is.
    pub name: String,
    pub part: Part,
    pub label: u16,
    /// What finds its pixels: the handle of its file, or its number among the records.
    pub handle: usize,
}

/// Everything a source holds, pixels not yet decoded.
pub(crate) struct Contents {
    pub path: PathBuf,
    pub classes: Vec<String>,
    /// The images, sorted by part.
    pub items: Vec<Item>,
    /// What was left out or noticed so far.
    pub warnings: Warnings,
    pub pixels: Stored,
}

pub(crate) enum Stored {
    /// Every image is a file.
    Files(Files),
    /// Images stand in memory as they were stored.
    Records(Box<dyn Records>),
}

/// Images of a format of its own, which need no decoding.
pub(crate) trait Records: Send + Sync {
    fn picture(&self, number: usize) -> Picture;
}

/// One image on its way to be decoded.
pub(crate) enum Raw {
    /// A file that is still to be read.
    File(PathBuf),
    /// An image file's bytes.
    Encoded(Vec<u8>),
    /// Pixels that need no decoding.
    Decoded(Picture),
    /// An image that is known to be bad.
    Bad(ImageError),
}

impl Raw {
    /// Reads, if need be, and decodes; what was done to the stored pixels is told.
    pub(crate) fn decode(self) -> Result<(Picture, Changes), ImageError> {
        match self {
            Self::File(path) => image::decode_telling(&read_image_file(&path)?),
            Self::Encoded(bytes) => image::decode_telling(&bytes),
            Self::Decoded(picture) => Ok((picture, Changes::default())),
            Self::Bad(error) => Err(error),
        }
    }

    /// Reads, if need be, and looks at the header only.
    pub(crate) fn measure(self) -> Result<Measures, ImageError> {
        match self {
            Self::File(path) => image::measure(&read_image_file(&path)?),
            Self::Encoded(bytes) => image::measure(&bytes),
            Self::Decoded(Picture { height, width, channels, .. }) => Ok(Measures { height, width, channels }),
            Self::Bad(error) => Err(error),
        }
    }
}

/// The bytes of an image file, if it is not too large.
pub(crate) fn read_image_file(path: &Path) -> Result<Vec<u8>, ImageError> {
    // Some files of /proc have no length and keep their readers waiting.
    if fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0) {
        return Err(ImageError::Empty);
    }
    tunefork_atomic_file::read(path, MAX_FILE_BYTES).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            ImageError::FileSize(fs::metadata(path).map_or(MAX_FILE_BYTES + 1, |found| found.len()))
        }
        _ => ImageError::Unreadable(error.to_string()),
    })
}

impl Contents {
    /// Finds out what lies in `source`, whose folder holds what `listing` says.
    pub(crate) fn read(source: &Source, listing: Listing, labels: Labels) -> Result<Self, DataError> {
        formats::read(Files::of(source, listing)?, labels)
    }

    /// How many files beside the images are none.
    pub(crate) fn others(&self) -> usize {
        match &self.pixels {
            Stored::Files(files) => files.others(),
            Stored::Records(_) => 0,
        }
    }

    /// Calls `send` with every image's place in `items` and its data, in the order that suits the
    /// source, until it returns false.
    pub(crate) fn feed(&self, send: &mut dyn FnMut(usize, Raw) -> bool) -> Result<(), DataError> {
        let handles = self.items.iter().map(|item| item.handle);
        match &self.pixels {
            Stored::Files(files) => files.images(&handles.collect::<Vec<_>>(), send),
            Stored::Records(records) => {
                let mut pictures = handles.map(|number| Raw::Decoded(records.picture(number)));
                let _ = pictures.by_ref().enumerate().all(|(place, raw)| send(place, raw));
                Ok(())
            }
        }
    }
}
