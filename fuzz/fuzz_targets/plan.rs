//! Any study file that resolves can be planned on a few random images, or is refused in words without debug text.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tunefork::study_file::StudyFile;
use tunefork::{DeviceChoice, Machine, StudyPlan, StudySpec};

/// Whatever the file says of images: few small ones.
const IMAGES: [&str; 5] = ["source=noise", "images=24", "test_images=4", "classes=3", "size=8"];

fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(|| Machine::new(DeviceChoice::Cpu, "portable", Some(1)).expect("every machine has a CPU"))
}

fuzz_target!(|text: &str| {
    let Ok(mut file) = StudyFile::parse("study.toml", text) else {
        return;
    };
    if IMAGES.iter().any(|image| file.set(image).is_err()) {
        return;
    }
    let told = match StudySpec::resolve(&file) {
        Err(error) => error.to_string(),
        Ok(spec) => match StudyPlan::new(&spec, machine(), None, false, &mut |_| {}) {
            Err(error) => error.to_string(),
            Ok(plan) => {
                assert!(plan.trials >= 1 && plan.epochs.0 >= 1 && plan.epochs.0 <= plan.epochs.1);
                assert!(plan.images.iter().sum::<usize>() <= 28);
                plan.warnings.join("\n")
            }
        },
    };
    for debug in ["Some(", "None)", "Ok(", "Err("] {
        assert!(text.contains(debug) || !told.contains(debug), "{told}");
    }
});
