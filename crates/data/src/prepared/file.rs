//! The prepared file: decoded images of one shape, ready to be mapped.
//!
//! Layout (little-endian): a header of 64 bytes (magic, version, number of images, bytes per image,
//! SHA-256 of all that follows the pixels), the pixels (NHWC), the labels (16 bits each), the images'
//! digests (64 bits each), the CRC-32 of each MiB of the pixels, and JSON that says the rest ([`Meta`]).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tunefork_atomic_file::AtomicFile;

use super::{Progress, Stage};
use crate::dataset::Pixels;
use crate::image::Fit;
use crate::map::Map;
use crate::{DataError, Dataset, Image, Warnings, parallel};

const MAGIC: [u8; 8] = *b"TUNEPREP";
/// Grows when the layout or the way in which pixels are made changes.
const VERSION: u64 = 3;
const HEADER_BYTES: usize = 64;
/// Pixels are compared with what was written in blocks of so many bytes. By CRC-32, because a disk is no adversary: 184 MB take
/// 61 ms by the images' SHA-256 on two cores, and 15 ms by this.
const BLOCK_BYTES: usize = 1 << 20;

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

/// What there is under a prepared file's name.
pub(crate) enum Found {
    /// The images of the source as it is now, each as it was written.
    Whole(Box<Dataset>, Warnings),
    /// A file of which some byte is not what was written.
    Damaged,
    /// No file, or one of another source or version.
    Nothing,
}

/// Opens the prepared file at `path` and compares all of its bytes with their digests, on `threads` threads.
pub(crate) fn open(path: &Path, fingerprint: &str, threads: usize, progress: &mut dyn FnMut(Progress)) -> Found {
    let Some(map) = tunefork_atomic_file::open(path).ok().and_then(|file| Map::open(&file, path).ok()) else {
        return Found::Nothing;
    };
    if map.bytes().starts_with(&MAGIC) && number_at(map.bytes(), 8).is_some_and(|version| version != VERSION) {
        return Found::Nothing;
    }
    let Some((Tail { labels, digests, checksums }, meta)) = parse(map.bytes()) else { return Found::Damaged };
    if meta.fingerprint != fingerprint {
        return Found::Nothing;
    }
    let pixels = Pixels::Mapped(map, HEADER_BYTES, labels.len() * meta.shape.elements());
    let Ok(data) = Dataset::checked(path, meta.shape, meta.classes, meta.counts, labels, pixels) else {
        return Found::Damaged;
    };
    match are_as_written(&data, &checksums, threads, progress) {
        true => Found::Whole(Box::new(data.prepared(digests, meta.fit)), meta.warnings),
        false => Found::Damaged,
    }
}

/// Whether all blocks of the pixels have these checksums.
fn are_as_written(data: &Dataset, checksums: &[u32], threads: usize, progress: &mut dyn FnMut(Progress)) -> bool {
    let (pixels, image_bytes) = (data.all_pixels(), data.shape().elements());
    let good = AtomicUsize::new(0);
    let check = |bytes: Range<usize>| {
        let is_good = crc32fast::hash(&pixels[bytes.clone()]) == checksums[bytes.start / BLOCK_BYTES];
        good.fetch_add(usize::from(is_good), Ordering::Relaxed);
    };
    parallel::in_blocks(threads, pixels.len(), BLOCK_BYTES, check, |done| {
        progress(Progress { stage: Stage::Check, done: done / image_bytes, total: data.len() });
    });
    good.into_inner() == checksums.len()
}

/// The whole number of 64 bits that stands at this place of a file.
fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What stands between the pixels and the meta data.
struct Tail {
    labels: Vec<u16>,
    /// The digest of each image.
    digests: Vec<u64>,
    /// The checksum of each block of the pixels.
    checksums: Vec<u32>,
}

/// What a prepared file says of its pixels, if that is as [`Writer`] leaves it.
fn parse(bytes: &[u8]) -> Option<(Tail, Meta)> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    if header[..8] != MAGIC || number_at(header, 8) != Some(VERSION) {
        return None;
    }
    let images = usize::try_from(number_at(header, 16)?).ok()?;
    let image_bytes = usize::try_from(number_at(header, 24)?).ok()?;
    let pixels = images.checked_mul(image_bytes)?;
    let (_, tail) = rest.split_at_checked(pixels)?;
    if Sha256::digest(tail).as_slice() != &header[32..64] {
        return None;
    }
    let (labels, rest) = tail.split_at_checked(images.checked_mul(2)?)?;
    let (digests, rest) = rest.split_at_checked(images.checked_mul(8)?)?;
    let (checksums, meta) = rest.split_at_checked(pixels.div_ceil(BLOCK_BYTES).checked_mul(4)?)?;
    let labels = labels.as_chunks().0.iter();
    let labels = labels.map(|bytes| u16::from_le_bytes(*bytes)).collect();
    let digests = digests.as_chunks().0.iter();
    let digests = digests.map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let checksums = checksums.as_chunks().0.iter();
    let checksums = checksums.map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let meta: Meta = serde_json::from_slice(meta).ok()?;
    (meta.shape.elements() == image_bytes).then_some((Tail { labels, digests, checksums }, meta))
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
        let checksums = self.checksums(labels.len())?;
        tail.extend(checksums.iter().flat_map(|checksum| checksum.to_le_bytes()));
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

    /// The checksum of each block of the first `images` images, as they stand in the file.
    fn checksums(&mut self, images: usize) -> Result<Vec<u32>, DataError> {
        let mut left = images * self.image_bytes;
        let mut block = vec![0; BLOCK_BYTES.min(left)];
        let mut checksums = Vec::with_capacity(left.div_ceil(BLOCK_BYTES));
        self.io(|file| {
            file.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
            while left > 0 {
                block.truncate(left);
                file.read_exact(&mut block)?;
                checksums.push(crc32fast::hash(&block));
                left -= block.len();
            }
            Ok(())
        })?;
        Ok(checksums)
    }

    fn start_of(&self, place: usize) -> u64 {
        (HEADER_BYTES + place * self.image_bytes) as u64
    }

    fn io(&mut self, action: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), DataError> {
        action(self.file.file()).map_err(|error| DataError::io("write", self.file.temporary(), error))
    }
}
