//! Which images are trained on, which choose among trials, and which judge the winner.

use serde::{Deserialize, Serialize};
use tunefork_rng::{Key, Purpose};

use crate::{DataError, Dataset, Part};

/// How many images a part of a split takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Share {
    /// What suits the source, see [`SplitOptions`].
    #[default]
    Auto,
    /// This many images.
    Count(usize),
    /// This fraction of the images of the part it is taken from, above 0 and below 1, rounded to
    /// the nearest whole number.
    Fraction(f64),
}

/// In which order images are dealt out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Drawn at random by the study's seed, each class by its share of the whole.
    #[default]
    Stratified,
    /// As stored: training first, then validation, then test, from the first image on.
    Stored,
}

/// How to divide a set.
///
/// Validation and test images come from the source's own parts where it has them, otherwise from
/// its training part. By default a source without validation part gives a tenth of its training
/// part for it, own parts are used whole, a source without test part has no test images, and
/// training takes all that is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitOptions {
    /// Training images.
    pub train: Share,
    /// Validation images.
    pub validation: Share,
    /// Test images.
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
    /// [`DataError::TooFew`] with both numbers when more images are asked for than there are, or
    /// when training or validation would be empty; [`DataError::Setting`] for a fraction outside
    /// 0 to 1.
    pub fn new(data: &Dataset, options: &SplitOptions, key: Key) -> Result<Self, DataError> {
        let own = |part: Part| -> Vec<u32> { data.part(part).collect() };
        let pool = own(Part::Train);
        let (own_validation, own_test) = (own(Part::Validation), own(Part::Test));

        let from_own_test = !own_test.is_empty();
        let test_source = if from_own_test { &own_test } else { &pool };
        let test_default = if from_own_test { own_test.len() } else { 0 };
        let tests = count(
            "test",
            "data.test",
            options.test,
            test_source.len(),
            test_default,
        )?;

        let from_own_validation = !own_validation.is_empty();
        let validation_source = if from_own_validation {
            &own_validation
        } else {
            &pool
        };
        let validation_default = if from_own_validation {
            own_validation.len()
        } else {
            rounded(pool.len(), DEFAULT_VALIDATION).max(1)
        };
        let (share, available) = (options.validation, validation_source.len());
        let validations = count(
            "validation",
            "data.validation",
            share,
            available,
            validation_default,
        )?;

        // What the training part has to give beside the training images themselves.
        let given_test = if from_own_test { 0 } else { tests };
        let given_validation = if from_own_validation { 0 } else { validations };
        let left = pool.len().saturating_sub(given_test + given_validation);
        let trains = count("training", "data.train", options.train, pool.len(), left)?;
        let wanted = trains + given_validation + given_test;
        if wanted > pool.len() {
            let part = "training, validation and test";
            return Err(DataError::TooFew {
                part,
                wanted,
                available: pool.len(),
            });
        }
        for (part, taken) in [("training", trains), ("validation", validations)] {
            if taken == 0 {
                return Err(DataError::TooFew {
                    part,
                    wanted: 1,
                    available: 0,
                });
            }
        }

        let mut dealer = Dealer {
            data,
            order: options.order,
            key,
            deals: 0,
        };
        let taken = dealer.deal(pool, &[trains, given_validation, given_test]);
        let [train, mut validation, mut test] = taken.try_into().expect("as many lists as sizes");
        if from_own_validation {
            validation = dealer.deal(own_validation, &[validations]).remove(0);
        }
        if from_own_test {
            test = dealer.deal(own_test, &[tests]).remove(0);
        }
        Ok(Self {
            train,
            validation,
            test,
        })
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
        Share::Fraction(fraction) if fraction > 0.0 && fraction < 1.0 => {
            rounded(available, fraction)
        }
        Share::Fraction(fraction) => {
            let expected = "a fraction above 0 and below 1 is expected".to_owned();
            return Err(DataError::Setting {
                key,
                value: fraction.to_string(),
                expected,
            });
        }
    };
    if wanted > available {
        return Err(DataError::TooFew {
            part,
            wanted,
            available,
        });
    }
    Ok(wanted)
}

fn rounded(whole: usize, fraction: f64) -> usize {
    (whole as f64 * fraction + 0.5).floor() as usize
}

/// Deals images out into lists.
struct Dealer<'a> {
    data: &'a Dataset,
    order: Order,
    key: Key,
    /// Pools dealt from so far: each has draws of its own.
    deals: u64,
}

impl Dealer<'_> {
    /// Lists of the given sizes out of `pool`, which holds at least as many images.
    fn deal(&mut self, pool: Vec<u32>, sizes: &[usize]) -> Vec<Vec<u32>> {
        let deal = self.deals;
        self.deals += 1;
        match self.order {
            Order::Stored => {
                let mut rest = pool.into_iter();
                sizes
                    .iter()
                    .map(|size| rest.by_ref().take(*size).collect())
                    .collect()
            }
            Order::Stratified => {
                let mut by_class = self.shuffled_classes(&pool, deal);
                sizes
                    .iter()
                    .map(|size| take_stratified(&mut by_class, *size))
                    .collect()
            }
        }
    }

    /// The pool's images by class, each class in random order.
    fn shuffled_classes(&self, pool: &[u32], deal: u64) -> Vec<Vec<u32>> {
        let mut by_class = vec![Vec::new(); self.data.classes().len()];
        for index in pool {
            by_class[usize::from(self.data.label(*index))].push(*index);
        }
        for (class, images) in by_class.iter_mut().enumerate() {
            let draw = deal << 32 | class as u64;
            self.key.stream_at(Purpose::Split, draw).shuffle(images);
        }
        by_class
    }
}

/// Takes `size` images from the ends of the classes' lists, from each class its share: rounded
/// down, and what is missing from the largest remainders, the lower class first.
fn take_stratified(by_class: &mut [Vec<u32>], size: usize) -> Vec<u32> {
    let total: usize = by_class.iter().map(Vec::len).sum();
    if size == 0 || total == 0 {
        return Vec::new();
    }
    let exact = |images: &Vec<u32>| images.len() as u128 * size as u128;
    let whole = total as u128;
    let mut quotas: Vec<usize> = by_class
        .iter()
        .map(|c| (exact(c) / whole) as usize)
        .collect();
    let missing = size - quotas.iter().sum::<usize>();
    let mut classes: Vec<usize> = (0..by_class.len()).collect();
    classes.sort_by_key(|class| std::cmp::Reverse(exact(&by_class[*class]) % whole));
    for class in classes.into_iter().take(missing) {
        quotas[class] += 1;
    }
    let mut taken = Vec::with_capacity(size);
    for (images, quota) in by_class.iter_mut().zip(quotas) {
        taken.extend(images.split_off(images.len() - quota));
    }
    taken.sort_unstable();
    taken
}
