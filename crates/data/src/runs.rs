//! What Tunefork's own runs leave in folders: people keep them beside their images, also among their class folders.

/// The files and folders of a study, and of a training, but for its database and its models.
const LEFT: [&str; 19] = [
    "report.html",
    "report.md",
    "journal.md",
    "mistakes.json",
    "summary.json",
    "figures",
    "ray",
    "trials.csv",
    "best.toml",
    "best.json",
    "test.json",
    "config.toml",
    "progress.csv",
    "classes.csv",
    "confusion.csv",
    "trials",
    "checkpoints",
    "tensorboard",
    "mlflow.json",
];

/// Whether these are the names in the folder of a study or of a training.
pub(crate) fn are_marked<'n>(names: impl Iterator<Item = &'n str> + Clone) -> bool {
    let has = |mark: &str| names.clone().any(|name| name == mark);
    has("study.db") || has("config.toml") && has("progress.csv")
}

/// Whether a run has left what is called so in its folder.
pub(crate) fn left(name: &str) -> bool {
    // A database has files beside it, a model of several trainings is several files, and each may have been exported.
    let is_model = name.ends_with(".safetensors") || name.ends_with(".onnx");
    LEFT.contains(&name) || name.starts_with("study.db") || is_model
}
