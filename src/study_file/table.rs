//! The table of all keys of a study file.
//!
//! Everything that is known of a key stands in its row: reading, error messages, `--set`, the search space, the
//! written `config.toml`, what is compared when a study goes on, `docs/keys.md`, `tunefork keys` and the schema go by
//! it. A new key is one row and one place that uses it: `LEARNING_RATE.of(&config)`.

use tunefork_data::{Fit, Labels, Order, Share};
use tunefork_nn::{Activation, Head, Initialisation, OptimizerKind, PoolKind, ScheduleKind};
use tunefork_sampler::SamplerKind;
use tunefork_scheduler::SchedulerKind;
use tunefork_train::{At, ClassWeights, LastBatch, Objective, Precision};

use super::handle::{Many, One, Optional, Values};
use super::handle::{flag, names, names_or, number, share, text, whole, whole_or};
use super::key::Preset::{Absent, Doubling, FileName, Flag, Listed, Number, Whole, Word};
use super::key::Role::{Budget, Costs, Fixed, Free, Label, Recorded, RecordedOfOne};
use super::key::{Key, Only, Section};
use super::kind::Edge;
use super::words::{Colour, FoldOrder, GENERATED, NOISE, NormKind, Normalise};

/// The name of a key: that of its constant in small letters.
const fn lowered<const LENGTH: usize>(name: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes.copy_from_slice(name.as_bytes());
    bytes.make_ascii_lowercase();
    bytes
}

/// The rows of each section: `KEY: Handle<Type> = values, default, unit, role, where it means anything, help;`
macro_rules! keys {
    ($($Section:ident {
        $($KEY:ident: $Handle:ident<$Type:ty> = $values:expr, $default:expr, $unit:expr, $role:expr, $only:expr,
            $help:literal;)+
    })+) => {
        $($(
            #[doc = $help]
            pub const $KEY: $Handle<$Type> = {
                const VALUES: Values<$Type> = $values;
                const NAME: &[u8] = &lowered::<{ stringify!($KEY).len() }>(stringify!($KEY));
                const ROW: Key = Key {
                    section: Section::$Section,
                    name: match std::str::from_utf8(NAME) {
                        Ok(name) => name,
                        Err(_) => panic!("the name of a constant is UTF-8"),
                    },
                    kind: VALUES.kind,
                    shape: VALUES.shape,
                    default: $default,
                    unit: $unit,
                    role: $role,
                    only: $only,
                    help: $help,
                };
                $Handle::new(&ROW, VALUES.read)
            };
        )+)+

        /// Every key there is, in the order in which configurations are written.
        pub const KEYS: &[&Key] = &[$($($KEY.key()),+),+];
    };
}

/// That a key means something only beside words of another one.
const fn beside(key: &Key, words: &'static [&'static str]) -> Option<Only> {
    Some(Only { key: key.name, words })
}

/// That a key is a scalar of some optimizers.
macro_rules! scalar {
    ($name:literal) => {{
        const COUNT: usize = OptimizerKind::count_with($name);
        const NAMES: [&str; COUNT] = OptimizerKind::names_with($name);
        beside(OPTIMIZER.key(), &NAMES)
    }};
}

const ANY: i64 = i64::MAX;
const ALWAYS: Option<Only> = None;
const DRAWN: Option<Only> = beside(SOURCE.key(), &[GENERATED, NOISE]);
const FOLDED: Option<Only> = beside(FOLDS.key(), &[]);
const POOLED: Option<Only> = beside(POOL.key(), PoolKind::NAMES);
const GROUPED: Option<Only> = beside(NORM.key(), &[NormKind::Group.name()]);
const STEPS: Option<Only> = beside(SCHEDULE.key(), &[ScheduleKind::Step.name()]);
const PLATEAU: Option<Only> = beside(SCHEDULE.key(), &[ScheduleKind::Plateau.name()]);
const DROPS: Option<Only> = beside(SCHEDULE.key(), &[ScheduleKind::Step.name(), ScheduleKind::Plateau.name()]);
const ONE_CYCLE: Option<Only> = beside(SCHEDULE.key(), &[ScheduleKind::OneCycle.name()]);
const TPE: Option<Only> = beside(SAMPLER.key(), &[SamplerKind::Tpe.name()]);
const HALVING: Option<Only> = beside(
    KIND.key(),
    &[
        SchedulerKind::Asha.name(),
        SchedulerKind::AshaPromotion.name(),
        SchedulerKind::Hyperband.name(),
        SchedulerKind::SyncHyperband.name(),
    ],
);
const BOUNDED: Option<Only> = beside(KIND.key(), &[SchedulerKind::Threshold.name()]);
const PATIENT: Option<Only> = beside(KIND.key(), &[SchedulerKind::Patience.name()]);
const TESTED: Option<Only> = beside(KIND.key(), &[SchedulerKind::Wilcoxon.name()]);
const QUANTILE: Option<Only> = beside(KIND.key(), &[SchedulerKind::Percentile.name()]);
const QUANTILES: Option<Only> = beside(KIND.key(), &[SchedulerKind::Median.name(), SchedulerKind::Percentile.name()]);

const fn positive() -> Values<f64> {
    number(Edge::Open(0.0), Edge::None)
}

const fn not_negative() -> Values<f64> {
    number(Edge::Closed(0.0), Edge::None)
}

/// From 0 to 1.
const fn fraction() -> Values<f64> {
    number(Edge::Closed(0.0), Edge::Closed(1.0))
}

/// From 0, below 1.
const fn below_one() -> Values<f64> {
    number(Edge::Closed(0.0), Edge::Open(1.0))
}

/// Above 0, below 1.
const fn inside() -> Values<f64> {
    number(Edge::Open(0.0), Edge::Open(1.0))
}

keys! {
    Study {
        NAME: One<String> = text(), FileName, "", Label, ALWAYS,
            "name of the study and of its folder below runs/";
        SEED: One<u64> = whole(0, ANY), Whole(0), "", Recorded, ALWAYS,
            "every random draw follows from it";
        TRIALS: One<u32> = whole(1, 1_000_000), Whole(20), "trials", Budget, ALWAYS,
            "how many configurations are tried";
        TIME_LIMIT: Optional<f64> = positive(), Absent("none"), "minutes", Budget, ALWAYS,
            "minutes that the study may take in all; if it may take longer, it goes on";
        TARGET: Optional<f64> = number(Edge::None, Edge::None), Absent("none"), "", Fixed, ALWAYS,
            "a value of the objective that is good enough: the study ends";
        NO_PROGRESS: Optional<u32> = whole(1, 1_000_000), Absent("none"), "trials", Fixed, ALWAYS,
            "trials in a row without a better one after which the study ends";
        TOTAL_EPOCHS: Optional<u64> = whole(1, ANY), Absent("none"), "epochs", Fixed, ALWAYS,
            "epochs of all trials together after which the study ends";
        SLOTS: One<u32> = whole(1, 1024), Whole(4), "trials", Recorded, ALWAYS,
            "trials that are under way at once in the study's own time";
        OBJECTIVE: One<Objective> = names(), Word(Objective::Accuracy.name()), "", Fixed, ALWAYS,
            "the figure on the validation part that is tuned";
        AT: One<At> = names(), Word(At::Last.name()), "", RecordedOfOne, ALWAYS,
            "which epoch gives a trial its value and its weights";
        REPLICATES: One<u32> = whole(1, 100), Whole(1), "trainings", Fixed, ALWAYS,
            "trainings of each configuration with other draws; a trial's value is their mean";
        AS_TRIAL: Optional<u32> = whole(0, u32::MAX as i64 - 1), Absent("as no trial"), "", Label, ALWAYS,
            "draw as this trial of the study did; stands in best.toml";
    }
    Data {
        SOURCE: One<String> = text(), Word(GENERATED), "", Fixed, ALWAYS,
            "\"generated\" shapes, \"noise\", the name of a data set, or a path, also beside this file";
        SIZE: Optional<usize> = whole(1, 4096), Absent("as they are"), "pixels", Fixed, ALWAYS,
            "height and width to which images are brought";
        FIT: One<Fit> = names(), Word(Fit::Crop.name()), "", Fixed, ALWAYS,
            "images of another size are scaled and cut to their middle, or stretched";
        COLOUR: One<Colour> = names(), Word(Colour::Auto.name()), "", Fixed, ALWAYS,
            "channels of the images";
        LABELS: One<Labels> = names(), Word(Labels::Fine.name()), "", Fixed, ALWAYS,
            "of CIFAR-100: its 100 classes or its 20 superclasses";
        TRAIN: Optional<Share> = share(), Absent("all that are left"), "images", Fixed, ALWAYS,
            "training images";
        VALIDATION: Optional<Share> = share(),
            Absent("the source's own, or a tenth of the training images"), "images", Fixed, ALWAYS,
            "validation images";
        TEST: Optional<Share> = share(), Absent("the source's own, or none"), "images", Fixed, ALWAYS,
            "test images";
        FOLDS: Optional<u32> = whole(2, 100), Absent("none"), "folds", Fixed, ALWAYS,
            "parts of which each is once validated on and trained on otherwise; a trial's value is the mean";
        FOLD_ORDER: One<FoldOrder> = names(), Word(FoldOrder::SideBySide.name()), "", Fixed, FOLDED,
            "an epoch of each fold in turn, or one fold after another";
        ORDER: One<Order> = names(), Word(Order::Stratified.name()), "", Fixed, ALWAYS,
            "how images are dealt out: at random within classes, or as stored";
        NORMALISE: One<Normalise> = names(), Word(Normalise::Training.name()), "", Fixed, ALWAYS,
            "subtract mean and divide by deviation of the training part";
        MEAN: Many<f64> = number(Edge::None, Edge::None).list(), Absent("as `normalise` says"), "", Fixed, ALWAYS,
            "means to subtract per channel, pixels from 0 to 1";
        STD: Many<f64> = positive().list(), Absent("as `normalise` says"), "", Fixed, ALWAYS,
            "deviations to divide by per channel";
        CLASSES: One<usize> = whole(2, 65_535), Whole(10), "classes", Fixed, DRAWN,
            "classes; there are 16 shapes";
        IMAGES: One<usize> = whole(1, 10_000_000), Whole(4000), "images", Fixed, DRAWN,
            "images to train and validate with";
        TEST_IMAGES: One<usize> = whole(0, 10_000_000), Whole(1000), "images", Fixed, DRAWN,
            "images to test with";
        DIFFICULTY: One<f64> = fraction(), Number(0.5), "", Fixed, beside(SOURCE.key(), &[GENERATED]),
            "strength of noise, clutter and distortion";
        DATA_SEED: One<u64> = whole(0, ANY), Whole(0), "", Fixed, DRAWN,
            "the seed that the images are drawn from";
    }
    Model {
        LAYERS: One<usize> = whole(0, 64), Listed("channels", 2), "blocks", Costs, ALWAYS,
            "convolution blocks";
        CHANNELS: Many<usize> = whole(1, 65_536).of_each(&LAYERS), Doubling(32, 512), "channels", Costs, ALWAYS,
            "output channels of each block";
        KERNEL: Many<usize> = whole(1, 7).of_all(&LAYERS), Whole(3), "pixels", Costs, ALWAYS,
            "height and width of the convolution";
        STRIDE: Many<usize> = whole(1, 16).of_all(&LAYERS), Whole(1), "pixels", Costs, ALWAYS,
            "step of the convolution";
        PADDING: Many<Option<usize>> = whole_or(0, 16, "same").of_all(&LAYERS), Word("same"), "pixels", Costs, ALWAYS,
            "border of zeros; \"same\" is half the kernel";
        BIAS: Many<bool> = flag().of_all(&LAYERS), Flag(true), "", Costs, ALWAYS,
            "whether convolutions add a bias";
        BATCH_NORM: Many<bool> = flag().of_all(&LAYERS), Flag(true), "", Costs, ALWAYS,
            "batch normalisation after the convolution: norm = \"batch\" where it is true, else \"none\"";
        NORM: Many<Option<NormKind>> = names_or("none").of_all(&LAYERS), Absent("as `batch_norm` says"), "", Costs, ALWAYS,
            "normalisation after the convolution: each channel over the batch, or each image over groups of channels, \
             or over all its channels and pixels; always with a scale and a shift per channel";
        NORM_GROUPS: Many<usize> = whole(1, 65_536).of_all(&LAYERS), Whole(8), "groups", Costs, GROUPED,
            "groups that a group norm divides the channels into evenly";
        RESIDUAL: Many<bool> = flag().of_all(&LAYERS), Flag(false), "", Costs, ALWAYS,
            "add the block's input to its output";
        POOL: Many<Option<PoolKind>> = names_or("none").of_all(&LAYERS), Word(PoolKind::Max.name()), "", Costs, ALWAYS,
            "pooling at the end of the block";
        POOL_SIZE: Many<usize> = whole(1, 64).of_all(&LAYERS), Whole(2), "pixels", Costs, POOLED,
            "height, width and step of the pooling";
        ACTIVATION: One<Activation> = names(), Word(Activation::Relu.name()), "", Costs, ALWAYS,
            "after every block and hidden layer";
        HEAD: One<Head> = names(), Word(Head::Flatten.name()), "", Costs, ALWAYS,
            "how the last block's output becomes one vector";
        HIDDEN_LAYERS: One<usize> = whole(0, 64), Listed("hidden", 1), "layers", Costs, ALWAYS,
            "hidden layers";
        HIDDEN: Many<usize> = whole(1, 65_536).of_each(&HIDDEN_LAYERS), Whole(128), "units", Costs, ALWAYS,
            "units of each hidden layer";
        DROPOUT: One<f64> = below_one(), Number(0.0), "", Costs, ALWAYS,
            "share of units set to zero after each hidden layer";
        INITIALISATION: One<Initialisation> = names(), Word(Initialisation::PyTorch.name()), "", Free, ALWAYS,
            "how weights start: as PyTorch's layers, or by He's, Glorot's or the orthogonal rule, which wide layers make slow";
    }
    Train {
        EPOCHS: One<u32> = whole(1, 1_000_000), Whole(10), "epochs", Free, ALWAYS,
            "passes over the training images";
        BATCH_SIZE: One<usize> = whole(1, 1_000_000), Whole(64), "images", Costs, ALWAYS,
            "images in a step";
        OPTIMIZER: One<OptimizerKind> = names(), Word(OptimizerKind::Adam.name()), "", Costs, ALWAYS,
            "the rule that changes the weights";
        LEARNING_RATE: One<f64> = positive(), Number(1e-3), "", Free, ALWAYS,
            "size of a step";
        WEIGHT_DECAY: Optional<f64> = not_negative(), Absent("0; adamw: 0.01"), "", Free, ALWAYS,
            "pull of the weights towards zero";
        DECAY_NORMS_AND_BIASES: One<bool> = flag(), Flag(true), "", Free, ALWAYS,
            "whether weight decay acts on norms and biases too";
        MOMENTUM: One<f64> = below_one(), Number(0.0), "", Free, scalar!("momentum"),
            "share of the last step that is kept";
        DAMPENING: One<f64> = fraction(), Number(0.0), "", Free, scalar!("dampening"),
            "share of a gradient that the momentum does not take up; nesterov wants 0";
        NESTEROV: One<bool> = flag(), Flag(false), "", Free, scalar!("nesterov"),
            "Nesterov's form of momentum";
        BETA1: One<f64> = below_one(), Number(0.9), "", Free, scalar!("beta1"),
            "decay of the mean gradient; lion: its share in the direction";
        BETA2: Optional<f64> = below_one(), Absent("0.999; lion: 0.99"), "", Free, scalar!("beta2"),
            "decay of the squared gradient; lion: of the mean gradient";
        MOMENTUM_DECAY: One<f64> = not_negative(), Number(0.004), "", Free, scalar!("momentum_decay"),
            "how fast nadam's momentum rises from half of beta1 to beta1";
        ALPHA: One<f64> = below_one(), Number(0.99), "", Free, scalar!("alpha"),
            "decay of the squared gradient";
        CENTERED: One<bool> = flag(), Flag(false), "", Free, scalar!("centered"),
            "divide by the gradient's deviation, not by the root of its square";
        RMSPROP_MOMENTUM: One<f64> = below_one(), Number(0.0), "", Free, scalar!("rmsprop_momentum"),
            "share of rmsprop's last step that is kept";
        LR_DECAY: One<f64> = not_negative(), Number(0.0), "", Free, scalar!("lr_decay"),
            "after n steps adagrad's learning rate is divided by 1 + n times this";
        EPSILON: Optional<f64> = positive(), Absent("1e-8; adagrad: 1e-10"), "", Free, scalar!("epsilon"),
            "keeps the divisor from zero";
        SCHEDULE: One<ScheduleKind> = names(), Word(ScheduleKind::Constant.name()), "", Free, ALWAYS,
            "how the learning rate changes over the epochs";
        DROP_EVERY: One<f64> = positive(), Number(10.0), "epochs", Free, STEPS,
            "epochs after which the learning rate drops, again and again";
        DROP_FACTOR: One<f64> = inside(), Number(0.1), "", Free, DROPS,
            "what a drop multiplies the learning rate by";
        PATIENCE: One<u32> = whole(0, 1_000_000), Whole(2), "epochs", Free, PLATEAU,
            "epochs without progress before the learning rate drops";
        RISE: One<f64> = inside(), Number(0.3), "", Free, ONE_CYCLE,
            "share of the steps over which the learning rate rises";
        WARMUP: One<f64> = not_negative(), Number(0.0), "epochs", Free, ALWAYS,
            "epochs over which the learning rate rises from zero";
        EARLY_STOP: Optional<u32> = whole(1, 1_000_000), Absent("it never is"), "epochs", Free, ALWAYS,
            "epochs without a better value after which a trial is over";
        TRAIN_STEPS: Optional<u64> = whole(1, 1_000_000_000), Absent("as many as there are images for"), "steps",
            Costs, ALWAYS,
            "most steps of an epoch";
        CLIP: One<f64> = not_negative(), Number(0.0), "", Costs, ALWAYS,
            "longest gradient; longer ones are shortened; 0: none is";
        LABEL_SMOOTHING: One<f64> = below_one(), Number(0.0), "", Free, ALWAYS,
            "share of the target that all classes get";
        FLIP: One<f64> = fraction(), Number(0.0), "", Costs, ALWAYS,
            "probability that a training image is mirrored";
        CROP: One<u32> = whole(0, 1024), Whole(0), "pixels", Costs, ALWAYS,
            "pixels added around each image before a random part of the old size is cut out";
        ROTATE: One<f64> = number(Edge::Closed(0.0), Edge::Closed(180.0)), Number(0.0), "degrees", Costs, ALWAYS,
            "largest angle to either side by which images are turned";
        CUTOUT: One<u32> = whole(0, 4096), Whole(0), "pixels", Costs, ALWAYS,
            "side of a square of each image that is erased";
        BRIGHTNESS: One<f64> = fraction(), Number(0.0), "", Costs, ALWAYS,
            "most light added to images or taken, as a share of white";
        CONTRAST: One<f64> = fraction(), Number(0.0), "", Costs, ALWAYS,
            "largest relative change of the images' contrast";
        MIXUP: One<f64> = not_negative(), Number(0.0), "", Costs, ALWAYS,
            "alpha of mixup: how strongly images of a step are mixed with each other; 0: not at all";
        CLASS_WEIGHTS: One<ClassWeights> = names(), Word(ClassWeights::Equal.name()), "", Costs, ALWAYS,
            "whether every image or every class weighs the same in the loss";
        EMA: One<f64> = below_one(), Number(0.0), "", Costs, ALWAYS,
            "decay per step of averaged weights, which are then measured and kept; 0: none";
        LAST_BATCH: One<LastBatch> = names(), Word(LastBatch::Keep.name()), "", Fixed, ALWAYS,
            "a last batch that is not full";
        MEMORY: One<u64> = whole(1, 1 << 40), Whole(4096), "MiB", Fixed, ALWAYS,
            "MiB that a trial may take; configurations that need more are not tried";
        PRECISION: One<Precision> = names(), Word(Precision::F32.name()), "", Fixed, ALWAYS,
            "arithmetic of the engine; all but f32 need a GPU";
    }
    Search {
        SAMPLER: One<SamplerKind> = names(), Word(SamplerKind::Tpe.name()), "", Recorded, ALWAYS,
            "how the next configuration is chosen";
        STARTUP_TRIALS: One<u32> = whole(0, 1_000_000), Whole(10), "trials", Fixed, TPE,
            "random trials before it learns";
        CANDIDATES: One<u32> = whole(1, 100_000), Whole(24), "points", Fixed, TPE,
            "points drawn for each proposal";
        MULTIVARIATE: One<bool> = flag(), Flag(true), "", Fixed, TPE,
            "parameters are modelled together";
    }
    Scheduler {
        KIND: One<SchedulerKind> = names(), Word(SchedulerKind::None.name()), "", Recorded, ALWAYS,
            "which trials are stopped early";
        MIN_EPOCHS: One<u32> = whole(1, 1_000_000), Whole(1), "epochs", Fixed, ALWAYS,
            "epochs that every trial gets";
        REDUCTION: One<u32> = whole(2, 1000), Whole(3), "", Fixed, HALVING,
            "one of so many goes on at each rung";
        PERCENTILE: One<f64> = number(Edge::Closed(0.0), Edge::Closed(100.0)), Number(25.0), "percent", Fixed, QUANTILE,
            "share of trials that goes on";
        MIN_TRIALS: One<u32> = whole(0, 1_000_000), Whole(5), "trials", Fixed, QUANTILES,
            "finished trials before any is stopped";
        LOWER: Optional<f64> = number(Edge::None, Edge::None), Absent("none"), "", Fixed, BOUNDED,
            "a trial with a value below it is stopped";
        UPPER: Optional<f64> = number(Edge::None, Edge::None), Absent("none"), "", Fixed, BOUNDED,
            "a trial with a value above it is stopped";
        WAIT: One<u32> = whole(1, 1_000_000), Whole(5), "epochs", Fixed, PATIENT,
            "epochs without a better value before a trial is stopped";
        P_VALUE: One<f64> = inside(), Number(0.1), "", Fixed, TESTED,
            "a trial is stopped if a test takes it for worse than the best, at this level";
    }
}

#[cfg(test)]
mod tests;
