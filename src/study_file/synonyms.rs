//! What other programs call the things that our keys name.

use super::key::Key;
use super::table::*;

/// Names that people bring along from elsewhere (Keras, PyTorch, scikit-learn, Optuna, Ray Tune), and the key that they mean.
const SYNONYMS: &[(&[&str], &Key)] = &[
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
    (&["batchnorm", "bn", "use_bn", "batch_normalization", "normalization"], NORM.key()),
    (&["pooling"], POOL.key()),
    (&["units", "dense", "dense_units", "fc", "fc_units", "neurons", "hidden_units", "hidden_size"], HIDDEN.key()),
    (&["n_hidden", "dense_layers", "fc_layers"], HIDDEN_LAYERS.key()),
    (&["dropout_rate", "drop_rate", "p"], DROPOUT.key()),
    (&["kernel_initializer", "init", "weight_init", "initializer"], INITIALISATION.key()),
    (&["n_epochs", "num_epochs", "max_epochs"], EPOCHS.key()),
    (&["batch", "bs", "minibatch", "mini_batch_size"], BATCH_SIZE.key()),
    (&["lr", "eta", "alpha0", "step_size"], LEARNING_RATE.key()),
    (&["l2", "l2_penalty", "decay", "wd"], WEIGHT_DECAY.key()),
    (&["rho"], ALPHA.key()),
    (&["lr_schedule", "lr_scheduler"], SCHEDULE.key()),
    (&["lr_step", "step_lr", "decay_every"], DROP_EVERY.key()),
    (&["gamma", "lr_factor"], DROP_FACTOR.key()),
    (&["warmup_epochs"], WARMUP.key()),
    (&["early_stopping", "es_patience"], EARLY_STOP.key()),
    (&["steps_per_epoch"], TRAIN_STEPS.key()),
    (&["clipnorm", "grad_clip", "max_grad_norm", "clip_norm"], CLIP.key()),
    (&["random_flip", "horizontal_flip"], FLIP.key()),
    (&["random_crop"], CROP.key()),
    (&["rotation", "rotation_range"], ROTATE.key()),
    (&["random_erasing"], CUTOUT.key()),
    (&["dtype", "amp", "mixed_precision"], PRECISION.key()),
    (&["pruner", "scheduler"], KIND.key()),
    (&["n_startup_trials", "initial_random"], STARTUP_TRIALS.key()),
    (&["n_ei_candidates"], CANDIDATES.key()),
    (&["min_resource", "grace_period"], MIN_EPOCHS.key()),
    (&["reduction_factor"], REDUCTION.key()),
];

/// The key that is meant by a name from elsewhere.
pub(super) fn meant_by(name: &str) -> Option<&'static Key> {
    let name = name.to_lowercase();
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
