//! The prepared file: decoded images of one shape, ready to be mapped.
//!
//! Layout (little-endian): a header of 64 bytes (magic, version, number of images, bytes per image,
//! SHA-256 of all that follows the pixels), the pixels (NHWC), the labels (16 bits each), the images'
//! digests (64 bits each), and JSON that says the rest ([`Meta`]).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tunefork_atomic_file::AtomicFile;

use crate::dataset::Pixels;
use crate::image::Fit;
use crate::map::Map;
use crate::{DataError, Dataset, Image, Warnings};

const MAGIC: [u8; 8] = *b"TUNEPREP";
/// Grows when the layout or the way in which pixels are made changes.
const VERSION: u64 = 2;
const HEADER_BYTES: usize = 64;

/// What is said of the pixels besides their number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// The listing's fingerprint when the file was made.
    pub fingerprint: String,
    pub shape: Image,
    /// How images of other shapes were brought to it.
    pub fit: Fit,
    pub classes: Vec<String>,
    /// Numbers of training, validation and test images.
    pub counts: [usize; 3],
    pub warnings: Warnings,
}

/// Opens the prepared file at `path`, if it is whole and was made from the source as it is now.
/// Looks at everything but the pixels.
pub(crate) fn open(path: &Path, fingerprint: &str) -> Option<(Dataset, Warnings)> {
    let file = tunefork_atomic_file::open(path).ok()?;
    if file.metadata().ok()?.len() < HEADER_BYTES as u64 {
        return None;
    }
    let map = Map::open(&file, path).ok()?;
    let (labels, digests, meta) = parse(map.bytes())?;
    if meta.fingerprint != fingerprint {
        return None;
    }
    let pixels = Pixels::Mapped(map, HEADER_BYTES, labels.len() * meta.shape.elements());
    let data = Dataset::checked(path, meta.shape, meta.classes, meta.counts, labels, pixels).ok()?;
    Some((data.prepared(digests, meta.fit), meta.warnings))
}

/// Labels, digests and meta data of a prepared file, if its bytes are as [`Writer`] leaves them.
fn parse(bytes: &[u8]) -> Option<(Vec<u16>, Vec<u64>, Meta)> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let number = |at: usize| Some(u64::from_le_bytes(header[at..at + 8].try_into().ok()?));
    if header[..8] != MAGIC || number(8) != Some(VERSION) {
        return None;
    }
    let images = usize::try_from(number(16)?).ok()?;
    let image_bytes = usize::try_from(number(24)?).ok()?;
    let (_, tail) = rest.split_at_checked(images.checked_mul(image_bytes)?)?;
    if Sha256::digest(tail).as_slice() != &header[32..64] {
        return None;
    }
    let (labels, rest) = tail.split_at_checked(images.checked_mul(2)?)?;
    let (digests, meta) = rest.split_at_checked(images.checked_mul(8)?)?;
    let labels = labels.as_chunks().0.iter();
    let labels = labels.map(|bytes| u16::from_le_bytes(*bytes)).collect();
    let digests = digests.as_chunks().0.iter();
    let digests = digests.map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let meta: Meta = serde_json::from_slice(meta).ok()?;
    (meta.shape.elements() == image_bytes).then_some((labels, digests, meta))
}

/// Writes a prepared file; its name holds a whole file or none.
pub(crate) struct Writer {
    file: AtomicFile,
    target: PathBuf,
    image_bytes: usize,
    /// Where the file's cursor stands, in images; runs of neighbours need no seek.
    cursor: Option<usize>,
}

impl Writer {
    /// Begins the file that will be `target`, of images of `image_bytes` bytes. Other processes may do the same.
    pub(crate) fn create(target: &Path, image_bytes: usize) -> Result<Self, DataError> {
        let file = AtomicFile::create_shared(target).map_err(|error| DataError::io("create", target, error))?;
        Ok(Self { file, target: target.to_path_buf(), image_bytes, cursor: None })
    }

    /// Writes the image that has this place.
    pub(crate) fn put(&mut self, place: usize, pixels: &[u8]) -> Result<(), DataError> {
        assert_eq!(pixels.len(), self.image_bytes, "bytes of an image");
        let seek = self.cursor != Some(place);
        let start = self.start_of(place);
        self.io(|file| {
            if seek {
                file.seek(SeekFrom::Start(start))?;
            }
            file.write_all(pixels)
        })?;
        self.cursor = Some(place + 1);
        Ok(())
    }

    /// Closes the gaps that bad images left: image `good[i]` (ascending) gets place `i`.
    pub(crate) fn compact(&mut self, good: &[usize]) -> Result<(), DataError> {
        let mut image = vec![0; self.image_bytes];
        for (place, from) in good.iter().enumerate() {
            if place != *from {
                let start = self.start_of(*from);
                self.io(|file| {
                    file.seek(SeekFrom::Start(start))?;
                    file.read_exact(&mut image)
                })?;
                self.cursor = None;
                self.put(place, &image)?;
            }
        }
        Ok(())
    }

    /// Adds labels, digests and meta data, makes the file durable and gives it its name.
    pub(crate) fn finish(mut self, labels: &[u16], digests: &[u64], meta: &Meta) -> Result<(), DataError> {
        let mut tail: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        tail.extend(digests.iter().flat_map(|digest| digest.to_le_bytes()));
        serde_json::to_writer(&mut tail, meta)
            .map_err(|error| DataError::io("write", self.file.temporary(), error.into()))?;
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        for number in [VERSION, labels.len() as u64, self.image_bytes as u64] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.extend_from_slice(&Sha256::digest(&tail));
        let end = self.start_of(labels.len());
        self.io(|file| {
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            file.write_all(&tail)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)
        })?;
        self.file.commit().map_err(|error| DataError::io("write", &self.target, error))
    }

    fn start_of(&self, place: usize) -> u64 {
        (HEADER_BYTES + place * self.image_bytes) as u64
    }

    fn io(&mut self, action: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), DataError> {
        action(self.file.file()).map_err(|error| DataError::io("write", self.file.temporary(), error))
    }
}
