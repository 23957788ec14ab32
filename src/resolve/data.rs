//! From a configuration to the images that it asks for.

use tunefork_data::{Generated, SplitOptions};

use crate::study_file::GENERATED;
use crate::study_file::table::{
    CLASSES, COLOUR, DATA_SEED, DIFFICULTY, IMAGES, MEAN, ORDER, SIZE, SOURCE, STD, TEST, TEST_IMAGES, TRAIN,
    VALIDATION,
};

use super::Config;

impl Config {
    /// The set to draw, if the study asks for a generated one.
    pub fn generated(&self) -> Option<Generated> {
        if SOURCE.of(self) != GENERATED {
            return None;
        }
        let default = Generated::default();
        let side = SIZE.of(self);
        Some(Generated {
            height: side.unwrap_or(default.height),
            width: side.unwrap_or(default.width),
            channels: COLOUR.of(self).channels().unwrap_or(1),
            classes: CLASSES.of(self),
            train: IMAGES.of(self),
            test: TEST_IMAGES.of(self),
            seed: DATA_SEED.of(self),
            difficulty: DIFFICULTY.of(self),
        })
    }

    /// How the images are divided.
    pub fn split(&self) -> SplitOptions {
        SplitOptions {
            train: TRAIN.of(self).unwrap_or_default(),
            validation: VALIDATION.of(self).unwrap_or_default(),
            test: TEST.of(self).unwrap_or_default(),
            order: ORDER.of(self),
        }
    }

    /// The fixed means and deviations, if any were given.
    pub(crate) fn fixed_normalisation(&self) -> Option<(Vec<f32>, Vec<f32>)> {
        let single = |numbers: Vec<f64>| -> Vec<f32> { numbers.into_iter().map(|number| number as f32).collect() };
        let (mean, std) = (single(MEAN.of(self)), single(STD.of(self)));
        (!mean.is_empty()).then_some((mean, std))
    }
}
