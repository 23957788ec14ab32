//! `time_limit`: what a study may take in all.

use crate::support::{Fixture, TINY};

#[test]
fn a_study_out_of_time_leaves_a_model_and_goes_on_as_if_it_had_not_been() {
    // The limit passes in the first of many epochs, which is finished.
    let study = TINY.replace("trials = 6", "trials = 2").replace("images = 240", "images = 2000");
    let fixture = Fixture::new(&study.replace("epochs = 3", "epochs = 12"));
    let limited = ["run", "study.toml", "--out", "limited", "--checkpoint-every", "0", "--set", "time_limit=0.002"];
    let output = fixture.run(&limited);
    let (told, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{complaint}");
    assert!(told.contains("ended by `time_limit`"), "{told}");
    assert!(told.contains("No trial is complete. The best so far is trial"), "{told}");
    assert!(complaint.contains("to go on, raise it and run the same command"), "{complaint}");
    let best = fixture.read("limited/best.toml");
    assert!(best.starts_with("# No trial is complete. The best so far is trial"), "{best}");
    assert!(fixture.read("limited/report.md").contains("under way, after"));
    let shown = fixture.shown("limited");
    // The model is one that can be used, and the configuration one that can be trained.
    fixture.ok(&["plan", "limited/best.toml"]);
    let model = fixture.path("limited/best.safetensors");
    tunefork::export::Model::read(&model).expect("a model");
    // Out of time is out of time.
    let again = fixture.ok(&limited);
    assert!(again.contains("ended by `time_limit`"), "{again}");
    assert_eq!(fixture.shown("limited"), shown);

    fixture.ok(&["run", "study.toml", "--out", "limited", "--set", "time_limit=60"]);
    fixture.ok(&["run", "study.toml", "--out", "whole"]);
    assert_eq!(fixture.shown("limited"), fixture.shown("whole"));
    assert_eq!(fixture.weights("limited"), fixture.weights("whole"));
}
