//! A look at a data set before anything is trained on it.

mod near;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::near::Thumbnail;
use crate::contents::{Contents, Raw};
use crate::dataset::Dataset;
use crate::image::{Changed, Picture};
use crate::listing::Listing;
use crate::moments::Moments;
use crate::prepared::{Progress, Stage, no_images, refuse_empty_classes, thread_count};
use crate::{DataError, Labels, Part, Source, Warnings, parallel};

/// At most this many groups of duplicates are listed by name.
const MAX_LISTED_GROUPS: usize = 50;

/// What a set consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// The parts that have images.
    pub parts: Vec<PartSummary>,
    /// Heights of the images in pixels, as they are stored.
    pub height: Spread,
    /// Widths of the images in pixels, as they are stored.
    pub width: Spread,
    /// How many images are grey.
    pub grey: usize,
    /// How many images have colour.
    pub colour: usize,
    /// Mean per channel of the training part's pixels, scaled to 0 to 1. Grey images count as
    /// colour with three equal channels if any image has colour.
    pub mean: Vec<f64>,
    /// Standard deviation per channel of the same pixels.
    pub std: Vec<f64>,
    /// How many images were changed before they were what viewers show.
    pub changed: Changed,
    /// Files that cannot be used, or should be looked at, and why.
    pub warnings: Warnings,
    /// Files that are no images; those of sets in a format of their own do not count.
    pub other_files: usize,
    /// Images whose decoded pixels are equal.
    pub duplicates: Duplicates,
    /// Images that look alike and are not all equal, if they were asked for.
    pub near: Option<Duplicates>,
}

/// What is to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InspectOptions {
    /// Threads to decode and compare on; 0 means one per core. The result does not depend on it.
    pub threads: usize,
    /// Images are near each other if, brought to 16×16 pixels, their grey values differ by at most so many of 255 levels (the
    /// root of the mean square) and the mean of each colour by no more. Without it they are not looked for. What is near something
    /// near belongs to the same group, so large values join what does not look alike.
    pub near: Option<u8>,
}

/// One part of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSummary {
    /// The part of the source that is told of.
    pub part: Part,
    /// How many usable images it has.
    pub images: usize,
    /// Usable images of each class, by label.
    pub per_class: Vec<usize>,
}

/// Smallest, middle and largest of some numbers; the lower middle of an even number of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The smallest of the numbers.
    pub min: usize,
    /// The middle one in order of size.
    pub median: usize,
    /// The largest of the numbers.
    pub max: usize,
}

impl Spread {
    fn of(numbers: &mut [usize]) -> Self {
        numbers.sort_unstable();
        match numbers {
            [] => Self::default(),
            [min, .., max] => Self { min: *min, max: *max, median: numbers[(numbers.len() - 1) / 2] },
            [only] => Self { min: *only, median: *only, max: *only },
        }
    }
}

/// Groups of images that are alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// How many groups there are.
    pub groups: usize,
    /// Groups that lie in one part, for each of [`Part::ALL`].
    pub within: [usize; 3],
    /// Images in these groups.
    pub images: usize,
    /// Groups with images of more than one part: they make validation or test too easy.
    pub across_parts: usize,
    /// Groups with images of more than one class: at least one label is wrong.
    pub across_classes: usize,
    /// The first 50 groups, each by its images' names.
    pub listed: Vec<Vec<String>>,
}

/// What is kept of an image.
struct Facts {
    height: usize,
    width: usize,
    moments: Vec<Moments>,
    digest: [u8; 32],
    thumbnail: Option<Thumbnail>,
}

impl Facts {
    fn of(height: usize, width: usize, channels: usize, pixels: &[u8]) -> Self {
        let mut moments = vec![Moments::default(); channels];
        Moments::add(&mut moments, pixels);
        let mut digest = Sha256::new();
        for number in [height, width, channels] {
            digest.update((number as u64).to_le_bytes());
        }
        digest.update(pixels);
        Self { height, width, moments, digest: digest.finalize().into(), thumbnail: None }
    }
}

/// An image's name, part, label and facts.
type Known = (String, Part, u16, Facts);

impl Source {
    /// Decodes every image once, in its own size, and says what the set consists of.
    ///
    /// # Errors
    /// [`DataError`] when the source as a whole cannot be read; bad images are counted.
    pub fn inspect(
        &self,
        options: &InspectOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Inspection, DataError> {
        let threads = thread_count(options.threads);
        let contents = Contents::read(self, Listing::of(self)?, Labels::Fine)?;
        let total = contents.items.len();
        let work = |raw: Raw| {
            raw.decode().map(|(picture, changes)| {
                let Picture { height, width, channels, ref pixels } = picture;
                let facts = Facts::of(height, width, channels, pixels);
                (Facts { thumbnail: options.near.map(|_| Thumbnail::of(picture)), ..facts }, changes)
            })
        };
        let mut results: Vec<_> = (0..total).map(|_| None).collect();
        let mut done = 0;
        parallel::for_each(&contents, threads, work, |place, result| {
            results[place] = Some(result);
            done += 1;
            progress(Progress { stage: Stage::Decode, done, total });
            Ok(())
        })?;
        let mut warnings = contents.warnings.clone();
        let mut known = Vec::with_capacity(total);
        let mut changed = Changed::default();
        for (item, result) in contents.items.iter().zip(results) {
            match result {
                Some(Ok((facts, changes))) => {
                    changed.add(changes);
                    if let Some(remark) = changes.remark() {
                        warnings.note(&item.name, remark);
                    }
                    known.push((item.name.clone(), item.part, item.label, facts));
                }
                Some(Err(error)) => warnings.leave_out(&item.name, error.to_string()),
                None => warnings.leave_out(&item.name, "was not found again"),
            }
        }
        refuse_untrained(&contents, &known, &warnings)?;
        let other_files = contents.others();
        let near = options.near.map(|levels| near(&known, levels, threads, progress));
        Ok(Inspection { changed, other_files, near, ..summarise(contents.classes, known, warnings) })
    }
}

/// The error that training would give where no training image can be decoded: there is nothing to tell of the set then.
fn refuse_untrained(contents: &Contents, known: &[Known], warnings: &Warnings) -> Result<(), DataError> {
    match known.iter().any(|(_, part, ..)| *part == Part::Train) {
        true => Ok(()),
        false if known.is_empty() => Err(no_images(contents, warnings)),
        false => refuse_empty_classes(contents, &[], warnings),
    }
}

impl Inspection {
    /// The same for a set that is ready, for example a drawn one; images are named by part and
    /// number.
    #[must_use]
    pub fn of(data: &Dataset) -> Self {
        let shape = data.shape();
        let mut known = Vec::with_capacity(data.len());
        for part in Part::ALL {
            for (number, index) in data.part(part).enumerate() {
                let facts = Facts::of(shape.height, shape.width, shape.channels, data.pixels(index));
                known.push((format!("{} {number}", part.name()), part, data.label(index), facts));
            }
        }
        summarise(data.classes().to_vec(), known, Warnings::default())
    }
}

fn summarise(classes: Vec<String>, known: Vec<Known>, warnings: Warnings) -> Inspection {
    let mut parts = Vec::new();
    for part in Part::ALL {
        let mut per_class = vec![0; classes.len()];
        for (_, _, label, _) in known.iter().filter(|image| image.1 == part) {
            per_class[usize::from(*label)] += 1;
        }
        let images = per_class.iter().sum();
        if images > 0 {
            parts.push(PartSummary { part, images, per_class });
        }
    }
    let grey = known.iter().filter(|(.., facts)| facts.moments.len() == 1).count();
    let colour = known.len() - grey;
    let moments = train_moments(&known, if colour > 0 { 3 } else { 1 });
    Inspection {
        classes,
        parts,
        height: Spread::of(&mut known.iter().map(|(.., facts)| facts.height).collect::<Vec<_>>()),
        width: Spread::of(&mut known.iter().map(|(.., facts)| facts.width).collect::<Vec<_>>()),
        grey,
        colour,
        mean: moments.iter().map(|channel| channel.mean()).collect(),
        std: moments.iter().map(|channel| channel.deviation()).collect(),
        changed: Changed::default(),
        warnings,
        other_files: 0,
        duplicates: duplicates(&known),
        near: None,
    }
}

/// Sums over the training part, in `channels` channels.
fn train_moments(known: &[Known], channels: usize) -> Vec<Moments> {
    let mut sums = vec![Moments::default(); channels];
    for (_, _, _, facts) in known.iter().filter(|image| image.1 == Part::Train) {
        for (channel, sum) in sums.iter_mut().enumerate() {
            sum.merge(facts.moments[channel % facts.moments.len()]);
        }
    }
    sums
}

fn duplicates(known: &[Known]) -> Duplicates {
    let mut by_digest: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    for (place, (.., facts)) in known.iter().enumerate() {
        by_digest.entry(facts.digest).or_default().push(place);
    }
    grouped(known, by_digest.into_values())
}

/// The images that look alike, but for groups in which all are equal.
fn near(known: &[Known], levels: u8, threads: usize, progress: &mut dyn FnMut(Progress)) -> Duplicates {
    let total = known.len();
    let thumbnails: Vec<&Thumbnail> = known.iter().filter_map(|(.., facts)| facts.thumbnail.as_ref()).collect();
    let pairs =
        near::pairs(&thumbnails, levels, threads, |done| progress(Progress { stage: Stage::Compare, done, total }));
    let mut by_first: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, first) in near::joined(total, &pairs).into_iter().enumerate() {
        by_first.entry(first).or_default().push(place);
    }
    let digest = |place: &usize| known[*place].3.digest;
    let differ = |group: &Vec<usize>| group.iter().any(|place| digest(place) != digest(&group[0]));
    grouped(known, by_first.into_values().filter(differ))
}

/// What there is to say of groups of images; those of one image are none.
fn grouped(known: &[Known], groups: impl Iterator<Item = Vec<usize>>) -> Duplicates {
    let mut groups: Vec<Vec<usize>> = groups.filter(|group| group.len() > 1).collect();
    groups.sort();
    let differ = |group: &&Vec<usize>, same: &dyn Fn(&Known, &Known) -> bool| {
        group.iter().any(|place| !same(&known[*place], &known[group[0]]))
    };
    let names = |group: &Vec<usize>| group.iter().map(|place| known[*place].0.clone()).collect();
    let lies_in = |group: &&Vec<usize>, part: Part| group.iter().all(|place| known[*place].1 == part);
    let within = Part::ALL.map(|part| groups.iter().filter(|group| lies_in(group, part)).count());
    Duplicates {
        groups: groups.len(),
        within,
        images: groups.iter().map(Vec::len).sum(),
        across_parts: groups.len() - within.iter().sum::<usize>(),
        across_classes: groups.iter().filter(|group| differ(group, &|a, b| a.2 == b.2)).count(),
        listed: groups.iter().take(MAX_LISTED_GROUPS).map(names).collect(),
    }
}
