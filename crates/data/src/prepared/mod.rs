//! Decoding a source once, so that every later run only maps a file.

mod cache;
mod file;

use std::collections::HashSet;
use std::path::PathBuf;

use tunefork_names::named_enum;

use self::file::{Found, Meta, Writer};
use crate::contents::{Contents, Raw};
use crate::dataset::check_shape;
use crate::image::{Fit, ImageError};
use crate::listing::Listing;
use crate::parallel;
use crate::{DataError, Dataset, Image, Part, Source, Warnings, digest};

/// How images are brought to one shape, and where the result is kept.
///
/// By default images keep their size (all must have the same) and colour (3 channels if any image
/// has colour).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrepareOptions {
    /// Height and width in pixels; without them all images must have the same.
    pub size: Option<(usize, usize)>,
    /// How images of another height or width are brought to these.
    pub fit: Fit,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: Option<usize>,
    /// Which labels are taken from a set that has several.
    pub labels: Labels,
    /// The folder of the prepared file. By default `.tunefork` beside the source if that folder
    /// can be written, else `tunefork` in the user's cache folder (XDG_CACHE_HOME or
    /// `~/.cache`), else a folder among the system's temporary files that only this user can write.
    pub cache: Option<PathBuf>,
    /// Decoding threads; 0 means one per core. The result does not depend on it.
    pub threads: usize,
}

named_enum! {
    /// Which labels of an image count: CIFAR-100 has two of each.
    #[derive(Default)]
    pub enum Labels: "kind of labels" {
        /// The finest there are: all labels of other sets, the 100 classes of CIFAR-100.
        #[default]
        Fine = "fine",
        /// The 20 superclasses of CIFAR-100.
        Coarse = "coarse",
    }
}

impl Labels {
    /// The error of asking another set for coarse labels.
    #[must_use]
    pub fn no_coarse() -> DataError {
        DataError::Setting {
            key: "labels",
            value: "\"coarse\"".to_owned(),
            expected: "only CIFAR-100 in its binary form has coarse labels".to_owned(),
        }
    }
}

/// How far a preparation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Images done in this stage, good or bad.
    pub done: usize,
    /// Images of all parts of the source.
    pub total: usize,
}

/// What is done with the images of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sizes are read from image headers.
    Measure,
    /// Images are decoded and, for a prepared file, scaled and written.
    Decode,
    /// Prepared images are compared with their digests.
    Check,
    /// Images are compared with each other.
    Compare,
}

/// A set that is ready, and what there is to say about it.
#[derive(Debug)]
pub struct Opened {
    /// The images, mapped from the prepared file.
    pub data: Dataset,
    /// Files that were left out, also when the prepared file was made by an earlier run.
    pub warnings: Warnings,
    /// Where the prepared file lies.
    pub prepared: PathBuf,
    /// Whether the prepared file was there already.
    pub reused: bool,
}

impl Source {
    /// Opens the set: maps the prepared file if there is one and neither source nor options have
    /// changed, else decodes all images, on all threads, and writes it.
    ///
    /// A change of the source is noticed by names, sizes and times of its files, for image folders in about two
    /// microseconds per file. Of the prepared file every byte is compared with a digest, on all threads; a damaged one is
    /// made again, and named in [`Opened::warnings`]. `progress` is called on the calling thread, at most once per image.
    ///
    /// # Errors
    /// [`DataError`] when the source as a whole cannot be used. Single bad images are left out
    /// and named in [`Opened::warnings`].
    pub fn open(&self, options: &PrepareOptions, progress: &mut dyn FnMut(Progress)) -> Result<Opened, DataError> {
        if let Some((height, width)) = options.size {
            check_shape(Image::new(height, width, options.channels.unwrap_or(1)))?;
        }
        let listing = Listing::of(self)?;
        let fingerprint = listing.fingerprint();
        let threads = thread_count(options.threads);
        let name = cache::file_name(self, options);
        let folders = cache::folders(self, options);
        let mut damaged = Vec::new();
        for prepared in folders.iter().filter_map(|folder| folder.file(&name)) {
            match file::open(&prepared, &fingerprint, threads, progress) {
                Found::Whole(data, warnings) => return Ok(Opened { data: *data, warnings, prepared, reused: true }),
                Found::Damaged => damaged.push(prepared),
                Found::Nothing => {}
            }
        }
        let contents = Contents::read(self, listing, options.labels)?;
        let shape = resolve_shape(&contents, options, threads, progress)?;
        let (writer, prepared) = cache::create_in_first(&folders, &name, shape.elements())?;
        write(&contents, shape, options.fit, threads, &fingerprint, writer, progress)?;
        let Found::Whole(data, mut warnings) = file::open(&prepared, &fingerprint, threads, progress) else {
            let reason = std::io::Error::other("it is not what was just written");
            return Err(DataError::io("read", &prepared, reason));
        };
        for path in damaged {
            warnings.note(path.display().to_string(), "was damaged; the images were prepared again");
        }
        Ok(Opened { data: *data, warnings, prepared, reused: false })
    }
}

/// The number of threads meant by `wanted`.
pub(crate) fn thread_count(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        wanted => wanted,
    }
}

/// The shape asked for, completed by what the images have.
fn resolve_shape(
    contents: &Contents,
    options: &PrepareOptions,
    threads: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Image, DataError> {
    if let (Some((height, width)), Some(channels)) = (options.size, options.channels) {
        return Ok(Image::new(height, width, channels));
    }
    let total = contents.items.len();
    let mut measures = vec![None; total];
    let mut bad = Vec::new();
    let mut done = 0;
    parallel::for_each(contents, threads, Raw::measure, |place, result| {
        match result {
            Ok(found) => measures[place] = Some(found),
            Err(error) => bad.push((place, error)),
        }
        done += 1;
        progress(Progress { stage: Stage::Measure, done, total });
        Ok(())
    })?;
    let named = |place: usize, height, width| (contents.items[place].name.clone(), height, width);
    let mut good = measures.iter().enumerate().filter_map(|(place, m)| m.map(|m| (place, m)));
    let (first, like) = good.clone().next().ok_or_else(|| no_images(contents, &with_bad(contents, bad)))?;
    let channels = good.clone().map(|(_, m)| m.channels).max().unwrap_or(like.channels);
    let (height, width) = match options.size {
        Some(size) => size,
        None => match good.find(|(_, m)| (m.height, m.width) != (like.height, like.width)) {
            Some((other, m)) => {
                return Err(DataError::SizesDiffer {
                    path: contents.path.clone(),
                    first: named(first, like.height, like.width),
                    second: named(other, m.height, m.width),
                });
            }
            None => (like.height, like.width),
        },
    };
    let shape = Image::new(height, width, options.channels.unwrap_or(channels));
    check_shape(shape)?;
    Ok(shape)
}

/// Decodes all images into `writer`, each brought to `shape`.
fn write(
    contents: &Contents,
    shape: Image,
    fit: Fit,
    threads: usize,
    fingerprint: &str,
    mut writer: Writer,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    let total = contents.items.len();
    let work = |raw: Raw| {
        let (picture, changes) = raw.decode()?;
        let pixels = picture.fit(shape, fit);
        let digest = digest::of_image(&pixels);
        Ok((pixels, digest, changes.remark()))
    };
    let mut digests = vec![0; total];
    let mut bad: Vec<(usize, ImageError)> = Vec::new();
    let mut remarks: Vec<(usize, String)> = Vec::new();
    let mut done = 0;
    parallel::for_each(contents, threads, work, |place, result| {
        match result {
            Ok((pixels, digest, remark)) => {
                writer.put(place, &pixels)?;
                digests[place] = digest;
                remarks.extend(remark.map(|remark| (place, remark)));
            }
            Err(error) => bad.push((place, error)),
        }
        done += 1;
        progress(Progress { stage: Stage::Decode, done, total });
        Ok(())
    })?;
    if done < total {
        let changed = std::io::Error::other("it changed while it was read; try again");
        return Err(DataError::io("read", &contents.path, changed));
    }
    let is_bad: HashSet<usize> = bad.iter().map(|(place, _)| *place).collect();
    let mut warnings = with_bad(contents, bad);
    remarks.sort();
    remarks.into_iter().for_each(|(place, remark)| warnings.note(&contents.items[place].name, remark));
    let good: Vec<usize> = (0..total).filter(|place| !is_bad.contains(place)).collect();
    if good.is_empty() {
        return Err(no_images(contents, &warnings));
    }
    writer.compact(&good)?;
    let labels: Vec<u16> = good.iter().map(|place| contents.items[*place].label).collect();
    let digests: Vec<u64> = good.iter().map(|place| digests[*place]).collect();
    let mut counts = [0; 3];
    for place in &good {
        counts[contents.items[*place].part as usize] += 1;
    }
    refuse_empty_classes(contents, &labels[..counts[0]], &warnings)?;
    let classes = contents.classes.clone();
    let meta = Meta { fingerprint: fingerprint.to_owned(), shape, fit, classes, counts, warnings };
    writer.finish(&labels, &digests, &meta)
}

/// The warnings of a set, with its images that could not be read.
fn with_bad(contents: &Contents, mut bad: Vec<(usize, ImageError)>) -> Warnings {
    bad.sort_by_key(|(place, _)| *place);
    let mut warnings = contents.warnings.clone();
    for (place, error) in bad {
        warnings.leave_out(&contents.items[place].name, error.to_string());
    }
    warnings
}

pub(crate) fn no_images(contents: &Contents, warnings: &Warnings) -> DataError {
    let hint = format!("none of {} could be decoded", contents.items.len());
    DataError::NoImages { path: contents.path.clone(), hint, reasons: warnings.because(|_| true) }
}

/// An error if some classes are not among the training labels.
pub(crate) fn refuse_empty_classes(
    contents: &Contents,
    train_labels: &[u16],
    warnings: &Warnings,
) -> Result<(), DataError> {
    let mut seen = vec![false; contents.classes.len()];
    for label in train_labels {
        seen[usize::from(*label)] = true;
    }
    let names = contents.classes.iter().zip(&seen).filter(|(_, seen)| !**seen);
    let classes: Vec<String> = names.map(|(name, _)| name.clone()).collect();
    if classes.is_empty() {
        return Ok(());
    }
    let lost = contents.items.iter().filter(|item| item.part == Part::Train && !seen[usize::from(item.label)]);
    let lost: HashSet<&str> = lost.map(|item| item.name.as_str()).collect();
    let reasons = warnings.because(|file| lost.contains(file));
    Err(DataError::EmptyClasses { path: contents.path.clone(), classes, reasons })
}
