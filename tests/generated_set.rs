//! The generated images are worth tuning on: hyperparameters matter, and none of them is trivial.

use tunefork::study_file::StudyFile;
use tunefork::{DeviceChoice, Machine, RunFolder, RunOptions, StudySpec, TrainOptions, run, train};

fn resolve(text: &str) -> StudySpec {
    let file = StudyFile::parse("generated.toml", text).unwrap_or_else(|e| panic!("{e}"));
    StudySpec::resolve(&file).unwrap_or_else(|e| panic!("{e}"))
}

fn machine() -> Machine {
    Machine::new(DeviceChoice::Cpu, "auto", None).unwrap()
}

/// Validation accuracy of one training run.
fn accuracy(text: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let options = TrainOptions {
        folder: RunFolder::new(folder.path()),
        data_dir: None,
        machine: machine(),
        stop: Default::default(),
    };
    train(&resolve(text), &options, &mut |_| {}).unwrap().value
}

#[test]
fn the_default_configuration_does_fairly() {
    let accuracy = accuracy("");
    assert!((0.60..=0.85).contains(&accuracy), "{accuracy}");
}

#[test]
fn a_learning_rate_100_times_too_high_collapses() {
    let accuracy = accuracy("[train]\nlearning_rate = 0.1\nepochs = 3");
    assert!(accuracy < 0.20, "{accuracy}");
}

#[test]
fn a_linear_model_fails() {
    let accuracy = accuracy("[model]\nlayers = 0\nhidden_layers = 0\n[train]\nepochs = 20");
    assert!(accuracy < 0.50, "{accuracy}");
}

/// A smaller set and short trials, so that thirty of them take seconds.
#[test]
fn the_best_of_30_random_configurations_stands_out() {
    let spec = resolve(
        "[study]\ntrials = 30\n[data]\nsize = 20\nclasses = 4\nimages = 1200\ntest_images = 0\n\
         [model]\nlayers = { int = [1, 2] }\n\
         channels = { start = { choice = [4, 8, 16] }, factor = 2 }\nkernel = { choice = [3, 5] }\n\
         batch_norm = { choice = [true, false] }\nhidden = [32]\ndropout = { uniform = [0.0, 0.5] }\n\
         [train]\nepochs = 6\nbatch_size = { choice = [16, 32] }\n\
         optimizer = { choice = [\"adam\", \"sgd\"] }\nlearning_rate = { log = [1e-4, 1e-1] }\n\
         [search]\nsampler = \"random\"",
    );
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunFolder::new(folder.path()), machine());
    let report = run(&spec, &options, &mut ()).unwrap();
    let mut values: Vec<f64> = report.study.trials.iter().filter_map(|trial| trial.value).collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values.len(), 30);
    let (median, best) = (values[15], values[29]);
    assert!(best >= median + 0.10, "best {best}, median {median}, all {values:?}");
}
