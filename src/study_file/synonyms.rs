//! What other programs call the things that our keys name.

use super::key::{Key, Section};
use super::table::*;

/// Names that people bring along from elsewhere (Keras, PyTorch, scikit-learn, Optuna, Ray Tune), and the key that they mean.
const SYNONYMS: &[(&[&str], &Key)] = &[
    (&["study_name"], NAME.key()),
    (&["n_trials", "num_trials", "num_samples", "n_iter", "max_trials"], TRIALS.key()),
    (&["timeout", "time_budget_s", "max_time"], TIME_LIMIT.key()),
    (&["metric", "monitor", "scoring"], OBJECTIVE.key()),
    (&["random_state", "random_seed", "manual_seed"], SEED.key()),
    (&["dataset", "path", "data_dir", "root"], SOURCE.key()),
    (&["height", "width", "image_size", "img_size", "input_size", "input_shape", "resize"], SIZE.key()),
    (&["validation_split", "val_split", "valid", "val", "val_size"], VALIDATION.key()),
    (&["test_split", "test_size"], TEST.key()),
    (&["n_splits", "cv", "k_folds", "k"], FOLDS.key()),
    (&["num_layers", "n_layers", "depth", "conv_layers", "blocks"], LAYERS.key()),
    (&["filters", "n_filters", "num_filters", "out_channels"], CHANNELS.key()),
    (&["kernel_size", "filter_size"], KERNEL.key()),
    (&["strides"], STRIDE.key()),
    (&["batchnorm", "bn", "use_bn", "batch_normalization", "normalization", "normalisation"], NORM.key()),
    (&["pooling"], POOL.key()),
    (&["units", "dense", "dense_units", "fc", "fc_units", "neurons", "hidden_units", "hidden_size"], HIDDEN.key()),
    (&["n_hidden", "dense_layers", "fc_layers"], HIDDEN_LAYERS.key()),
    (&["dropout_rate", "drop_rate", "p"], DROPOUT.key()),
    (&["kernel_initializer", "init", "weight_init", "initializer"], INITIALISATION.key()),
    (&["n_epochs", "num_epochs", "max_epochs"], EPOCHS.key()),
    (&["batch", "bs", "minibatch", "mini_batch_size"], BATCH_SIZE.key()),
    (&["lr", "eta", "alpha0", "step_size", "base_lr", "initial_lr"], LEARNING_RATE.key()),
    (&["l2", "l2_penalty", "decay", "wd"], WEIGHT_DECAY.key()),
    (&["rho"], ALPHA.key()),
    (&["eps"], EPSILON.key()),
    (&["num_classes", "n_classes"], CLASSES.key()),
    (&["lr_schedule", "lr_scheduler"], SCHEDULE.key()),
    (&["lr_step", "step_lr", "decay_every", "milestones"], DROP_EVERY.key()),
    (&["gamma", "lr_factor"], DROP_FACTOR.key()),
    (&["warmup_epochs", "warmup_steps"], WARMUP.key()),
    (&["early_stopping", "es_patience"], EARLY_STOP.key()),
    (&["steps_per_epoch"], TRAIN_STEPS.key()),
    (&["clipnorm", "grad_clip", "max_grad_norm", "clip_norm", "gradient_clip_val", "gradient_clip"], CLIP.key()),
    (&["random_flip", "horizontal_flip"], FLIP.key()),
    (&["random_crop"], CROP.key()),
    (&["rotation", "rotation_range"], ROTATE.key()),
    (&["random_erasing"], CUTOUT.key()),
    (&["drop_last"], LAST_BATCH.key()),
    (&["dtype", "amp", "mixed_precision"], PRECISION.key()),
    (&["pruner", "scheduler"], KIND.key()),
    (&["n_startup_trials", "initial_random"], STARTUP_TRIALS.key()),
    (&["n_ei_candidates"], CANDIDATES.key()),
    (&["min_resource", "grace_period", "n_warmup_steps"], MIN_EPOCHS.key()),
    (&["reduction_factor"], REDUCTION.key()),
];

/// Names that mean another key, or none, in one section.
const IN_A_SECTION: &[(Section, &[&str], Option<&Key>)] = &[
    (Section::Data, &["normalization", "normalisation", "normalize"], Some(NORMALISE.key())),
    (Section::Train, &["step_size"], Some(DROP_EVERY.key())),
    (Section::Data, &["name"], Some(SOURCE.key())),
    // There are no networks, optimizers and schedules of a name alone: a study's own name is not meant.
    (Section::Model, &["name", "type"], None),
    (Section::Train, &["name", "type"], None),
    // Of Optuna's TPE, which weighs trials by a fixed rule here.
    (Section::Search, &["gamma"], None),
    (Section::Search, &["name", "type", "kind", "algorithm", "method", "strategy"], Some(SAMPLER.key())),
    (Section::Scheduler, &["name", "type"], Some(KIND.key())),
    (Section::Scheduler, &["patience"], Some(EARLY_STOP.key())),
    (Section::Scheduler, &["eta", "factor"], Some(REDUCTION.key())),
    (Section::Scheduler, &["n_startup_trials"], Some(MIN_TRIALS.key())),
];

/// What other programs call our sections.
const SECTIONS: &[(&[&str], Section)] = &[
    (&["training", "trainer", "augmentation", "augment", "augmentations", "transforms"], Section::Train),
    (&["dataset", "dataloader"], Section::Data),
    (&["network", "net", "architecture"], Section::Model),
];

/// Keys that other programs write as a section with a name in it: `[optimizer] name = "sgd"`.
const TABLES: &[(&[&str], &Key)] = &[
    (&["optim", "optimizer"], OPTIMIZER.key()),
    (&["lr_scheduler", "lr_schedule", "learning_rate_scheduler", "schedule"], SCHEDULE.key()),
    (&["sampler", "tuner"], SAMPLER.key()),
    (&["pruner", "pruning"], KIND.key()),
];

/// What such a name is called there.
pub(super) const NAMES_OF_KINDS: [&str; 7] = ["name", "type", "kind", "class", "method", "algorithm", "strategy"];

/// What other programs call the words of our keys; nothing: there is no such thing here, whatever it resembles.
const WORDS: &[(&Key, &[&str], Option<&str>)] = &[
    (OBJECTIVE.key(), &["macro_f1", "f1_macro", "f1_score", "f1score"], Some("f1")),
    (OBJECTIVE.key(), &["acc", "val_acc", "val_accuracy", "top1"], Some("accuracy")),
    (OBJECTIVE.key(), &["val_loss", "cross_entropy", "nll"], Some("loss")),
    (COLOUR.key(), &["gray", "grayscale", "greyscale", "l"], Some("grey")),
    (ACTIVATION.key(), &["lrelu", "leakyrelu"], Some("leaky_relu")),
    (ACTIVATION.key(), &["swish"], Some("silu")),
    (ACTIVATION.key(), &["hardswish"], Some("hard_swish")),
    (ACTIVATION.key(), &["selu", "prelu", "rrelu", "celu", "crelu", "relu6", "glu"], None),
    (POOL.key(), &["avg", "mean", "avgpool", "average_pooling"], Some("average")),
    (POOL.key(), &["maxpool", "max_pooling"], Some("max")),
    (HEAD.key(), &["gap", "avg", "global_avg", "global_average_pooling", "adaptive_avg_pool"], Some("global_average")),
    (NORM.key(), &["bn", "batchnorm", "batch_norm"], Some("batch")),
    (NORM.key(), &["gn", "groupnorm", "group_norm"], Some("group")),
    (NORM.key(), &["ln", "layernorm", "layer_norm"], Some("layer")),
    (INITIALISATION.key(), &["he", "kaiming", "kaiming_normal"], Some("he_normal")),
    (INITIALISATION.key(), &["kaiming_uniform"], Some("he_uniform")),
    (INITIALISATION.key(), &["xavier", "xavier_uniform", "glorot"], Some("glorot_uniform")),
    (INITIALISATION.key(), &["xavier_normal"], Some("glorot_normal")),
    (OPTIMIZER.key(), &["momentum", "sgdm", "nesterov"], Some("sgd")),
    (OPTIMIZER.key(), &["adamax", "radam", "adadelta", "lamb", "lars", "ftrl"], None),
    (SCHEDULE.key(), &["none", "fixed"], Some("constant")),
    (SCHEDULE.key(), &["cosine_annealing", "cosineannealing", "cosineannealinglr", "cosine_decay"], Some("cosine")),
    (SCHEDULE.key(), &["steplr", "multistep", "multisteplr", "step_lr"], Some("step")),
    (SCHEDULE.key(), &["onecycle", "onecyclelr", "1cycle"], Some("one_cycle")),
    (SCHEDULE.key(), &["reduce_on_plateau", "reducelronplateau", "reduce_lr_on_plateau"], Some("plateau")),
    (SAMPLER.key(), &["tpesampler"], Some("tpe")),
    (SAMPLER.key(), &["bayes", "bayesian", "bayesopt", "botorch", "gpsampler", "gaussian-process"], Some("gp")),
    (SAMPLER.key(), &["cma", "cmaes", "cmaessampler"], Some("cma-es")),
    (SAMPLER.key(), &["qmc", "qmcsampler"], Some("sobol")),
    (SAMPLER.key(), &["random_search", "randomsearch", "randomsampler"], Some("random")),
    (SAMPLER.key(), &["grid_search", "gridsearch", "gridsampler"], Some("grid")),
    (KIND.key(), &["sha", "successive_halving", "successivehalvingpruner", "ashascheduler"], Some("asha")),
    (KIND.key(), &["asynchyperband", "asynchyperbandscheduler", "hyperbandpruner"], Some("hyperband")),
    (KIND.key(), &["hyperbandscheduler", "synchronous_hyperband"], Some("sync-hyperband")),
    (KIND.key(), &["promotion", "asha_promotion"], Some("asha-promotion")),
    (KIND.key(), &["thresholdpruner"], Some("threshold")),
    (KIND.key(), &["patientpruner", "plateau", "trialplateaustopper"], Some("patience")),
    (KIND.key(), &["wilcoxonpruner"], Some("wilcoxon")),
    (KIND.key(), &["medianpruner", "median_stopping"], Some("median")),
    (KIND.key(), &["percentilepruner"], Some("percentile")),
    (PRECISION.key(), &["fp32", "float32", "float", "single"], Some("f32")),
    (PRECISION.key(), &["fp16", "float16", "half"], Some("f16")),
    (PRECISION.key(), &["bfloat16"], Some("bf16")),
];

/// What other programs call the parts of a domain; nothing: it is written in another way here.
const PARTS: &[(&[&str], Option<&str>)] = &[
    (&["low", "high", "min", "max", "lower", "upper", "from", "to", "start", "stop", "end"], None),
    (&["values", "options", "categorical", "list", "one_of"], Some("choice")),
    (&["loguniform", "log_uniform", "reals_log"], Some("log")),
    (&["float", "real", "range"], Some("uniform")),
    (&["integer", "randint", "uniform_int"], Some("int")),
    (&["q", "increment"], Some("step")),
    (&["if", "condition", "conditions"], Some("when")),
];

/// What is meant by a name from elsewhere.
pub(super) enum Meant<T> {
    This(T),
    /// Nothing that there is here, whatever its name resembles.
    Nothing,
}

impl<T: Copy> Meant<T> {
    fn from(meant: &Option<T>) -> Self {
        meant.map_or(Self::Nothing, Self::This)
    }
}

/// The section that is meant by a title from elsewhere.
pub(super) fn section_meant_by(title: &str) -> Option<Section> {
    let title = title.to_lowercase();
    let section = SECTIONS.iter().find(|(titles, _)| titles.contains(&title.as_str())).map(|(_, section)| *section);
    section.or_else(|| Some(table_meant_by(&title)?.section))
}

/// The key that is meant by a section from elsewhere.
pub(super) fn table_meant_by(title: &str) -> Option<&'static Key> {
    let title = title.to_lowercase();
    TABLES.iter().find(|(titles, _)| titles.contains(&title.as_str())).map(|(_, key)| *key)
}

/// The key that is meant by a name from elsewhere, which stands in a section if that is known.
pub(super) fn meant_by(name: &str, section: Option<Section>) -> Option<Meant<&'static Key>> {
    let name = name.to_lowercase();
    let is_meant = |row: &&(Section, &[&str], Option<&Key>)| Some(row.0) == section && row.1.contains(&name.as_str());
    if let Some((_, _, key)) = IN_A_SECTION.iter().find(is_meant) {
        return Some(Meant::from(key));
    }
    let (_, key) = SYNONYMS.iter().find(|(names, _)| names.contains(&name.as_str()))?;
    Some(Meant::This(key))
}

/// The word of a key that is meant by one from elsewhere.
pub(super) fn word_meant_by(key: &Key, word: &str) -> Option<Meant<&'static str>> {
    let word = word.to_lowercase();
    let is_meant = |row: &&(&Key, &[&str], Option<&str>)| row.0 == key && row.1.contains(&word.as_str());
    WORDS.iter().find(is_meant).map(|(_, _, meant)| Meant::from(meant))
}

/// The part of a domain that is meant by a name from elsewhere.
pub(super) fn part_meant_by(name: &str) -> Option<Meant<&'static str>> {
    let name = name.to_lowercase();
    PARTS.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, part)| Meant::from(part))
}

/// The word of a key that this is, in other letters or in the words of another program.
pub(super) fn word_of(key: &Key, word: &str) -> Option<&'static str> {
    let own = key.kind.words().find(|own| own.eq_ignore_ascii_case(word));
    own.or_else(|| match word_meant_by(key, word) {
        Some(Meant::This(meant)) => Some(meant),
        Some(Meant::Nothing) | None => None,
    })
}

/// How a word is written that names a kind of something, in a section or behind a key where there is no such kind.
pub(super) fn written_as(word: &str, section: Section) -> Option<String> {
    let keys = TABLES.iter().map(|(_, key)| *key).filter_map(|key| Some((key, word_of(key, word)?)));
    let keys: Vec<_> = keys.collect();
    let (key, word) = keys.iter().find(|(key, _)| key.section == section).or(keys.first())?;
    Some(assigned(key, word))
}

/// Whether other programs write the key as a section.
pub(super) fn is_a_table(key: &Key) -> bool {
    TABLES.iter().any(|(_, other)| *other == key)
}

/// How a key is given one of its words.
pub(super) fn assigned(key: &Key, word: &str) -> String {
    format!("write {} = \"{word}\" in {}", key.name, key.section.title())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study_file::domain::is_part_of_a_domain;
    use std::collections::HashSet;

    #[test]
    fn a_synonym_is_no_key_and_means_one_thing() {
        let mut seen = HashSet::new();
        for name in SYNONYMS.iter().flat_map(|(names, _)| *names) {
            assert!(Key::find(name).is_none(), "{name} is a key itself");
            assert!(seen.insert(name), "{name} stands there twice");
        }
    }

    #[test]
    fn a_part_from_elsewhere_is_none_of_ours_and_means_one() {
        for (names, meant) in PARTS {
            assert!(names.iter().all(|name| !is_part_of_a_domain(name)), "{names:?}");
            assert!(meant.is_none_or(is_part_of_a_domain), "{meant:?}");
        }
    }

    #[test]
    fn a_word_from_elsewhere_is_none_of_ours_and_means_one() {
        for (key, words, meant) in WORDS {
            for word in words.iter() {
                assert!(key.kind.words().all(|own| own != *word), "{word} is a word of {}", key.name);
            }
            assert!(meant.is_none_or(|meant| key.kind.words().any(|own| own == meant)), "{}: {meant:?}", key.name);
        }
    }
}
