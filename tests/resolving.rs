//! What study files mean: parameters, conditions, baselines, layers, `--set`.

use tunefork::study_file::table::{CHANNELS, DROPOUT, HIDDEN, LAYERS, MOMENTUM, OPTIMIZER};
use tunefork::study_file::{FileError, Key, StudyFile};
use tunefork::{Constant, StudySpec};
use tunefork_nn::{GivenScalars, Image, Norm, OptimizerKind, UpdateRule};
use tunefork_space::{Params, Value};

fn resolve(text: &str, options: &[&str]) -> Result<StudySpec, FileError> {
    let mut file = StudyFile::parse("study.toml", text)?;
    for option in options {
        file.set(option)?;
    }
    StudySpec::resolve(&file)
}

/// The study's parameters, each with the conditions under which it exists.
fn parameters(text: &str, options: &[&str]) -> Vec<String> {
    let spec = resolve(text, options).unwrap_or_else(|e| panic!("{e}"));
    let describe = |p: &tunefork_space::Parameter| {
        let when = p.when.iter().map(|condition| {
            let values: Vec<_> = condition.any_of.iter().map(Value::to_string).collect();
            format!(" if {} is {}", condition.parameter, values.join(" or "))
        });
        p.name.clone() + &when.collect::<String>()
    };
    spec.space().parameters().iter().map(describe).collect()
}

fn whole(spec: &StudySpec, key: &Key) -> Vec<i64> {
    let config = spec.config(&spec.baseline());
    match config.get(key) {
        Some(Constant::List(values)) => values.iter().filter_map(Value::as_i64).collect(),
        Some(Constant::One(value)) => value.as_i64().into_iter().collect(),
        None => Vec::new(),
    }
}

#[test]
fn an_empty_file_is_a_study_of_one_trial() {
    let spec = resolve("", &[]).unwrap();
    assert_eq!((spec.name(), spec.seed(), spec.trials(), spec.slots()), ("study", 0, 1, 4));
    assert_eq!(whole(&spec, &CHANNELS), [32, 64]);
    assert_eq!(whole(&spec, &HIDDEN), [128]);
    assert_eq!(spec.baseline(), Params::default());
}

#[test]
fn one_domain_for_all_layers() {
    assert_eq!(
        parameters("[model]\nlayers = { int = [1, 3] }\nchannels = { choice = [32, 64] }", &[]),
        ["layers", "channels.0", "channels.1 if layers is 2 or 3", "channels.2 if layers is 3"]
    );
    assert_eq!(parameters("[model]\nkernel = { choice = [3, 5] }", &[]), ["kernel"]);
    assert_eq!(parameters("[model]\nkernel = { choice = [3, 5], per_layer = true }", &[]), ["kernel.0", "kernel.1"]);
    assert_eq!(
        parameters("[model]\nhidden_layers = { choice = [0, 2] }\nhidden = { int = [16, 64] }", &[]),
        ["hidden_layers", "hidden.0 if hidden_layers is 2", "hidden.1 if hidden_layers is 2"]
    );
    assert_eq!(parameters("[model]\nlayers = 0\nkernel = { choice = [3, 5] }", &[]).len(), 0);
}

#[test]
fn a_list_mixes_constants_and_domains() {
    let text = "[model]\nchannels = [16, { choice = [32, 64] }, { log = [32, 256] }]";
    assert_eq!(parameters(text, &[]), ["channels.1", "channels.2"]);
    let spec = resolve(text, &[]).unwrap();
    assert_eq!(whole(&spec, &LAYERS), [3]);
    assert_eq!(whole(&spec, &CHANNELS), [16, 64, 128]);
    let shallow = resolve(text, &["layers=2"]).unwrap();
    assert_eq!(whole(&shallow, &CHANNELS), [16, 64]);
}

#[test]
fn layers_grow_from_a_start() {
    let text = "[model]\nlayers = { int = [1, 3], default = 3 }\n\
                channels = { start = { choice = [16, 32] }, factor = 2 }";
    assert_eq!(parameters(text, &[]), ["layers", "channels.start"]);
    let spec = resolve(text, &[]).unwrap();
    assert_eq!(whole(&spec, &CHANNELS), [32, 64, 128]);
    assert_eq!(whole(&resolve(text, &["channels.start=16"]).unwrap(), &CHANNELS), [16, 32, 64]);
    assert_eq!(whole(&resolve(text, &["channels.1=99"]).unwrap(), &CHANNELS), [32, 99, 128]);
}

#[test]
fn conditions_hold_between_parameters_and_are_decided_for_constants() {
    let text = "[train]\noptimizer = { choice = [\"sgd\", \"adam\"] }\n\
                momentum = { uniform = [0.5, 0.9], when = { \"train.optimizer\" = \"sgd\" } }\n\
                nesterov = { choice = [true, false], when = { momentum = [0.5, 0.6] } }";
    let stepped = text.replace("[0.5, 0.9]", "[0.5, 0.9], step = 0.1");
    assert_eq!(
        parameters(&stepped, &[]),
        ["optimizer", "momentum if optimizer is sgd", "nesterov if momentum is 0.5 or 0.6"]
    );
    assert_eq!(parameters(&stepped, &["optimizer=sgd"]), ["momentum", "nesterov if momentum is 0.5 or 0.6"]);
    // Without SGD there is no momentum, and without momentum nothing that depends on it.
    assert_eq!(parameters(&stepped, &["optimizer=adam"]).len(), 0);
    let spec = resolve(&stepped, &["optimizer=adam"]).unwrap();
    assert_eq!(MOMENTUM.of(spec.fixed()), 0.0);
}

#[test]
fn the_baseline_lies_in_the_domains() {
    for (text, key, expected) in [
        ("[model]\ndropout = { uniform = [0.1, 0.5] }", "dropout", Value::Float(0.1)),
        ("[model]\ndropout = { uniform = [0.1, 0.5], default = 0.3 }", "dropout", Value::Float(0.3)),
        ("[train]\nlearning_rate = { log = [1e-4, 1e-2] }", "learning_rate", Value::Float(1e-3)),
        ("[train]\nlearning_rate = { log = [1e-2, 1] }", "learning_rate", Value::Float(1e-2)),
        ("[train]\nlearning_rate = { log = [1e-6, 1e-4] }", "learning_rate", Value::Float(1e-4)),
        ("[train]\nbatch_size = { int = [10, 100], step = 10 }", "batch_size", Value::Int(60)),
        ("[train]\noptimizer = { choice = [\"sgd\", \"adam\"] }", "optimizer", Value::Text("adam".into())),
        ("[train]\noptimizer = { choice = [\"sgd\", \"adamw\"] }", "optimizer", Value::Text("sgd".into())),
    ] {
        let spec = resolve(text, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(spec.fixed().value(Key::find(key).unwrap()), Some(&expected), "{text}");
    }
}

#[test]
fn trials_to_try_first_are_completed_from_the_baseline() {
    let text = "[model]\nchannels = { choice = [16, 32, 64] }\ndropout = { uniform = [0.0, 0.5] }\n\
                [[trial]]\nchannels = [64, 16]\n[[trial]]\nmodel.dropout = 0.25\n\"channels.0\" = 16";
    let spec = resolve(text, &[]).unwrap();
    let tried: Vec<String> = spec.enqueued().iter().map(|point| spec.space().params(point).to_string()).collect();
    assert_eq!(tried, ["channels.0=64 channels.1=16 dropout=0.0", "channels.0=16 channels.1=64 dropout=0.25"]);
}

#[test]
fn set_replaces_what_the_file_says() {
    let text = "[model]\ndropout = { uniform = [0.0, 0.5] }\nchannels = [8, 8]\n[train]\nepochs = 10";
    let spec =
        resolve(text, &["epochs=3", "train.optimizer=sgd", "dropout = 0.25", "channels=[4, 4, 4]", "channels.1=5"])
            .unwrap();
    assert_eq!(spec.epochs(), 3);
    assert_eq!(OPTIMIZER.of(spec.fixed()), OptimizerKind::Sgd);
    assert_eq!(DROPOUT.of(spec.fixed()), 0.25);
    assert_eq!(whole(&spec, &CHANNELS), [4, 5, 4]);
    assert_eq!(parameters(text, &["kernel={ choice = [3, 5] }"]), ["kernel", "dropout"]);
    assert_eq!(resolve(text, &["name=two words"]).unwrap().name(), "two words");
}

#[test]
fn optimizers_have_their_authors_scalars() {
    for kind in OptimizerKind::ALL {
        let spec = resolve(&format!("[train]\noptimizer = \"{kind}\""), &[]).unwrap();
        let optimizer = spec.fixed().train_spec().optimizer;
        assert_eq!(optimizer.rule, kind.rule(&GivenScalars::NONE));
        assert_eq!(optimizer.weight_decay, kind.default_weight_decay());
    }
    let options = ["optimizer=rmsprop", "centered=true", "rmsprop_momentum=0.5", "decay_norms_and_biases=false"];
    let optimizer = resolve("", &options).unwrap().fixed().train_spec().optimizer;
    let rule = UpdateRule::RmsProp { alpha: 0.99, epsilon: 1e-8, rmsprop_momentum: 0.5, centered: true };
    assert_eq!((optimizer.rule, optimizer.decay_norms_and_biases), (rule, false));
}

/// What the table of keys lets through is within the bounds of the rule itself, up to those beside other scalars.
#[test]
fn keys_of_scalars_are_no_wider_than_the_optimizers_bounds() {
    for kind in OptimizerKind::ALL {
        for scalar in kind.scalars() {
            for value in ["-1e300", "-1.0", "-1e-300", "0.0", "0.5", "1.0", "1.5", "1e300"] {
                let options = [format!("optimizer={kind}"), format!("{scalar}={value}")];
                if let Ok(spec) = resolve("", &options.each_ref().map(String::as_str)) {
                    let optimizer = spec.fixed().train_spec().optimizer;
                    assert_eq!(optimizer.check(), Ok(()), "{options:?}");
                }
            }
        }
    }
}

#[test]
fn the_settings_follow_the_meaning() {
    let text = "[study]\ntrials = 10\n[model]\ndropout = { uniform = [0.0, 0.5] }\n[train]\nepochs = 3";
    let digest = |text: &str, options: &[&str]| resolve(text, options).unwrap().settings().digest();
    let before = digest(text, &[]);
    let same = "# a comment\n[train]\nepochs = 3\n[model]\ndropout = { uniform = [0, 0.5] }\n";
    assert_eq!(before, digest(same, &[]));
    assert_eq!(before, digest(text, &["trials=99", "name=other", "time_limit=5"]));
    for changed in ["epochs=4", "dropout={ uniform = [0.0, 0.4] }", "dropout=0.1", "batch_size=32"] {
        assert_ne!(before, digest(text, &[changed]), "{changed}");
    }
    assert_ne!(before, digest(&(text.to_string() + "\n[[trial]]\ndropout = 0.1"), &[]));
}

#[test]
fn keys_that_a_file_does_not_name_are_presumed() {
    let spec = resolve("[model]\nchannels = [8, 16]\nnorm = \"group\"", &["optimizer=sgd"]).unwrap();
    let presumed: Vec<&str> = spec.presumed().collect();
    assert!(presumed.contains(&"learning_rate") && presumed.contains(&"kernel"));
    for named in ["channels", "norm", "optimizer"] {
        assert!(!presumed.contains(&named), "{named}");
    }
}

#[test]
fn networks_follow_the_model_section() {
    let text = "[model]\nchannels = [4, 8]\nkernel = [5, 3]\nstride = 2\npadding = [0, \"same\"]\n\
                bias = false\nbatch_norm = [true, false]\nresidual = [false, true]\n\
                pool = [\"average\", \"none\"]\npool_size = 3\nactivation = \"tanh\"\n\
                head = \"global_average\"\nhidden = [16, 8]\ndropout = 0.1";
    let spec = resolve(text, &[]).unwrap();
    let network = spec.fixed().network(Image::new(32, 32, 3), 7);
    assert_eq!(network.classes, 7);
    assert_eq!(network.hidden, [16, 8]);
    let [first, second] = &network.blocks[..] else { panic!("two blocks") };
    assert_eq!((first.kernel, first.stride, first.padding), (5, 2, 0));
    assert_eq!((second.kernel, second.stride, second.padding), (3, 2, 1));
    assert!(first.norm == Some(Norm::Batch) && second.norm.is_none() && !first.bias && second.residual);
    assert_eq!(first.pool, Some(tunefork_nn::Pool::average(3)));
    assert_eq!(second.pool, None);
    assert!(network.parameter_count().is_ok());
}

#[test]
fn norms_stand_for_themselves_or_as_batch_norm_says() {
    let norms = |text: &str, options: &[&str]| {
        let spec = resolve(text, options).unwrap_or_else(|e| panic!("{e}"));
        let read = resolve(&spec.fixed().to_toml(), &[]).unwrap_or_else(|e| panic!("{e}"));
        let network = |spec: &StudySpec| spec.fixed().network(Image::new(32, 32, 3), 7);
        assert_eq!(network(&spec), network(&read), "as written in a run folder");
        network(&spec).blocks.iter().map(|block| block.norm).collect::<Vec<_>>()
    };
    let (batch, group) = (Some(Norm::Batch), |groups| Some(Norm::Group { groups }));
    assert_eq!(norms("", &[]), [batch, batch]);
    assert_eq!(norms("[model]\nbatch_norm = [true, false]", &[]), [batch, None]);
    assert_eq!(norms("[model]\nnorm = \"group\"", &[]), [group(8), group(8)]);
    assert_eq!(
        norms("[model]\nlayers = 4\nnorm = [\"none\", \"batch\", \"group\", \"layer\"]\nnorm_groups = 2", &[]),
        [None, batch, group(2), group(1)]
    );
    assert_eq!(norms("", &["norm=group", "norm.1=none", "norm_groups=[4, 4]"]), [group(4), None]);
    let both = "[model]\nbatch_norm = [true, false]\nnorm = [\"batch\", \"none\"]";
    assert_eq!(norms(both, &[]), [batch, None], "both may be given where they say the same");

    let varied = "[model]\nnorm = { choice = [\"batch\", \"group\"] }\n\
                  norm_groups = { choice = [2, 4], when = { norm = \"group\" } }";
    assert_eq!(parameters(varied, &[]), ["norm", "norm_groups if norm is group"]);
    // A constant for all layers decides at once.
    assert_eq!(parameters(varied, &["norm=group"]), ["norm_groups"]);
    assert_eq!(parameters(varied, &["norm=batch"]), [""; 0]);
    // What is set takes the place of what the file says of the same.
    let flagged = "[model]\nbatch_norm = true";
    let grouped = resolve(flagged, &["norm=group"]).unwrap();
    assert_eq!(grouped.fixed().network(Image::new(28, 28, 1), 10).blocks[0].norm, Some(Norm::Group { groups: 8 }));
    let spec = resolve("[model]\nnorm = \"group\"", &["batch_norm=false"]).unwrap();
    assert_eq!(spec.fixed().network(Image::new(28, 28, 1), 10).blocks[0].norm, None);
}
