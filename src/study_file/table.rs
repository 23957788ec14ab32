//! The table of all keys of a study file.
//!
//! Reading, error messages, `--set`, the search space and the written `config.toml` all go by this
//! table, so a new key is one entry here and one place that uses it.

use tunefork_nn::{Activation, Head};

use super::keys::Preset::{Absent, Doubling, Flag, Number, Whole, Word};
use super::keys::Section::{Data, Model, Scheduler, Search, Study, Train};
use super::keys::{Key, Preset, Section, Shape};
use super::kind::{Edge, Kind};
use tunefork_nn::{OptimizerKind, ScheduleKind};
use tunefork_train::Precision;

const fn one(section: Section, name: &'static str, kind: Kind, default: Preset, help: &'static str) -> Key {
    let shape = Shape::One;
    Key { section, name, kind, shape, default, help }
}

const fn list(section: Section, name: &'static str, kind: Kind, help: &'static str) -> Key {
    let (shape, default) = (Shape::List, Absent);
    Key { section, name, kind, shape, default, help }
}

const fn per_layer(
    name: &'static str,
    counted_by: &'static str,
    each: bool,
    kind: Kind,
    default: Preset,
    help: &'static str,
) -> Key {
    let section = Model;
    let shape = Shape::PerLayer { counted_by, each };
    Key { section, name, kind, shape, default, help }
}

const ANY: i64 = i64::MAX;
const POSITIVE: Kind = Kind::Number(Edge::Open(0.0), Edge::None);
const NOT_NEGATIVE: Kind = Kind::Number(Edge::Closed(0.0), Edge::None);
const SHARE: Kind = Kind::Number(Edge::Closed(0.0), Edge::Closed(1.0));
const BELOW_ONE: Kind = Kind::Number(Edge::Closed(0.0), Edge::Open(1.0));

/// Every key there is, in the order in which configurations are written.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    one(Study, "name", Kind::Text, Absent, "name of the study and of its folder below runs/ (default: the file's name)"),
    one(Study, "seed", Kind::Whole(0, ANY), Whole(0), "every random draw follows from it"),
    one(Study, "trials", Kind::Whole(1, 1_000_000), Whole(20), "how many configurations are tried; may grow later"),
    one(Study, "time_limit", POSITIVE, Absent, "minutes after which the study ends with what it has; may grow later"),
    one(Study, "slots", Kind::Whole(1, 1024), Whole(4), "trials that are under way at once in the study's own time"),
    one(Study, "objective", Kind::Word(&["accuracy", "loss", "f1"]), Word("accuracy"), "the figure on the validation part that is tuned"),
    one(Study, "at", Kind::Word(&["last", "best"]), Word("last"), "which epoch gives a trial its value and its weights"),
    one(Study, "replicates", Kind::Whole(1, 100), Whole(1), "trainings of each configuration with other draws; a trial's value is their mean"),
    one(Study, "as_trial", Kind::Whole(0, u32::MAX as i64 - 1), Absent, "draw as this trial of the study did; stands in best.toml"),

    one(Data, "source", Kind::Text, Word("generated"), "\"generated\" shapes, \"noise\", the name of a data set, or a path"),
    one(Data, "size", Kind::Whole(1, 4096), Absent, "height and width to which images are brought (default: as they are)"),
    one(Data, "fit", Kind::Word(&["crop", "stretch"]), Word("crop"), "images of another size are scaled and cut to their middle, or stretched"),
    one(Data, "colour", Kind::Word(&["auto", "grey", "rgb"]), Word("auto"), "channels of the images"),
    one(Data, "labels", Kind::Word(&["fine", "coarse"]), Word("fine"), "cifar100: its 100 classes or its 20 superclasses"),
    one(Data, "train", Kind::Share, Absent, "training images (default: all that are left)"),
    one(Data, "validation", Kind::Share, Absent, "validation images (default: the source's own, or a tenth of the training images)"),
    one(Data, "test", Kind::Share, Absent, "test images (default: the source's own, or none)"),
    one(Data, "folds", Kind::Whole(2, 100), Absent, "parts of which each is once validated on and trained on otherwise; a trial's value is the mean (default: none)"),
    one(Data, "fold_order", Kind::Word(&["side_by_side", "sequential"]), Word("side_by_side"), "folds: an epoch of each in turn, or one fold after another"),
    one(Data, "order", Kind::Word(&["stratified", "stored"]), Word("stratified"), "how images are dealt out: at random within classes, or as stored"),
    one(Data, "normalise", Kind::Word(&["training", "none"]), Word("training"), "subtract mean and divide by deviation of the training part"),
    list(Data, "mean", Kind::Number(Edge::None, Edge::None), "means to subtract per channel, pixels from 0 to 1"),
    list(Data, "std", POSITIVE, "deviations to divide by per channel"),
    one(Data, "classes", Kind::Whole(2, 65_535), Whole(10), "generated, noise: classes; there are 16 shapes"),
    one(Data, "images", Kind::Whole(1, 10_000_000), Whole(4000), "generated, noise: images to train and validate with"),
    one(Data, "test_images", Kind::Whole(0, 10_000_000), Whole(1000), "generated, noise: images to test with"),
    one(Data, "difficulty", SHARE, Number(0.5), "generated: strength of noise, clutter and distortion"),
    one(Data, "data_seed", Kind::Whole(0, ANY), Whole(0), "generated, noise: the seed that they are drawn from"),

    one(Model, "layers", Kind::Whole(0, 64), Absent, "convolution blocks (default: as many as channels are listed, or 2)"),
    per_layer("channels", "layers", true, Kind::Whole(1, 65_536), Doubling(32, 512), "output channels of each block"),
    per_layer("kernel", "layers", false, Kind::Whole(1, 7), Whole(3), "height and width of the convolution"),
    per_layer("stride", "layers", false, Kind::Whole(1, 16), Whole(1), "step of the convolution"),
    per_layer("padding", "layers", false, Kind::WholeOr(0, 16, &["same"]), Word("same"), "border of zeros; \"same\" is half the kernel"),
    per_layer("bias", "layers", false, Kind::Flag, Flag(true), "whether convolutions add a bias"),
    per_layer("batch_norm", "layers", false, Kind::Flag, Flag(true), "batch normalisation after the convolution"),
    per_layer("residual", "layers", false, Kind::Flag, Flag(false), "add the block's input to its output"),
    per_layer("pool", "layers", false, Kind::Word(&["max", "average", "none"]), Word("max"), "pooling at the end of the block"),
    per_layer("pool_size", "layers", false, Kind::Whole(1, 64), Whole(2), "height, width and step of the pooling"),
    one(Model, "activation", Kind::Word(Activation::NAMES), Word("relu"), "after every block and hidden layer"),
    one(Model, "head", Kind::Word(Head::NAMES), Word("flatten"), "how the last block's output becomes one vector"),
    one(Model, "hidden_layers", Kind::Whole(0, 64), Absent, "hidden layers (default: as many as units are listed, or 1)"),
    per_layer("hidden", "hidden_layers", true, Kind::Whole(1, 1_000_000), Whole(128), "units of each hidden layer"),
    one(Model, "dropout", BELOW_ONE, Number(0.0), "share of units set to zero after each hidden layer"),

    one(Train, "epochs", Kind::Whole(1, 1_000_000), Whole(10), "passes over the training images"),
    one(Train, "batch_size", Kind::Whole(1, 1_000_000), Whole(64), "images in a step"),
    one(Train, "optimizer", Kind::Word(OptimizerKind::NAMES), Word("adam"), "the rule that changes the weights"),
    one(Train, "learning_rate", POSITIVE, Number(1e-3), "size of a step"),
    one(Train, "weight_decay", NOT_NEGATIVE, Absent, "pull of the weights towards zero (default: 0; adamw: 0.01)"),
    one(Train, "momentum", BELOW_ONE, Number(0.0), "sgd: share of the last step that is kept"),
    one(Train, "nesterov", Kind::Flag, Flag(false), "sgd: Nesterov's form of momentum"),
    one(Train, "beta1", BELOW_ONE, Number(0.9), "adam, adamw: decay of the mean gradient"),
    one(Train, "beta2", BELOW_ONE, Number(0.999), "adam, adamw: decay of the squared gradient"),
    one(Train, "alpha", BELOW_ONE, Number(0.99), "rmsprop: decay of the squared gradient"),
    one(Train, "epsilon", POSITIVE, Number(1e-8), "adam, adamw, rmsprop: keeps the divisor from zero"),
    one(Train, "schedule", Kind::Word(ScheduleKind::NAMES), Word("constant"), "how the learning rate changes over the epochs"),
    one(Train, "drop_every", POSITIVE, Number(10.0), "step: epochs after which the learning rate drops, again and again"),
    one(Train, "drop_factor", Kind::Number(Edge::Open(0.0), Edge::Open(1.0)), Number(0.1), "step, plateau: what a drop multiplies the learning rate by"),
    one(Train, "patience", Kind::Whole(0, 1_000_000), Whole(2), "plateau: epochs without progress before the learning rate drops"),
    one(Train, "rise", Kind::Number(Edge::Open(0.0), Edge::Open(1.0)), Number(0.3), "one_cycle: share of the steps over which the learning rate rises"),
    one(Train, "warmup", NOT_NEGATIVE, Number(0.0), "epochs over which the learning rate rises from zero"),
    one(Train, "early_stop", Kind::Whole(1, 1_000_000), Absent, "epochs without a better value after which a trial is over (default: it never is)"),
    one(Train, "train_steps", Kind::Whole(1, 1_000_000_000), Absent, "most steps of an epoch (default: as many as there are images for)"),
    one(Train, "clip", NOT_NEGATIVE, Number(0.0), "longest gradient; longer ones are shortened; 0: none is"),
    one(Train, "label_smoothing", BELOW_ONE, Number(0.0), "share of the target that all classes get"),
    one(Train, "flip", SHARE, Number(0.0), "probability that a training image is mirrored"),
    one(Train, "crop", Kind::Whole(0, 1024), Whole(0), "pixels added around each image before a random part of the old size is cut out"),
    one(Train, "rotate", Kind::Number(Edge::Closed(0.0), Edge::Closed(180.0)), Number(0.0), "largest angle to either side by which images are turned, in degrees"),
    one(Train, "cutout", Kind::Whole(0, 4096), Whole(0), "side of a square of each image that is erased, in pixels"),
    one(Train, "brightness", SHARE, Number(0.0), "most light added to images or taken, as a share of white"),
    one(Train, "contrast", SHARE, Number(0.0), "largest relative change of the images' contrast"),
    one(Train, "mixup", NOT_NEGATIVE, Number(0.0), "alpha of mixup: how strongly images of a step are mixed with each other; 0: not at all"),
    one(Train, "class_weights", Kind::Word(&["equal", "balanced"]), Word("equal"), "whether every image or every class weighs the same in the loss"),
    one(Train, "ema", BELOW_ONE, Number(0.0), "decay per step of averaged weights, which are then measured and kept; 0: none"),
    one(Train, "last_batch", Kind::Word(&["keep", "drop"]), Word("keep"), "a last batch that is not full"),
    one(Train, "memory", Kind::Whole(1, 1 << 40), Whole(4096), "MiB that a trial may take; one that needs more fails before it starts"),
    one(Train, "precision", Kind::Word(Precision::NAMES), Word("f32"), "arithmetic of the engine; all but f32 need a GPU"),

    one(Search, "sampler", Kind::Word(&["tpe", "random", "grid"]), Word("tpe"), "how the next configuration is chosen"),
    one(Search, "startup_trials", Kind::Whole(0, 1_000_000), Whole(10), "tpe: random trials before it learns"),
    one(Search, "candidates", Kind::Whole(1, 100_000), Whole(24), "tpe: points drawn for each proposal"),
    one(Search, "multivariate", Kind::Flag, Flag(true), "tpe: parameters are modelled together"),

    one(Scheduler, "kind", Kind::Word(&["none", "median", "percentile", "asha"]), Word("none"), "which trials are stopped early"),
    one(Scheduler, "min_epochs", Kind::Whole(1, 1_000_000), Whole(1), "epochs that every trial gets"),
    one(Scheduler, "reduction", Kind::Whole(2, 1000), Whole(3), "asha: one of so many goes on at each rung"),
    one(Scheduler, "percentile", Kind::Number(Edge::Closed(0.0), Edge::Closed(100.0)), Number(25.0), "percentile: share of trials, in percent, that goes on"),
    one(Scheduler, "min_trials", Kind::Whole(0, 1_000_000), Whole(5), "median, percentile: finished trials before any is stopped"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_over_all_sections() {
        let names: BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn defaults_are_allowed() {
        use tunefork_space::Value;
        for key in KEYS {
            let value = match key.default {
                Absent => continue,
                Flag(flag) => Value::Bool(flag),
                Whole(whole) | Doubling(whole, _) => Value::Int(whole),
                Number(number) => Value::Float(number),
                Word(word) => Value::Text(word.into()),
            };
            assert!(key.kind.accept(&value).is_some(), "{}", key.name);
        }
    }
}
