//! Which images are trained on, which choose among trials, and which judge the winner.

mod balance;
mod deal;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tunefork_names::named_enum;
use tunefork_rng::Key;

use self::deal::Dealer;
use crate::{DataError, Dataset, Part};

/// How many images a part of a split takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Share {
    /// What suits the source, see [`SplitOptions`].
    #[default]
    Auto,
    /// So many images; asking for more than there are is an error.
    Count(usize),
    /// This fraction of the images of the part it is taken from, above 0 and below 1, rounded to
    /// the nearest whole number.
    Fraction(f64),
}

named_enum! {
    /// In which order images are dealt out.
    #[derive(Default)]
    pub enum Order: "order" {
        /// Drawn at random by the study's seed, each class by its share of the whole.
        #[default]
        Stratified = "stratified",
        /// As stored: training first, then validation, then test, from the first image on.
        Stored = "stored",
    }
}

/// How to divide a set.
///
/// Images with equal pixels stay together: none of them stands on both sides of a division, as far
/// as the source's own parts allow. So a part may have a few images less than asked for.
///
/// Validation and test images come from the source's own parts where it has them, otherwise from
/// its training part. By default a source without validation part gives a tenth of its training
/// part for it, own parts are used whole, a source without test part has no test images, and
/// training takes all that is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitOptions {
    /// How many images to train on.
    pub train: Share,
    /// How many images to validate on.
    pub validation: Share,
    /// How many images to keep for testing.
    pub test: Share,
    /// How they are dealt out.
    pub order: Order,
}

/// Three lists of image indices, each ascending, no index in two of them.
///
/// # Examples
/// ```
/// use tunefork_data::{Generated, Share, Split, SplitOptions};
/// use tunefork_rng::Key;
///
/// let data = Generated { train: 100, test: 20, ..Generated::default() }.draw()?;
/// let options = SplitOptions { validation: Share::Count(30), ..SplitOptions::default() };
/// let split = Split::new(&data, &options, Key::study(7))?;
/// assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (70, 30, 20));
/// # Ok::<(), tunefork_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Images to train on.
    pub train: Vec<u32>,
    /// Images that give a trial its value.
    pub validation: Vec<u32>,
    /// Images that only the best trial sees, at the very end. May be empty.
    pub test: Vec<u32>,
}

/// The fraction of the training part that is validated on when nobody says otherwise.
const DEFAULT_VALIDATION: f64 = 0.1;

impl Split {
    /// Divides `data`; the same data, options and key give the same split.
    ///
    /// # Errors
    /// [`DataError::TooFew`] with both numbers when more images are asked for than there are; [`DataError::NoneLeft`]
    /// when the other parts take all; [`DataError::Equal`] when one would be empty because equal images are not
    /// divided; [`DataError::Setting`] for a fraction outside 0 to 1, and where no image is asked for.
    pub fn new(data: &Dataset, options: &SplitOptions, key: Key) -> Result<Self, DataError> {
        let own = |part: Part| -> Vec<u32> { data.part(part).collect() };
        let pool = own(Part::Train);
        let (own_validation, own_test) = (own(Part::Validation), own(Part::Test));

        let from_own_test = !own_test.is_empty();
        let test_source = if from_own_test { &own_test } else { &pool };
        let test_default = if from_own_test { own_test.len() } else { 0 };
        let tests = count("test", "data.test", options.test, test_source.len(), test_default)?;

        let from_own_validation = !own_validation.is_empty();
        let validation_source = if from_own_validation { &own_validation } else { &pool };
        let validation_default =
            if from_own_validation { own_validation.len() } else { rounded(pool.len(), DEFAULT_VALIDATION).max(1) };
        let (share, available) = (options.validation, validation_source.len());
        let validations = count("validation", "data.validation", share, available, validation_default)?;

        // What the training part has to give beside the training images themselves.
        let given_test = if from_own_test { 0 } else { tests };
        let given_validation = if from_own_validation { 0 } else { validations };
        let left = pool.len().saturating_sub(given_test + given_validation);
        let trains = count("training", "data.train", options.train, pool.len(), left)?;
        let wanted = trains + given_validation + given_test;
        if wanted > pool.len() {
            let part = "training, validation and test";
            return Err(DataError::TooFew { part, wanted, available: pool.len() });
        }
        let asked = [
            ("data.train", options.train, trains, pool.len()),
            ("data.validation", options.validation, validations, validation_source.len()),
        ];
        if let Some((key, share, _, available)) = asked.into_iter().find(|(_, _, taken, _)| *taken == 0) {
            return Err(none_asked(key, share, available).unwrap_or(DataError::NoneLeft {
                available: pool.len(),
                validation: given_validation,
                test: given_test,
            }));
        }

        let mut dealer = Dealer::new(data, options.order, key);
        let sizes = [trains, given_validation, given_test];
        let (taken, rest) = dealer.deal(&pool, &sizes);
        let [mut train, mut validation, mut test] = taken.try_into().expect("as many lists as sizes");
        if options.train == Share::Auto {
            // All that is left, also what equal images kept from the other parts.
            dealer.add_unless_equal(&mut train, rest, &[&validation, &test]);
        }
        if from_own_validation {
            validation = dealer.deal(&own_validation, &[validations]).0.remove(0);
        }
        if from_own_test {
            test = dealer.deal(&own_test, &[tests]).0.remove(0);
        }
        for (part, wanted, list) in [("training", trains, &train), ("validation", validations, &validation)] {
            if list.is_empty() {
                return Err(DataError::Equal { part, wanted });
            }
        }
        Ok(Self { train, validation, test })
    }

    /// Divides `data` into `folds` times training and validation: the images that [`Self::new`]
    /// would train and validate on are dealt into so many lists, alike in size and in images of each
    /// class, and each list is once validated on and otherwise trained on. The test part is the same
    /// in all. Where `options` say how many images to train on, but not how many to validate on, and the
    /// source has no validation part, the lists together hold so many.
    ///
    /// In stored order the lists are neighbours: the first fold validates on the first images.
    ///
    /// # Errors
    /// As [`Self::new`]; [`DataError::Setting`] for fewer than 2 folds; [`DataError::Folds`] when a
    /// class has fewer images, or fewer different ones, than there are folds.
    ///
    /// # Examples
    /// ```
    /// use tunefork_data::{Generated, Split, SplitOptions};
    /// use tunefork_rng::Key;
    ///
    /// let data = Generated { train: 100, test: 20, ..Generated::default() }.draw()?;
    /// let folds = Split::folds(&data, &SplitOptions::default(), 5, Key::study(7))?;
    /// assert!(folds.iter().all(|fold| fold.train.len() == 80 && fold.validation.len() == 20));
    /// # Ok::<(), tunefork_data::DataError>(())
    /// ```
    pub fn folds(data: &Dataset, options: &SplitOptions, folds: usize, key: Key) -> Result<Vec<Self>, DataError> {
        if folds < 2 {
            return Err(DataError::Setting {
                key: "data.folds",
                value: folds.to_string(),
                expected: "at least 2 folds are needed".to_owned(),
            });
        }
        let whole = Self::new(data, &pooled(data, options)?, key)?;
        let mut pool = [whole.train, whole.validation].concat();
        pool.sort_unstable();
        // A dealer of its own key, so that folds are not dealt as the parts were.
        let mut dealer = Dealer::new(data, options.order, key.fold(u32::MAX));
        refuse_small_classes(data, &dealer.groups(&pool), folds)?;
        let lists = dealer.deal_folds(&pool, folds);
        let fold = |validation: &Vec<u32>| {
            let others = |image: &&u32| validation.binary_search(image).is_err();
            Self {
                train: pool.iter().filter(others).copied().collect(),
                validation: validation.clone(),
                test: whole.test.clone(),
            }
        };
        Ok(lists.iter().map(fold).collect())
    }

    /// How many validation and how many test images have an equal among the training images. There
    /// are none unless the source itself divides its images so.
    #[must_use]
    pub fn seen_in_training(&self, data: &Dataset) -> [usize; 2] {
        let firsts = crate::digest::first_equals(data);
        let first = |image: &u32| firsts[*image as usize];
        let trained: HashSet<u32> = self.train.iter().map(first).collect();
        let seen = |list: &[u32]| list.iter().filter(|i| trained.contains(&first(i))).count();
        [seen(&self.validation), seen(&self.test)]
    }
}

/// The options by which the training and validation images together are as many as `options` train on.
fn pooled(data: &Dataset, options: &SplitOptions) -> Result<SplitOptions, DataError> {
    let unsaid = options.validation == Share::Auto && data.part(Part::Validation).is_empty();
    if !unsaid || options.train == Share::Auto {
        return Ok(*options);
    }
    let available = data.part(Part::Train).len();
    let trains = count("training", "data.train", options.train, available, 0)?;
    let validations = rounded(trains, DEFAULT_VALIDATION).max(1);
    if trains < 2 {
        let expected = "folds divide at least 2 images".to_owned();
        return Err(DataError::Setting { key: "data.train", value: trains.to_string(), expected });
    }
    Ok(SplitOptions { train: Share::Count(trains - validations), validation: Share::Count(validations), ..*options })
}

/// An error if a class cannot be in every fold.
fn refuse_small_classes(data: &Dataset, groups: &[deal::Group], folds: usize) -> Result<(), DataError> {
    let classes = data.classes().len();
    let (mut images, mut different) = (vec![0; classes], vec![0; classes]);
    for group in groups {
        let mut labels: Vec<u16> = group.iter().map(|image| data.label(*image)).collect();
        for label in &labels {
            images[usize::from(*label)] += 1;
        }
        labels.sort_unstable();
        labels.dedup();
        for label in labels {
            different[usize::from(label)] += 1;
        }
    }
    let smallest = (0..classes).min_by_key(|class| different[*class]);
    match smallest.filter(|class| different[*class] < folds) {
        None => Ok(()),
        Some(class) => Err(DataError::Folds {
            folds,
            class: data.classes()[class].clone(),
            images: images[class],
            different: different[class],
        }),
    }
}

/// The number of images a share means, out of `available`.
fn count(
    part: &'static str,
    key: &'static str,
    share: Share,
    available: usize,
    default: usize,
) -> Result<usize, DataError> {
    let wanted = match share {
        Share::Auto => default,
        Share::Count(count) => count,
        Share::Fraction(fraction) if fraction > 0.0 && fraction < 1.0 => rounded(available, fraction),
        Share::Fraction(fraction) => {
            let expected = "a fraction above 0 and below 1 is expected".to_owned();
            return Err(DataError::Setting { key, value: fraction.to_string(), expected });
        }
    };
    if wanted > available {
        return Err(DataError::TooFew { part, wanted, available });
    }
    Ok(wanted)
}

/// The error of a share that asks for no image; nothing where nobody said how many there should be.
fn none_asked(key: &'static str, share: Share, available: usize) -> Option<DataError> {
    let (value, expected) = match share {
        Share::Auto => return None,
        Share::Count(count) => (count.to_string(), "at least 1 image is needed".to_owned()),
        Share::Fraction(fraction) => {
            (format!("{fraction:?}"), format!("of {available} images that is none, and at least 1 is needed"))
        }
    };
    Some(DataError::Setting { key, value, expected })
}

fn rounded(whole: usize, fraction: f64) -> usize {
    (whole as f64 * fraction + 0.5).floor() as usize
}
