//! Runs that cannot go on, or are stopped at an odd moment.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tunefork::study::{Ended, Event, Observer};
use tunefork::study_file::StudyFile;
use tunefork::{BenchOptions, DeviceChoice, Listener, Machine, Material, RunFolder, RunOptions, StudySpec, bench, run};

const TINY: &str = "[study]\ntrials = 1\n\
    [data]\nsize = 12\nclasses = 2\nimages = 60\ntest_images = 20\nvalidation = 20\n\
    [model]\nchannels = [4]\nhidden = [8]\n\
    [train]\nepochs = 1\nbatch_size = 20\n";

fn resolve(text: &str, options: &[&str]) -> StudySpec {
    let mut file = StudyFile::parse("tiny.toml", text).unwrap_or_else(|e| panic!("{e}"));
    for option in options {
        file.set(option).unwrap_or_else(|e| panic!("{e}"));
    }
    StudySpec::resolve(&file).unwrap_or_else(|e| panic!("{e}"))
}

fn machine() -> Machine {
    Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap()
}

/// Presses Ctrl-C when the last trial has ended.
struct StopAtTheEnd(Arc<AtomicBool>);

impl Listener for StopAtTheEnd {}

impl Observer for StopAtTheEnd {
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::TrialFinished { .. }) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

fn run_in(folder: &Path, stop: bool) -> tunefork::Report {
    let options = RunOptions::new(RunFolder::new(folder), machine());
    let mut listener = StopAtTheEnd(match stop {
        true => Arc::clone(&options.stop),
        false => Arc::default(),
    });
    run(&resolve(TINY, &[]), &options, &mut listener).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_study_stopped_before_the_test_images_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = run_in(folder.path(), true);
    assert_eq!((stopped.outcome.ended, stopped.test), (Ended::Interrupted, None));
    let done = run_in(folder.path(), false);
    assert_eq!(done.outcome.ended, Ended::Done);
    assert!(done.test.is_some());
    let again = run_in(folder.path(), true);
    assert_eq!((again.outcome.ended, again.test), (Ended::Done, done.test));
}

#[test]
fn a_normalisation_for_other_channels_is_refused() {
    let spec = resolve(TINY, &["mean=[0.1, 0.2, 0.3]", "std=[1.0, 1.0, 1.0]"]);
    let error = Material::open(&spec, None, &mut |_| {}).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("`mean` is [0.1, 0.2, 0.3]") && message.contains("the images have 1"), "{message}");
    assert!(error.is_input());
}

/// Rows that are masked out of a batch are no work.
#[test]
fn coarse_labels_of_a_set_without_them_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data_batch_1.bin"), [0]).unwrap();
    let cifar10 = folder.path().to_str().unwrap();
    for source in ["generated", "noise", cifar10] {
        let spec = resolve("", &[&format!("source={source}"), "labels=coarse"]);
        let error = Material::open(&spec, None, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("only CIFAR-100 in its binary form has coarse labels"), "{source}: {error}");
    }
}

#[test]
fn a_bench_of_less_than_a_batch_counts_only_its_images() {
    let spec = resolve(TINY, &[]);
    let options = BenchOptions { images: Some(10), batch: Some(10_000) };
    let result = bench(&spec, &options, &machine(), None, &mut |_| {}).unwrap();
    assert_eq!((result.images, result.batch), (10, 10_000));
    assert!(result.gflops < 1000.0, "{}", result.gflops);
}
