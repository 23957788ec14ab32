//! What experiments mean: trials, parameters, equal configurations, one experiment alone.

use tunefork::study::Storage as _;
use tunefork::study_file::table::{CHANNELS, DROPOUT, EPOCHS, HIDDEN, WEIGHT_DECAY};
use tunefork::study_file::{FileError, StudyFile};
use tunefork::{DeviceChoice, Machine, RunFolder, RunOptions, StudySpec, read_study, run};
use tunefork_nn::{Image, Norm};
use tunefork_space::Value;
use tunefork_storage::SqliteStorage;

fn resolve(text: &str, options: &[&str]) -> Result<StudySpec, FileError> {
    let mut file = StudyFile::parse("study.toml", text)?;
    for option in options {
        file.set(option)?;
    }
    StudySpec::resolve(&file)
}

fn resolved(text: &str) -> StudySpec {
    resolve(text, &[]).unwrap_or_else(|e| panic!("{e}"))
}

/// The trials as parameters with values.
fn trials(spec: &StudySpec) -> Vec<String> {
    let points = spec.enqueued().iter();
    points.map(|point| spec.space().params(point).to_string()).collect()
}

/// The parameters with their domains, and with the conditions under which they exist.
fn parameters(spec: &StudySpec) -> Vec<String> {
    let describe = |p: &tunefork_space::Parameter| {
        let when = p.when.iter().map(|condition| {
            let values: Vec<_> = condition.any_of.iter().map(Value::to_string).collect();
            format!(" if {} is {}", condition.parameter, values.join(" or "))
        });
        format!("{} {}{}", p.name, p.domain, when.collect::<String>())
    };
    spec.space().parameters().iter().map(describe).collect()
}

#[test]
fn one_factor_is_a_parameter_and_its_values_are_trials() {
    let spec = resolved(
        "[model]\ndropout = 0.3\n\
         [[experiment]]\nname = \"d\"\nvary = { \"model.dropout\" = [0.5, 0, 0.3] }",
    );
    assert_eq!(parameters(&spec), ["dropout {0.0, 0.3, 0.5}"]);
    assert_eq!(trials(&spec), ["dropout=0.5", "dropout=0.0", "dropout=0.3"]);
    assert_eq!((spec.trials(), spec.baseline_trial()), (3, Some(2)));
    assert_eq!(spec.runs_of(1), [("d", "dropout=0.0")]);
    assert_eq!(DROPOUT.of(spec.fixed()), 0.3);
}

#[test]
fn a_baseline_that_no_experiment_contains_is_not_run() {
    let spec = resolved("[[experiment]]\nname = \"d\"\nvary = { dropout = [0.2, 0.4] }");
    assert_eq!(parameters(&spec), ["dropout {0.0, 0.2, 0.4}"]);
    assert_eq!(trials(&spec), ["dropout=0.2", "dropout=0.4"]);
    assert_eq!(spec.baseline_trial(), None);
}

#[test]
fn several_keys_are_combined_and_the_last_changes_fastest() {
    let spec = resolved(
        "[[experiment]]\nname = \"x\"\n\
         vary = { optimizer = [\"sgd\", \"adam\"], epochs = [3, 5] }",
    );
    assert_eq!(
        trials(&spec),
        ["epochs=3 optimizer=sgd", "epochs=5 optimizer=sgd", "epochs=3 optimizer=adam", "epochs=5 optimizer=adam"]
    );
    assert_eq!(spec.runs_of(1), [("x", "optimizer=sgd epochs=5")]);
    assert_eq!(spec.epochs_range(), (3, 5), "the baseline is not run");
}

#[test]
fn lists_are_taken_apart_into_a_counter_and_layers() {
    let spec = resolved(
        "[model]\nchannels = [32, 64]\n\
         [[experiment]]\nname = \"depth\"\nvary = { channels = [[32], [32, 64], [16, 64, 128]] }",
    );
    assert_eq!(parameters(&spec), ["layers {1, 2, 3}", "channels.0 {16, 32}"]);
    assert_eq!(trials(&spec), ["layers=1 channels.0=32", "layers=2 channels.0=32", "layers=3 channels.0=16"]);
    let lists: Vec<String> = (spec.enqueued().iter())
        .map(|point| {
            let config = spec.config(&spec.space().params(point));
            config.get(&CHANNELS).expect("there are layers").to_toml()
        })
        .collect();
    assert_eq!(lists, ["[32]", "[32, 64]", "[16, 64, 128]"]);
}

/// A layer whose units differ exists only where the network is deep enough.
#[test]
fn layers_exist_where_the_run_has_them() {
    let spec = resolved(
        "[model]\nhidden = [8, 8]\n[[experiment]]\nname = \"a\"\n\
         vary = { hidden = [[8], [8, 16], [8, 32]] }",
    );
    assert_eq!(parameters(&spec), ["hidden_layers {1, 2}", "hidden.1 {8, 16, 32} if hidden_layers is 2"]);
    assert_eq!(trials(&spec), ["hidden_layers=1", "hidden_layers=2 hidden.1=16", "hidden_layers=2 hidden.1=32"]);
}

#[test]
fn one_value_for_all_layers_leaves_their_number() {
    let spec = resolved(
        "[model]\nchannels = [8, 16, 32]\n\
         [[experiment]]\nname = \"even\"\nruns = [{ name = \"all\", channels = 4 }]\n\
         [[experiment]]\nname = \"kernel\"\nvary = { kernel = [3, 5] }",
    );
    assert_eq!(parameters(&spec), ["channels.0 {4, 8}", "channels.1 {4, 16}", "channels.2 {4, 32}", "kernel {3, 5}"]);
    let config = spec.config(&spec.space().params(&spec.enqueued()[0]));
    assert_eq!(config.list(&CHANNELS), [Value::Int(4), Value::Int(4), Value::Int(4)]);
}

/// A key that holds nothing by default holds nothing in the runs that do not set it.
#[test]
fn what_only_some_runs_have_is_absent_in_the_others() {
    let spec = resolved(
        "[[experiment]]\nname = \"decay\"\n\
         runs = [{ name = \"none\" }, { name = \"some\", weight_decay = 0.01 }]",
    );
    assert_eq!(parameters(&spec), ["weight_decay {null, 0.01}"]);
    let config = |trial: usize| spec.config(&spec.space().params(&spec.enqueued()[trial]));
    assert_eq!(WEIGHT_DECAY.of(&config(0)), None);
    assert!(!config(0).to_toml().contains("weight_decay"));
    assert_eq!(WEIGHT_DECAY.of(&config(1)), Some(0.01));
}

#[test]
fn equal_configurations_are_one_trial_of_several_experiments() {
    let spec = resolved(
        "[model]\nchannels = [8, 16]\n\
         [[experiment]]\nname = \"depth\"\nvary = { channels = [[8], [8, 16]] }\n\
         [[experiment]]\nname = \"layers\"\nvary = { layers = [1, 2] }\n\
         [[experiment]]\nname = \"named\"\nruns = [{ name = \"base\" }, { name = \"same\", dropout = 0 }]",
    );
    assert_eq!(trials(&spec), ["layers=1", "layers=2"]);
    assert_eq!(spec.runs_of(0), [("depth", "channels=[8]"), ("layers", "layers=1")]);
    assert_eq!(
        spec.runs_of(1),
        [("depth", "channels=[8, 16]"), ("layers", "layers=2"), ("named", "base"), ("named", "same")]
    );
    assert_eq!(spec.experiments()[2].trials(), [1]);
}

/// What a key says is one thing, what it means another.
#[test]
fn configurations_that_mean_the_same_are_one_trial() {
    let runs = [
        "name = \"base\"",
        "name = \"norm\", norm = \"batch\"",
        "name = \"padding\", padding = 1",
        "name = \"zero\", dropout = -0.0",
        "name = \"decay\", weight_decay = 0",
        "name = \"momentum\", momentum = 0.5",
        "name = \"groups\", norm_groups = 4",
        "name = \"drops\", drop_every = 3.0",
        "name = \"wide\", padding = 0",
        "name = \"group\", norm = \"group\", norm_groups = 1",
        "name = \"layer\", norm = \"layer\"",
        "name = \"sgd\", optimizer = \"sgd\"",
        "name = \"sgd again\", optimizer = \"sgd\", beta1 = 0.5, momentum = 0.0",
        "name = \"no decay\", decay_norms_and_biases = false",
        "name = \"linear\", layers = 0, hidden_layers = 0",
        "name = \"linear tanh\", layers = 0, hidden_layers = 0, activation = \"tanh\"",
    ];
    let runs = runs.map(|run| format!("{{ {run} }}")).join(", ");
    let spec = resolved(&format!("[model]\nlayers = 1\nkernel = 3\n[[experiment]]\nname = \"a\"\nruns = [{runs}]"));
    let numbers: Vec<u32> = spec.experiments()[0].runs.iter().map(|run| run.trial).collect();
    assert_eq!(numbers, [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 3, 0, 4, 4]);
}

#[test]
fn runs_change_the_baseline_that_the_command_line_leaves() {
    let text = "[model]\nhidden = [8, 8]\n[[experiment]]\nname = \"a\"\n\
                runs = [{ name = \"first\", \"hidden.0\" = 32 }, { name = \"all\", hidden = [4] }]";
    let spec = resolve(text, &["hidden.1=16", "epochs=2"]).unwrap_or_else(|e| panic!("{e}"));
    let written: Vec<String> = (spec.enqueued().iter())
        .map(|point| {
            let config = spec.config(&spec.space().params(point));
            let hidden = config.get(&HIDDEN).expect("there are layers").to_toml();
            format!("{hidden} {}", EPOCHS.of(&config))
        })
        .collect();
    assert_eq!(written, ["[32, 16] 2", "[4] 2"]);
}

const TWO: &str = "[model]\nlayers = 1\n\
    [[experiment]]\nname = \"dropout\"\nvary = { dropout = [0.0, 0.1, 0.2] }\n\
    [[experiment]]\nname = \"kernel\"\nvary = { kernel = [5, 3] }\n";

#[test]
fn one_experiment_alone_is_a_study_of_its_own() {
    let spec = resolved(TWO);
    let alone = spec.only("kernel").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(alone.name(), "study-kernel");
    assert_eq!(alone.name(), "study-kernel");
    assert_eq!(trials(&alone), ["kernel=5 dropout=0.0", "kernel=3 dropout=0.0"]);
    assert_eq!((alone.trials(), alone.baseline_trial()), (2, Some(1)));
    assert_eq!(alone.runs_of(1), [("kernel", "kernel=3")]);
    assert_eq!(parameters(&alone), parameters(&spec), "domains stay");
    let error = spec.only("kernle").unwrap_err().to_string();
    assert_eq!(
        error,
        "`kernle` is not an experiment of this study\n = did you mean `kernel`?\n = it has dropout, kernel"
    );
    let none = resolved("").only("kernel").unwrap_err().to_string();
    assert!(none.ends_with("it has none"), "{none}");
}

#[test]
fn what_is_not_used_is_said() {
    assert_eq!(resolved(TWO).notes().len(), 0);
    let text = format!("[study]\ntrials = 9\n[search]\nsampler = \"grid\"\n{TWO}");
    let spec = resolved(&text);
    assert_eq!(
        spec.notes(),
        [
            "[search] is not used: the experiments say what is tried",
            "`trials` is not used: the experiments say how many there are"
        ]
    );
    assert_eq!((spec.trials(), spec.sampler().name()), (4, "experiments"));
}

#[test]
fn names_of_runs_belong_to_a_study_that_goes_on() {
    let digest = |text: &str| resolved(text).settings().digest();
    assert_eq!(digest(TWO), digest(&format!("# again\n{TWO}")));
    assert_ne!(digest(TWO), digest(&TWO.replace("\"kernel\"", "\"size\"")));
    assert_ne!(digest(TWO), digest(&TWO.replace("0.2]", "0.3]")));
}

/// Trials with their own numbers of epochs, on disk with the names of their experiments.
#[test]
fn a_study_of_experiments_runs_and_goes_on() {
    let text = "[study]\nname = \"own\"\n\
        [data]\nsize = 12\nclasses = 2\nimages = 60\ntest_images = 20\nvalidation = 20\n\
        [model]\nchannels = [4]\nhidden = [8]\n[train]\nepochs = 2\nbatch_size = 20\n\
        [[experiment]]\nname = \"epochs\"\nvary = { epochs = [1, 2, 4] }\n\
        [[experiment]]\nname = \"named\"\nruns = [{ name = \"base\" }, { name = \"wide\", hidden = [16] }]\n\
        [scheduler]\nkind = \"asha\"\nmin_epochs = 1\nreduction = 2\n";
    let spec = resolved(text);
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap();
    let options = RunOptions::new(RunFolder::new(folder.path()), machine);
    let report = run(&spec, &options, &mut ()).unwrap_or_else(|e| panic!("{e}"));
    let planned: Vec<u32> =
        (report.study.trials.iter()).map(|trial| trial.schedule.as_ref().unwrap().blueprint.epochs).collect();
    assert_eq!(planned, [1, 2, 4, 2]);
    for trial in &report.study.trials {
        let mut expected = spec.attributes(trial.number.0);
        let parameters = if trial.number.0 == 3 { 2_402 } else { 1_226 };
        expected.push(("parameters".to_owned(), parameters.into()));
        // The best one has its figures on the test images, too.
        let told = trial.attributes.iter().filter(|(name, _)| !name.starts_with("test_"));
        assert_eq!(told.cloned().collect::<Vec<_>>(), expected, "trial {}", trial.number);
    }
    let (names, runs) = (&report.study.trials[1].attributes[0], &report.study.trials[1].attributes[1]);
    assert_eq!(names.1, serde_json::json!(["epochs", "named"]));
    assert_eq!(runs.1, serde_json::json!(["epochs=2", "base"]));

    let again = run(&spec, &options, &mut ()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.study, report.study, "nothing is done twice");
    let (stored, _) = read_study(folder.path(), None).unwrap();
    assert_eq!(stored, report.study);
    let mut storage = SqliteStorage::open(folder.path().join("study.db"), "own").unwrap();
    assert_eq!(storage.load().unwrap(), Some(stored));

    let text = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(text.contains("### epochs\n"), "{text}");
    assert!(text.contains("| epochs=2 (baseline) | 1 |"), "{text}");
}

/// Norms beside each other, on folds, with averaged weights: each has its network, and the model its tensors alone.
#[test]
fn norms_are_compared_in_an_experiment() {
    let text = "[study]\nname = \"norms\"\n\
        [data]\nsize = 12\nclasses = 2\nimages = 60\ntest_images = 20\nfolds = 2\n\
        [model]\nchannels = [4, 6]\nhidden = []\nhidden_layers = 0\nnorm_groups = 2\n\
        [train]\nepochs = 2\nbatch_size = 20\nema = 0.5\n\
        [[experiment]]\nname = \"norm\"\nruns = [{ name = \"base\" }, { name = \"group\", norm = \"group\" }, \
        { name = \"mixed\", norm = [\"layer\", \"none\"] }, { name = \"off\", batch_norm = false }]\n";
    let spec = resolved(text);
    let (batch, group) = (Some(Norm::Batch), |groups| Some(Norm::Group { groups }));
    let norms = spec.enqueued().iter().map(|point| {
        let network = spec.config(&spec.space().params(point)).network(Image::new(12, 12, 1), 2);
        network.blocks.iter().map(|block| block.norm).collect::<Vec<_>>()
    });
    let expected = [[batch, batch], [group(2), group(2)], [group(1), None], [None, None]];
    assert_eq!(norms.collect::<Vec<_>>(), expected);
    let values = |threads| {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(threads)).unwrap();
        let options = RunOptions::new(RunFolder::new(folder.path()), machine);
        let report = run(&spec, &options, &mut ()).unwrap_or_else(|e| panic!("{e}"));
        let values: Vec<Option<f64>> = report.study.trials.iter().map(|trial| trial.value).collect();
        assert!(values.iter().all(Option::is_some), "{values:?}");
        values
    };
    assert_eq!(values(1), values(3));
}
