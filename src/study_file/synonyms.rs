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
    // Of Optuna's TPE, which weighs trials by a fixed rule here.
    (Section::Search, &["gamma"], None),
    (Section::Search, &["kind", "algorithm", "method", "strategy"], Some(SAMPLER.key())),
    (Section::Scheduler, &["eta", "factor"], Some(REDUCTION.key())),
    (Section::Scheduler, &["n_startup_trials"], Some(MIN_TRIALS.key())),
];

/// What other programs call our sections.
const SECTIONS: &[(&[&str], Section)] = &[
    (
        &["optim", "optimizer", "training", "trainer", "augmentation", "augment", "augmentations", "transforms"],
        Section::Train,
    ),
    (&["dataset", "dataloader"], Section::Data),
    (&["network", "net", "architecture"], Section::Model),
    (&["sampler", "tuner"], Section::Search),
    (&["pruner", "pruning"], Section::Scheduler),
];

/// The section that is meant by a title from elsewhere.
pub(super) fn section_meant_by(title: &str) -> Option<Section> {
    let title = title.to_lowercase();
    SECTIONS.iter().find(|(titles, _)| titles.contains(&title.as_str())).map(|(_, section)| *section)
}

/// The key that is meant by a name from elsewhere, which stands in a section if that is known.
pub(super) fn meant_by(name: &str, section: Option<Section>) -> Option<&'static Key> {
    let name = name.to_lowercase();
    let is_meant = |row: &&(Section, &[&str], Option<&Key>)| Some(row.0) == section && row.1.contains(&name.as_str());
    if let Some((_, _, key)) = IN_A_SECTION.iter().find(is_meant) {
        return *key;
    }
    let (_, key) = SYNONYMS.iter().find(|(names, _)| names.contains(&name.as_str()))?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_synonym_is_no_key_and_means_one_thing() {
        let mut seen = HashSet::new();
        for name in SYNONYMS.iter().flat_map(|(names, _)| *names) {
            assert!(Key::find(name).is_none(), "{name} is a key itself");
            assert!(seen.insert(name), "{name} stands there twice");
        }
    }
}
