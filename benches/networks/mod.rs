//! The networks that are measured, as the study files in `studies/networks` describe them.

use std::path::Path;
use tunefork::rng::Key;
use tunefork::study_file::StudyFile;
use tunefork::train::{Precision, Trainer};
use tunefork::{DeviceChoice, Machine, Material, StudySpec, task};

/// One of the networks.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    /// Name of its study file.
    pub name: &'static str,
    /// Images to train on in a window: a whole number of the report's batches, and several.
    pub training: usize,
    /// Images to validate on after them: a whole number of batches, and at least one of each class.
    pub validation: usize,
}

/// The reports' networks; windows of some seconds on two cores.
pub(crate) const NETWORKS: [Network; 5] = [
    Network { name: "m0", training: 16384, validation: 4096 },
    Network { name: "m1", training: 8192, validation: 2048 },
    Network { name: "m2", training: 128, validation: 64 },
    Network { name: "m3", training: 512, validation: 256 },
    Network { name: "m4", training: 65536, validation: 16384 },
];

/// The processor, with all threads.
pub(crate) fn cpu() -> Machine {
    Machine::new(DeviceChoice::Cpu, "auto", None).expect("every machine has a CPU")
}

/// The GPU and the precisions that it has; or, said once, that there is none and what is skipped.
pub(crate) fn cuda(group: &str) -> Option<(Machine, Vec<Precision>)> {
    match Machine::new(DeviceChoice::Cuda, "auto", None) {
        Ok(machine) => {
            let able = |precision: &Precision| machine.device(1, *precision).is_ok();
            let precisions = Precision::ALL.iter().copied().filter(able).collect();
            Some((machine, precisions))
        }
        Err(error) => {
            println!("{group}: the rows of the CUDA engine are skipped: {error}");
            None
        }
    }
}

/// A network ready to be trained on random images, epoch after epoch.
pub(crate) fn trainer(network: Network, machine: &Machine, precision: Precision) -> Trainer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("studies/networks").join(format!("{}.toml", network.name));
    let mut file = StudyFile::read(&path).expect("the study ships");
    let settings = [
        "source=noise".to_string(),
        format!("images={}", network.training + network.validation),
        format!("validation={}", network.validation),
        "epochs=100000".to_string(),
    ];
    for setting in &settings {
        file.set(setting).expect("these settings exist");
    }
    let spec = StudySpec::resolve(&file).expect("the study resolves");
    let material = Material::open(&spec, None, &mut |_| {}).expect("noise is drawn");
    let device = machine.device(machine.threads(), precision).expect("the machine computes so");
    let task = task(spec.fixed(), material.first(), Key::study(0));
    Trainer::new(task, &*device).expect("the network compiles")
}
