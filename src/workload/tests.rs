//! What trials that are several trainings bring, beside what these bring alone.

use std::path::Path;

use tunefork_study::{EpochReport, Run, StopFlag, TrialProgress};
use tunefork_train::Precision;
use tunefork_trial::TrialNumber;

use super::*;
use crate::DeviceChoice;
use crate::study_file::StudyFile;

const TINY: &str = "[study]\nseed = 5\nreplicates = 2\nat = \"best\"\n\
    [data]\nsize = 12\nclasses = 2\nimages = 90\ntest_images = 10\nfolds = 3\n\
    [model]\nchannels = [4]\nhidden = [8]\ndropout = 0.2\n\
    [train]\nepochs = 4\nbatch_size = 16\nlearning_rate = 0.01\nflip = 0.5\n";

fn training(options: &[&str], folder: &Path) -> Training {
    let mut file = StudyFile::parse("tiny.toml", TINY).unwrap();
    for option in options {
        file.set(option).unwrap();
    }
    let spec = StudySpec::resolve(&file).unwrap();
    let material = Material::open(&spec, None, &mut |_| {}).unwrap();
    let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap();
    Training::new(spec, material, machine, folder.join("model.safetensors"))
}

fn context(training: &Training) -> TrialContext {
    let params = training.spec.baseline();
    TrialContext {
        number: TrialNumber(2),
        key: Key::study(training.spec.seed()).trial(2),
        blueprint: Arc::new(training.blueprint(&params).unwrap()),
        params: Arc::new(params),
        threads: 1,
        stop: StopFlag::default(),
        progress: TrialProgress::default(),
    }
}

/// The reports of a run that goes on, without times, and the files that are kept of it.
fn finish(training: &Training, run: &mut TrainingRun) -> (Vec<EpochReport>, Vec<Vec<u8>>) {
    let context = context(training);
    let reports = (run.epochs_done()..context.blueprint.epochs)
        .map(|_| EpochReport { timing: None, ..run.epoch().unwrap() })
        .collect();
    training.keep(&context, run).unwrap();
    let models = training.models();
    let read = |model: &PathBuf| std::fs::read(model).unwrap();
    (reports, models.iter().map(read).collect())
}

/// What a training with this key brings on a fold, alone: the value that counts, and its model.
fn alone(training: &Training, member: Member) -> (f64, Vec<u8>) {
    let config = training.spec.fixed();
    let key = Key::study(5).trial(2);
    let key = key.replicate(member.replicate).fold(member.fold);
    let division = &training.material.divisions[member.fold as usize];
    let device = training.machine.device(1, Precision::F32).unwrap();
    let mut trainer = Trainer::new(task(config, division, key), &*device).unwrap();
    while !trainer.is_over() {
        trainer.epoch().unwrap();
    }
    let value = trainer.value().unwrap().value;
    (value, model(&trainer).unwrap().to_bytes().unwrap())
}

#[test]
fn each_training_brings_what_it_brings_alone() {
    let folder = tempfile::tempdir().unwrap();
    for at in ["at=best", "at=last"] {
        for order in ["fold_order=side_by_side", "fold_order=sequential"] {
            let training = training(&[at, order], folder.path());
            let mut run = training.start(&context(&training), None).unwrap();
            let (reports, models) = finish(&training, &mut run);
            let last = reports.last().unwrap();
            assert_eq!((last.members.len(), models.len()), (6, 6));
            for (report, bytes) in last.members.iter().zip(&models) {
                let (value, expected) = alone(&training, report.member);
                assert_eq!(report.value, value, "{at} {order} {}", report.member);
                assert!(*bytes == expected, "{at} {order} {}", report.member);
            }
            let values: Vec<f64> = last.members.iter().map(|report| report.value).collect();
            assert_eq!(last.value, tunefork_study::mean(&values));
            let distinct: std::collections::BTreeSet<_> = models.iter().collect();
            assert_eq!(distinct.len(), 6, "no two have the same draws and images");
        }
    }
}

#[test]
fn how_far_a_run_is_can_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    for order in ["fold_order=side_by_side", "fold_order=sequential"] {
        let training = training(&[order], folder.path());
        let context = context(&training);
        let mut run = training.start(&context, None).unwrap();
        assert_eq!(context.progress.epochs(), 0.0);
        run.epoch().unwrap();
        assert_eq!(context.progress.epochs(), 1.0, "{order}");
        let checkpoint = run.checkpoint().unwrap();
        context.progress.set_epochs(0.0);
        let mut again = training.start(&context, Some(&checkpoint)).unwrap();
        assert_eq!(context.progress.epochs(), 1.0, "{order}: where it goes on");
        context.stop.raise();
        assert!(again.epoch().is_err());
        assert_eq!(context.progress.epochs(), 1.0, "{order}: it stops before its first step");
    }
}

#[test]
fn a_run_goes_on_from_any_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    for order in ["fold_order=side_by_side", "fold_order=sequential"] {
        let training = training(&[order], folder.path());
        let context = context(&training);
        let mut run = training.start(&context, None).unwrap();
        let whole = finish(&training, &mut run);
        let mut run = training.start(&context, None).unwrap();
        for done in 1..=context.blueprint.epochs {
            run.epoch().unwrap();
            let checkpoint = run.checkpoint().unwrap();
            let mut again = training.start(&context, Some(&checkpoint)).unwrap();
            assert_eq!(again.epochs_done(), done);
            let (reports, models) = finish(&training, &mut again);
            assert_eq!(reports, whole.0[done as usize..], "{order} {done}");
            assert!(models == whole.1, "{order} {done}");
        }
        let checkpoint = run.checkpoint().unwrap();
        let half = &checkpoint[..checkpoint.len() / 2];
        assert!(training.start(&context, Some(half)).is_err());
    }
}

#[test]
fn a_plan_is_that_of_all_trainings_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |options: &[&str]| {
        let training = training(options, folder.path());
        training.blueprint(&training.spec.baseline()).unwrap()
    };
    let beside = plan(&[]);
    let after = plan(&["fold_order=sequential"]);
    let single = plan(&["fold_order=sequential", "replicates=1"]);
    assert_eq!((beside.epochs, after.epochs), (4, 12));
    assert_eq!(beside.plan_bytes, 6 * single.plan_bytes);
    assert_eq!(after.plan_bytes, 2 * single.plan_bytes);
    // The folds are equally large here.
    assert_eq!(beside.epoch_cost.flops, 6 * single.epoch_cost.flops);
    assert_eq!(after.epoch_cost.steps, 2 * single.epoch_cost.steps);
}

#[test]
fn trainings_share_the_memory_of_their_trial() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |options: &[&str]| {
        let training = training(options, folder.path());
        let refusal = training.blueprint(&training.spec.baseline()).err();
        refusal.map(|failure| (failure.kind, failure.message))
    };
    let wide = ["memory=5", "hidden=[640]"];
    let single = [&wide[..], &["fold_order=sequential", "replicates=1"]].concat();
    assert_eq!(refusal(&single), None);
    let (kind, message) = refusal(&wide).expect("six of them take more");
    assert_eq!(kind, FailureKind::DoesNotFit);
    assert!(message.starts_with("6 trainings share a trial's memory: "), "{message}");
}

#[test]
fn when_a_trial_is_over_is_seen_from_the_means() {
    let folder = tempfile::tempdir().unwrap();
    // With so small a rate no value gets better, so each training alone would end after two epochs.
    let options = ["early_stop=1", "learning_rate=1e-9", "at=last"];
    let beside = training(&options, folder.path());
    let mut run = beside.start(&context(&beside), None).unwrap();
    let (reports, _) = finish(&beside, &mut run);
    assert_eq!(reports.len(), 4, "whether to go on is not theirs to say");
    let over = |training: &Training, values: &[f64]| training.is_over(&training.spec.baseline(), values);
    assert!(!over(&beside, &[0.5, 0.6]));
    assert!(over(&beside, &[0.5, 0.6, 0.6]));
    let after = training(&["fold_order=sequential"], folder.path());
    assert!(!over(&after, &[0.5; 11]));
    assert!(over(&after, &[0.5; 12]));
}

#[test]
fn trials_that_are_one_training_report_no_members() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = StudyFile::parse("tiny.toml", &TINY.replace("folds = 3", "")).unwrap();
    file.set("replicates=1").unwrap();
    let spec = StudySpec::resolve(&file).unwrap();
    let material = Material::open(&spec, None, &mut |_| {}).unwrap();
    let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap();
    let training = Training::new(spec, material, machine, folder.path().join("m.safetensors"));
    let mut run = training.start(&context(&training), None).unwrap();
    let (reports, models) = finish(&training, &mut run);
    assert!(reports.iter().all(|report| report.members.is_empty()));
    let (value, expected) = alone(&training, Member { replicate: 0, fold: 0 });
    let values = reports.iter().map(|report| report.value);
    assert_eq!(values.reduce(f64::max), Some(value), "each epoch tells its own value");
    assert!(models == [expected]);
}
