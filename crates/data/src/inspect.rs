//! A look at a data set before anything is trained on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::contents::{Contents, Raw};
use crate::dataset::Dataset;
use crate::image::{Changed, Picture};
use crate::listing::Listing;
use crate::moments::Moments;
use crate::prepare::{Progress, Stage, thread_count};
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

/// Images that occur more than once, by decoded size and pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Groups of equal images.
    pub groups: usize,
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
        Self { height, width, moments, digest: digest.finalize().into() }
    }
}

/// An image's name, part, label and facts.
type Known = (String, Part, u16, Facts);

impl Source {
    /// Decodes every image once, in its own size, and says what the set consists of.
    /// `threads` 0 means one per core.
    ///
    /// # Errors
    /// [`DataError`] when the source as a whole cannot be read; bad images are counted.
    pub fn inspect(&self, threads: usize, progress: &mut dyn FnMut(Progress)) -> Result<Inspection, DataError> {
        let contents = Contents::read(self, Listing::of(self)?, Labels::Fine)?;
        let total = contents.items.len();
        let work = |raw: Raw| {
            raw.decode().map(|(picture, changes)| {
                let Picture { height, width, channels, pixels } = picture;
                (Facts::of(height, width, channels, &pixels), changes)
            })
        };
        let mut results: Vec<_> = (0..total).map(|_| None).collect();
        let mut done = 0;
        parallel::for_each(&contents, thread_count(threads), work, |place, result| {
            results[place] = Some(result);
            done += 1;
            progress(Progress { stage: Stage::Decode, done, total });
            Ok(())
        })?;
        let other_files = contents.others();
        let mut warnings = contents.warnings;
        let mut known = Vec::with_capacity(total);
        let mut changed = Changed::default();
        for (item, result) in contents.items.into_iter().zip(results) {
            match result {
                Some(Ok((facts, changes))) => {
                    changed.add(changes);
                    if let Some(remark) = changes.remark() {
                        warnings.note(&item.name, remark);
                    }
                    known.push((item.name, item.part, item.label, facts));
                }
                Some(Err(error)) => warnings.leave_out(item.name, error.to_string()),
                None => warnings.leave_out(item.name, "was not found again"),
            }
        }
        Ok(Inspection { changed, other_files, ..summarise(contents.classes, known, warnings) })
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
    let mut groups: Vec<Vec<usize>> = by_digest.into_values().filter(|group| group.len() > 1).collect();
    groups.sort();
    let differ = |group: &&Vec<usize>, same: &dyn Fn(&Known, &Known) -> bool| {
        group.iter().any(|place| !same(&known[*place], &known[group[0]]))
    };
    let names = |group: &Vec<usize>| group.iter().map(|place| known[*place].0.clone()).collect();
    Duplicates {
        groups: groups.len(),
        images: groups.iter().map(Vec::len).sum(),
        across_parts: groups.iter().filter(|group| differ(group, &|a, b| a.1 == b.1)).count(),
        across_classes: groups.iter().filter(|group| differ(group, &|a, b| a.2 == b.2)).count(),
        listed: groups.iter().take(MAX_LISTED_GROUPS).map(names).collect(),
    }
}
