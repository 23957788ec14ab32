//! Configurations that can never be trained: told before a study runs, and never tried.

use tunefork::study::{Ended, Event, Observer};
use tunefork::study_file::StudyFile;
use tunefork::trial::TrialState;
use tunefork::{DeviceChoice, Listener, Machine, Report, RunFolder, RunOptions, StudyPlan, StudySpec, run};

const IMAGES: &str = "[study]\ntrials = 6\n\
    [data]\nsize = 12\nclasses = 2\nimages = 60\ntest_images = 20\nvalidation = 20\n\
    [train]\nepochs = 1\nbatch_size = 2\n";

fn spec(rest: &str) -> StudySpec {
    let file = StudyFile::parse("study.toml", &format!("{IMAGES}{rest}")).unwrap_or_else(|e| panic!("{e}"));
    StudySpec::resolve(&file).unwrap_or_else(|e| panic!("{e}"))
}

fn machine() -> Machine {
    Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap()
}

/// What `tunefork plan` notes, but of the number of trials.
fn notes(rest: &str) -> Vec<String> {
    notes_of(&spec(rest))
}

fn notes_of(spec: &StudySpec) -> Vec<String> {
    let plan = StudyPlan::new(spec, &machine(), None, false, &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
    plan.warnings.into_iter().filter(|note| !note.contains("`trials` is")).collect()
}

fn run_all(rest: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunFolder::new(folder.path()), machine());
    run(&spec(rest), &options, &mut ()).unwrap_or_else(|e| panic!("{e}"))
}

/// A space, what `plan` says of it, and how many of six trials there are.
const SPACES: &[(&str, &[&str], usize)] = &[
    // More poolings than the images have room for.
    (
        "[model]\nlayers = { int = [2, 6] }\nchannels = 4\n",
        &[
            "`layers` = 4, 5 or 6 is never tried: blocks.3.pool: pooling 2x2 leaves less than one pixel of its input of \
           1x1x4; use smaller or fewer pooling layers, or larger images",
        ],
        6,
    ),
    // What goes together, and what does not; the defaults do not.
    (
        "optimizer = \"sgd\"\nnesterov = { choice = [true, false] }\nmomentum = { choice = [0.0, 0.9] }\n[model]\nchannels = [4]\n",
        &["of all 4 configurations 1 cannot be trained, so such are never tried, for example momentum=0.0 \
           nesterov=true: optimizer: momentum is 0, must be above 0 with nesterov"],
        6,
    ),
    // A grid is the smaller for it: 3 x 2 points, of which 2 x 2 can be trained.
    (
        "[search]\nsampler = \"grid\"\n[model]\nlayers = { int = [2, 4] }\nchannels = [4, 4, 4, 4]\nkernel = { choice = [1, 3] }\n",
        &["`layers` = 4 is never tried: blocks.3.pool: pooling 2x2 leaves less than one pixel of its input of \
           1x1x4; use smaller or fewer pooling layers, or larger images"],
        4,
    ),
    // All of it can be trained.
    ("[model]\nlayers = { int = [1, 3] }\nchannels = 4\n", &[], 6),
];

#[test]
fn what_can_never_be_trained_is_told_and_not_tried() {
    for (space, expected, trials) in SPACES {
        assert_eq!(notes(space), *expected, "{space}");
        let report = run_all(space);
        assert_eq!(report.study.trials.len(), *trials, "{space}");
        let ended = if *trials < 6 { Ended::Exhausted } else { Ended::Done };
        assert_eq!(report.outcome.ended, ended, "{space}");
        for trial in &report.study.trials {
            assert_eq!(trial.state, TrialState::Complete, "{space}: {}", trial.params());
        }
    }
}

/// A value is not blamed for what others do: here all channels fail with most numbers of groups.
#[test]
fn a_value_is_only_blamed_if_it_is_no_chance() {
    let space =
        "[model]\nlayers = 2\nnorm = \"group\"\nchannels = { int = [8, 64] }\nnorm_groups = { int = [2, 64] }\n";
    let [.., note] = &notes(space)[..] else { panic!("nothing was told") };
    assert!(note.starts_with("of 256 configurations drawn at random "), "{note}");
    let report = run_all(space);
    assert_eq!((report.study.trials.len(), report.outcome.ended), (6, Ended::Done));
}

/// The trials of a grid are those that can be trained.
#[test]
fn a_plan_counts_what_can_be_trained() {
    let space = "[search]\nsampler = \"grid\"\n[model]\nlayers = { int = [2, 4] }\nchannels = [4, 4, 4, 4]\nkernel = { choice = [1, 3] }\n";
    let plan = StudyPlan::new(&spec(space), &machine(), None, false, &mut |_| {}).unwrap();
    assert_eq!((plan.trials, plan.most_epochs), (4, 4));
}

#[test]
fn what_does_not_fit_is_told_and_not_tried() {
    let space = "memory = 16\n[model]\nchannels = [4]\nhidden = { log = [16, 65536] }\n";
    let [note] = &notes(space)[..] else { panic!("{:?}", notes(space)) };
    assert!(note.contains("configurations drawn at random") && note.contains("`memory` allows only"), "{note}");
    let report = run_all(space);
    assert_eq!(report.study.trials.len(), 6);
    assert!(report.study.trials.iter().all(|trial| trial.state == TrialState::Complete));
}

#[test]
fn a_given_trial_that_cannot_be_trained_is_told_and_fails() {
    let space = "[model]\nlayers = { int = [2, 6] }\nchannels = 4\n[[trial]]\nlayers = 2\n[[trial]]\nlayers = 6\n";
    let told = "study.toml:18:10: trial 1, which the file gives, will fail before it starts: blocks.3.pool";
    assert!(notes(space)[0].starts_with(told), "{:?}", notes(space));
    let states: Vec<TrialState> = run_all(space).study.trials.iter().map(|trial| trial.state).collect();
    assert_eq!(states[..2], [TrialState::Complete, TrialState::Failed]);
    assert!(states[2..].iter().all(|state| *state == TrialState::Complete));
}

#[test]
fn a_study_of_which_nothing_can_be_trained_is_refused_before_it_starts() {
    for space in ["[model]\nlayers = { int = [4, 6] }\nchannels = 4\n", "memory = 1\n[model]\nhidden = [65536]\n"] {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        let options = RunOptions::new(RunFolder::new(&runs), machine());
        let refused = run(&spec(space), &options, &mut ()).unwrap_err();
        let planned = StudyPlan::new(&spec(space), &machine(), None, false, &mut |_| {}).unwrap_err();
        assert_eq!(refused.to_string(), planned.to_string());
        assert!(refused.is_input() && refused.to_string().contains("cannot be trained: "), "{refused}");
        assert!(!runs.exists());
    }
}

#[test]
fn a_run_that_cannot_be_trained_is_told_by_its_name() {
    let space = "[model]\nchannels = 4\n[[experiment]]\nname = \"depth\"\nvary = { layers = [2, 6] }\n";
    let told = "trial 1, the run `layers=6` of the experiment `depth`, will fail before it starts: blocks.3.pool";
    assert!(notes(space)[0].contains(told), "{:?}", notes(space));
}

/// What listens to a run and keeps its warnings.
#[derive(Default)]
struct Warnings(Vec<String>);

impl Observer for Warnings {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Warning { message } = event {
            self.0.push(message.to_string());
        }
    }
}

impl Listener for Warnings {}

#[test]
fn a_run_tells_what_is_never_tried_and_leaves_it_out_of_the_folder() {
    let (space, expected, _) = SPACES[0];
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunFolder::new(folder.path()), machine());
    let mut told = Warnings::default();
    run(&spec(space), &options, &mut told).unwrap_or_else(|e| panic!("{e}"));
    assert!(told.0.iter().any(|warning| warning == expected[0]), "{:?}", told.0);
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(!report.contains("is never tried"), "{report}");
}

/// Settings that do nothing with images of 12 x 12 pixels, of which 40 are trained on.
#[test]
fn what_does_nothing_with_these_images_is_told_with_its_place() {
    for (settings, expected) in [
        (
            "cutout = 4096",
            &["study.toml:12:10: `cutout` is 4096, and images have 12x12x1: nothing is left of them"][..],
        ),
        (
            "cutout = { int = [11, 22] }",
            &[
                "study.toml:12:10: `cutout` goes up to 22, and images have 12x12x1: on average more than half of an image \
               is erased then",
            ],
        ),
        ("cutout = 11", &[]),
        (
            "crop = 1000",
            &[
                "study.toml:12:8: `crop` is 1000, and images have 12x12x1: on average more than half of what is cut out \
               is empty",
            ],
        ),
        ("crop = 4", &[]),
        ("train_steps = 30", &["study.toml:12:15: `train_steps` is 30, but an epoch has only 20 steps"]),
    ] {
        assert_eq!(notes(&format!("{settings}\n[model]\nchannels = [4]\n")), expected, "{settings}");
    }
    let batches = |batch_size: &str| -> Vec<String> {
        let text = IMAGES.replace("batch_size = 2", &format!("batch_size = {batch_size}")) + "[model]\nlayers = 0\n";
        notes_of(&StudySpec::resolve(&StudyFile::parse("study.toml", &text).unwrap()).unwrap())
    };
    assert_eq!(batches("40"), [""; 0]);
    assert_eq!(batches("1000"), ["study.toml:11:14: `batch_size` is 1000, but there are only 40 training images"]);
    assert_eq!(
        batches("{ choice = [20, 80] }"),
        ["study.toml:11:14: `batch_size` goes up to 80, but there are only 40 training images"]
    );
    assert_eq!(
        batches("{ choice = [64, 128, 256] }"),
        ["study.toml:11:14: `batch_size` changes nothing: from 64 on each step takes all of the 40 training images"]
    );
}
