//! The studies that are shipped: each resolves, and describes the networks it says it does.

use std::path::{Path, PathBuf};

use tunefork::study_file::{StudyFile, table::AS_TRIAL};
use tunefork::{Config, Experiment, StudySpec};
use tunefork_nn::Image;
use tunefork_space::{Params, Value};

fn studies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("studies")
}

fn resolve(name: &str) -> StudySpec {
    let file = StudyFile::read(&studies().join(name)).unwrap_or_else(|e| panic!("{e}"));
    StudySpec::resolve(&file).unwrap_or_else(|e| panic!("{e}"))
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(toml_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_study_resolves_and_says_what_it_is() {
    let files = toml_files(&studies());
    assert!(files.len() >= 10, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let (schema, header) = text.split_once('\n').unwrap();
        assert!(header.starts_with("# "), "{} has no header", path.display());
        let schema = schema.strip_prefix("#:schema ").unwrap_or_else(|| panic!("{} names no schema", path.display()));
        assert!(path.parent().unwrap().join(schema).is_file(), "{}: {schema}", path.display());
        let file = StudyFile::read(&path).unwrap_or_else(|e| panic!("{e}"));
        let spec = StudySpec::resolve(&file).unwrap_or_else(|e| panic!("{e}"));
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(spec.name(), stem, "a study is named as its file");
        assert_eq!(spec.notes(), [""; 0], "{}", path.display());
    }
}

#[test]
fn networks_have_the_parameters_of_their_peers() {
    let grey = Image::new(28, 28, 1);
    // Counted as PyTorch's `sum(p.numel() for p in net.parameters())` counts peers/torch_epoch.py.
    for (name, input, classes, expected) in [
        ("fashion_cnn_best.toml", grey, 10, 421_834),
        ("networks/m0.toml", grey, 10, 804_554),
        ("networks/m1.toml", grey, 10, 421_834),
        ("networks/m2.toml", Image::new(224, 224, 3), 5, 12_939_525),
        ("networks/m3.toml", Image::new(64, 64, 3), 200, 1_237_640),
        ("networks/m4.toml", grey, 10, 269_322),
    ] {
        let network = resolve(name).fixed().network(input, classes);
        assert_eq!(network.parameter_count().unwrap(), expected, "{name}");
    }
}

/// The largest and the smallest network of the space, counted by hand from peers/optuna_study.py.
#[test]
fn the_reference_study_spans_the_peers_space() {
    let spec = resolve("fashion_reference.toml");
    let names: Vec<_> = spec.space().parameters().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "layers",
            "channels.start",
            "kernel",
            "batch_norm",
            "activation",
            "hidden.0",
            "dropout",
            "batch_size",
            "optimizer",
            "learning_rate",
            "weight_decay"
        ]
    );
    let mut params = spec.baseline();
    let mut count = |values: [(&str, Value); 5]| {
        for (name, value) in values {
            params.set(name, value);
        }
        let network = spec.config(&params).network(Image::new(28, 28, 1), 10);
        network.parameter_count().unwrap()
    };
    let largest = count([
        ("layers", 3.into()),
        ("channels.start", 64.into()),
        ("kernel", 5.into()),
        ("batch_norm", true.into()),
        ("hidden.0", 256.into()),
    ]);
    let convolutions = (25 * 64 + 64) + (25 * 64 * 128 + 128) + (25 * 128 * 256 + 256);
    let norms = 2 * (64 + 128 + 256);
    let dense = (256 * 3 * 3 * 256 + 256) + (256 * 10 + 10);
    assert_eq!(largest, convolutions + norms + dense);
    let smallest = count([
        ("layers", 1.into()),
        ("channels.start", 16.into()),
        ("kernel", 3.into()),
        ("batch_norm", false.into()),
        ("hidden.0", 64.into()),
    ]);
    assert_eq!(smallest, (9 * 16 + 16) + (16 * 14 * 14 * 64 + 64) + (64 * 10 + 10));
}

#[test]
fn a_written_configuration_reads_back_to_itself() {
    for path in toml_files(&studies()) {
        let spec = StudySpec::resolve(&StudyFile::read(&path).unwrap()).unwrap();
        let config = spec.config(&spec.baseline()).with(AS_TRIAL.key(), 3.into());
        let again = read_config(&config.to_toml());
        for (key, constant) in config.iter() {
            if !key.is_for_a_search() {
                let place = format!("{}: {}", path.display(), key.name);
                assert_eq!(again.get(key), Some(constant), "{place}");
            }
        }
    }
}

fn read_config(text: &str) -> Config {
    let file = StudyFile::parse("best.toml", text).unwrap_or_else(|e| panic!("{e}"));
    let spec = StudySpec::resolve(&file).unwrap_or_else(|e| panic!("{e}"));
    assert!(spec.space().is_empty(), "nothing varies");
    spec.config(&Params::default())
}

/// Runs, distinct ones and epochs of each experiment.
fn experiments(name: &str) -> Vec<(String, usize, usize)> {
    let spec = resolve(name);
    let count = |e: &Experiment| (e.name.clone(), e.runs.len(), e.trials().len());
    spec.experiments().iter().map(count).collect()
}

/// The report counts its baseline anew in each of its six experiments.
#[test]
fn the_grid_of_perceptrons_has_the_reports_58_runs() {
    let experiments = experiments("fashion_mlp_grid.toml");
    let runs: Vec<(&str, usize)> = experiments.iter().map(|(name, runs, _)| (name.as_str(), *runs)).collect();
    assert_eq!(
        runs,
        [("epochs", 3), ("units", 36), ("batch_size", 6), ("depth", 3), ("learning_rate", 6), ("optimizer", 4)]
    );
    assert_eq!(runs.iter().map(|(_, runs)| runs).sum::<usize>(), 58);
    let spec = resolve("fashion_mlp_grid.toml");
    assert_eq!(spec.trials(), 58 - 5, "the baseline is trained once");
    let baseline = spec.baseline_trial().expect("the baseline is a run");
    let names: Vec<&str> = spec.runs_of(baseline).into_iter().map(|(_, run)| run).collect();
    assert_eq!(
        names,
        [
            "epochs=5",
            "hidden.0=256 hidden.1=256",
            "batch_size=64",
            "hidden=[256, 256]",
            "learning_rate=0.001",
            "optimizer=adam"
        ]
    );
}

#[test]
fn the_convolutional_experiments_have_the_reports_19_runs() {
    let experiments = experiments("fashion_cnn_experiments.toml");
    let counts: Vec<(usize, usize)> = experiments.iter().map(|(_, r, t)| (*r, *t)).collect();
    assert_eq!(counts, [(5, 5), (2, 2), (3, 3), (2, 2), (4, 4), (3, 3)]);
    let spec = resolve("fashion_cnn_experiments.toml");
    assert_eq!(spec.trials(), 12);
    let best = spec.space().params(&spec.enqueued()[2]);
    assert_eq!(
        spec.runs_of(2),
        [
            ("dropout", "dropout=0.3"),
            ("dropout_x_batch_norm", "dropout=0.3 batch_norm=true"),
            ("combined", "combined_optimal")
        ]
    );
    let network = spec.config(&best).network(Image::new(28, 28, 1), 10);
    assert_eq!(network.parameter_count().unwrap(), 421_834);
}
