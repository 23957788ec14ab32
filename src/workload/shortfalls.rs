//! What of a study comes to nothing with the images that there are.

use tunefork_nn::Norm;
use tunefork_report::counted;
use tunefork_rng::Key as DrawKey;
use tunefork_train::Task;

use super::task;
use crate::study_file::Key;
use crate::study_file::table::{BATCH_SIZE, CROP, CUTOUT, TRAIN_STEPS};
use crate::{Config, Division, StudySpec};

/// Steps that the running averages of a batch norm need to follow: each moves them by a tenth, so after 20 an eighth of
/// where they began is left (Ioffe and Szegedy, arXiv 1502.03167; momentum 0.1 as in PyTorch).
const SETTLED: u64 = 20;

/// What is looked at: a study with the images of its first division, and the training of one of its configurations.
struct Seen<'s> {
    spec: &'s StudySpec,
    task: Task,
    /// Training images.
    images: usize,
}

/// What is said of a key, if with these images it does nothing.
type Rule = fn(&Seen<'_>) -> Option<String>;

const RULES: &[(&Key, Rule)] = &[
    (TRAIN_STEPS.key(), |seen| seen.fewer_steps()),
    (BATCH_SIZE.key(), |seen| seen.fewer_images()),
    (CUTOUT.key(), |seen| {
        seen.beyond_the_image(CUTOUT.key(), |cutout, side| match cutout >= 2 * side - 1 {
            true => "nothing is left of them",
            false => "on average more than half of an image is erased",
        })
    }),
    (CROP.key(), |seen| {
        seen.beyond_the_image(CROP.key(), |_, _| "on average more than half of what is cut out is empty")
    }),
];

/// What of a study and one of its configurations comes to nothing with so many images, as sentences.
pub(crate) fn shortfalls(spec: &StudySpec, config: &Config, division: &Division) -> Vec<String> {
    let images = division.split.train.len();
    let seen = Seen { spec, task: task(config, division, DrawKey::study(0)), images };
    let of_keys = RULES.iter().filter_map(|(key, rule)| {
        let text = rule(&seen)?;
        Some(match spec.place_of(key) {
            Some(place) => format!("{place}: {text}"),
            None => text,
        })
    });
    seen.unsettled().into_iter().chain(of_keys).collect()
}

impl Seen<'_> {
    fn unsettled(&self) -> Option<String> {
        let Task { network, spec, .. } = &self.task;
        let steps = spec.steps_per_epoch(self.images) * u64::from(spec.epochs);
        let is_batch = network.blocks.iter().any(|block| block.norm == Some(Norm::Batch));
        (is_batch && steps < SETTLED).then(|| {
            format!(
                "batch norm measures with averages that need about {SETTLED} steps to settle, and the training has {steps}: \
                 train longer, use smaller batches, or another norm"
            )
        })
    }

    fn fewer_steps(&self) -> Option<String> {
        let of_epoch = self.task.spec.steps_per_epoch(self.images);
        let most = self.task.spec.train_steps.filter(|most| *most > of_epoch)?;
        Some(format!("`train_steps` is {most}, but an epoch has only {}", counted(of_epoch as usize, "step")))
    }

    fn fewer_images(&self) -> Option<String> {
        let (least, most) = (self.spec.least(&BATCH_SIZE)?, self.spec.most(&BATCH_SIZE)?);
        let (images, counted) = (self.images as f64, counted(self.images, "training image"));
        // Nobody minds that the default is larger.
        if !self.spec.is_ever_else(&BATCH_SIZE) || most <= images {
            return None;
        }
        Some(match least >= images && least < most {
            true => format!("`batch_size` changes nothing: from {least} on each step takes all of the {counted}"),
            false => format!("{}, but there are only {counted}", self.is(&BATCH_SIZE)?),
        })
    }

    /// What is said of a change that goes beyond the whole image, by how far it goes and how long the image's sides are.
    fn beyond_the_image(&self, key: &Key, told: fn(usize, usize) -> &'static str) -> Option<String> {
        let shape = self.task.images.data.shape();
        let (most, side) = (self.spec.most(key)? as usize, shape.height.max(shape.width));
        let then = if self.spec.least(key)? < most as f64 { " then" } else { "" };
        let says = || Some(format!("{}, and images have {shape}: {}{then}", self.is(key)?, told(most, side)));
        if most >= side { says() } else { None }
    }

    /// What a key is, or how far it goes.
    fn is(&self, key: &Key) -> Option<String> {
        let (least, most) = (self.spec.least(key)?, self.spec.most(key)?);
        Some(match least < most {
            true => format!("`{}` goes up to {most}", key.name),
            false => format!("`{}` is {most}", key.name),
        })
    }
}
