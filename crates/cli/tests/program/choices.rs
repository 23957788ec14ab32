//! Studies that choose among norms, initialisations and optimizers.

use serde_json::Value;

use crate::support::{Fixture, TINY, epochs};

/// A study over all norms and some of the other words, with so much work that it can be killed on the way.
fn study() -> String {
    let model = "hidden = [16]\nnorm = { choice = [\"none\", \"batch\", \"group\", \"layer\"] }\nnorm_groups = 2\n\
                 initialisation = { choice = [\"pytorch\", \"he_normal\", \"orthogonal\"] }\n\
                 activation = { choice = [\"relu\", \"gelu\", \"hard_swish\"] }";
    let train = "[train]\noptimizer = { choice = [\"adam\", \"nadam\", \"lion\", \"adagrad\", \"rmsprop\"] }\n\
                 decay_norms_and_biases = { choice = [true, false] }";
    TINY.replace("hidden = [16]", model)
        .replace("[train]", train)
        .replace("epochs = 3", "epochs = 5")
        .replace("trials = 6", "trials = 16")
        .replace("images = 240", "images = 4800")
}

#[test]
fn what_a_study_chooses_survives_kills() {
    let fixture = Fixture::new(&study());
    fixture.ok(&["run", "study.toml", "--out", "whole"]);
    fixture.run_with_kills("killed", epochs(&fixture, "whole"), 4);
    assert_eq!(fixture.shown("killed"), fixture.shown("whole"));
    assert!(fixture.weights("killed") == fixture.weights("whole"), "the weights");
}

/// The names of the tensors in a model, which are those of PyTorch's layers.
fn tensors(norm: &str) -> Vec<String> {
    let fixture = Fixture::new(&TINY.replace("trials = 6", "trials = 1"));
    let norm = format!("norm={norm}");
    let set = ["--set", &norm, "--set", "norm_groups=2", "--set", "layers=1", "--set", "epochs=1"];
    fixture.ok(&[&["run", "study.toml", "--out", "out"], &set[..]].concat());
    let bytes = fixture.weights("out");
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    let names = header.as_object().unwrap().keys().filter(|name| *name != "__metadata__");
    names.filter(|name| name.contains(".norm.")).cloned().collect()
}

#[test]
fn norms_are_named_as_pytorchs() {
    let affine = ["blocks.0.norm.weight", "blocks.0.norm.bias"];
    assert!(tensors("none").is_empty());
    for norm in ["group", "layer"] {
        let mut names = tensors(norm);
        names.sort_by_key(|name| affine.iter().position(|known| known == name));
        assert_eq!(names, affine, "{norm}");
    }
    let batch = tensors("batch");
    for part in ["weight", "bias", "running_mean", "running_var"] {
        assert!(batch.contains(&format!("blocks.0.norm.{part}")), "{part} in {batch:?}");
    }
}
