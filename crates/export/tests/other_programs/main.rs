//! Models at work in other programs: what onnxruntime and PyTorch make of them is what we make of them.
//!
//! `TUNEFORK_PYTHON` names a Python interpreter with onnx, onnxruntime and numpy, `TUNEFORK_TORCH_PYTHON` one with torch, safetensors and numpy;
//! without them the tests say so and pass.

mod images;
mod networks;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tunefork_data::{Dataset, Fit, Image, Normalisation, Split};
use tunefork_export::{Model, OnnxInput, OnnxOptions};
use tunefork_nn::{Activation, Network, Optimizer, PoolKind, UpdateRule};
use tunefork_rng::Key;
use tunefork_train::{Cpu, Images, Isa, Predictor, Task, TrainSpec, Trainer};

use self::networks::{SHAPES, kind, model, networks};

/// How far probabilities may lie apart.
const TOLERANCE: f64 = 1e-5;
/// The same where images are resized in the graph: a byte here and there is rounded the other way.
const RESIZED_TOLERANCE: f64 = 2e-3;

const FORMS: [(&str, OnnxInput); 3] =
    [("scaled", OnnxInput::Scaled), ("raw", OnnxInput::Raw), ("normalised", OnnxInput::Normalised)];

/// A Python interpreter, or `None` after it was said that there is none.
fn python(variable: &str, packages: &str) -> Option<PathBuf> {
    let python = std::env::var_os(variable).map(PathBuf::from);
    if python.is_none() {
        // Written past the test harness, which would keep it to itself.
        let _ = writeln!(std::io::stderr(), "skipped: {variable} names no Python with {packages}");
    }
    python
}

/// A folder of models, images and what we make of them.
struct Cases {
    folder: TempDir,
    listed: Vec<Json>,
}

impl Cases {
    /// Every network, one that was trained, and photos of other sizes.
    fn new() -> Self {
        let mut cases = Self { folder: tempfile::tempdir().unwrap(), listed: Vec::new() };
        let cache = tempfile::tempdir().unwrap();
        let sets = SHAPES.map(|shape| images::images(shape, cache.path()));
        let [large, small] = images::PHOTOS.map(|shape| images::images(shape, cache.path()));
        for (name, network) in networks() {
            let images = sets.iter().find(|images| images.data.shape() == network.input).expect("a set of each shape");
            let photos = (name == "windows").then_some(&small);
            cases.add(&name, &model(network, images.normalisation.clone()), images, photos);
        }
        let mut trained = trained(&sets[0]);
        for fit in [Fit::Crop, Fit::Stretch] {
            trained.fit = fit;
            cases.add(&format!("trained-{fit}"), &trained, &sets[0], Some(&large));
        }
        std::fs::write(cases.path("cases.json"), json!(cases.listed).to_string()).unwrap();
        cases
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&mut self, name: &str, model: &Model, images: &Images, photos: Option<&Images>) {
        std::fs::write(self.path(&format!("{name}.safetensors")), model.to_bytes().unwrap()).unwrap();
        for (form, input) in FORMS {
            let bytes = model.to_onnx(&OnnxOptions { input }).unwrap();
            std::fs::write(self.path(&format!("{name}.{form}.onnx")), bytes).unwrap();
        }
        let pixels = images::bytes(images, &images::chosen(images));
        std::fs::write(self.path(&format!("{name}.pixels")), &pixels).unwrap();
        self.expect(&format!("{name}.same"), model, pixels);
        if let Some(photos) = photos {
            let chosen = images::chosen(photos);
            std::fs::write(self.path(&format!("{name}.photos")), images::bytes(photos, &chosen)).unwrap();
            let resized = images::resized(photos, &chosen, model.network.input, model.fit, self.folder.path());
            self.expect(&format!("{name}.resized"), model, resized);
        }
        let Image { height, width, channels } = model.network.input;
        let photo = photos.map(|photos| photos.data.shape());
        self.listed.push(json!({
            "name": name,
            "shape": [height, width, channels],
            "mean": model.normalisation.mean(),
            "std": model.normalisation.std(),
            "fit": model.fit,
            "classes": model.classes,
            "photos": photo.map(|photo| [photo.height, photo.width, photo.channels]),
        }));
    }

    /// Writes what our own engine makes of images.
    fn expect(&self, name: &str, model: &Model, pixels: Vec<u8>) {
        let shape = model.network.input;
        let count = pixels.len() / shape.elements();
        let data = Dataset::from_memory(shape, model.classes.clone(), [count, 0, 0], vec![0; count], pixels).unwrap();
        let images = Images { data: Arc::new(data), normalisation: model.normalisation.clone() };
        let device = Cpu::new(Isa::detect(), 2);
        let mut predictor = Predictor::new(model.network.clone(), &model.tensors, &device).unwrap();
        let indices: Vec<u32> = (0..count as u32).collect();
        let probabilities = predictor.probabilities(&images, &indices).unwrap();
        let logits = predictor.logits(&images, &indices).unwrap();
        for (what, values) in [("probabilities", probabilities), ("logits", logits)] {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(self.path(&format!("{name}.{what}")), bytes).unwrap();
        }
    }

    /// Lets a script look at the folder, and refuses differences that are too large.
    fn compare(&self, python: &Path, script: &str, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/other_programs").join(script);
        let command = Command::new(python).arg(script).arg(self.folder.path()).args(arguments).output();
        let output = command.expect("the Python can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let found: Json = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
        let mut largest = [[0.0_f64; 2]; 2];
        for (name, forms) in found["differences"].as_object().expect("a table") {
            for (form, differences) in forms.as_object().expect("a table") {
                let differences = [0, 1].map(|place| differences[place].as_f64().expect("a number"));
                let is_resized = form == "resized";
                let tolerance = if is_resized { RESIZED_TOLERANCE } else { TOLERANCE };
                assert!(differences[0] <= tolerance, "{name}, {form}: probabilities differ by {}", differences[0]);
                let largest = &mut largest[usize::from(is_resized)];
                *largest = [0, 1].map(|place| largest[place].max(differences[place]));
            }
        }
        println!(
            "{}: {} networks; probabilities differ by {:.1e} at most, logits by {:.1e} of the largest; resized images: {:.1e}, {:.1e}",
            found["program"].as_str().unwrap_or_default(),
            self.listed.len(),
            largest[0][0],
            largest[0][1],
            largest[1][0],
            largest[1][1],
        );
    }
}

/// A network that has learnt a little.
fn trained(images: &Images) -> Model {
    let (_, network) = networks().into_iter().find(|(name, _)| name == "residual").expect("it is there");
    let network = Network { classes: 2, ..network };
    let all: Vec<u32> = (0..images.data.len() as u32).collect();
    // Every third image, so that the classes are mixed.
    let (validation, train) = all.iter().partition(|index| *index % 3 == 0);
    let split = Split { train, validation, test: Vec::new() };
    let task = Task {
        network: network.clone(),
        spec: TrainSpec { epochs: 3, batch_size: 32, ..TrainSpec::new(Optimizer::new(UpdateRule::ADAM, 1e-2)) },
        images: images.clone(),
        split: Arc::new(split),
        key: Key::study(1),
    };
    let mut trainer = Trainer::new(task, &Cpu::new(Isa::detect(), 2)).unwrap();
    for _ in 0..3 {
        trainer.epoch().unwrap();
    }
    let tensors = trainer.weights().unwrap();
    Model { tensors, ..model(network, images.normalisation.clone()) }
}

#[test]
fn every_kind_of_layer_is_among_the_networks() {
    let layers = networks().into_iter().flat_map(|(_, network)| network.layers().unwrap());
    let kinds: BTreeSet<&str> = layers.map(|layer| kind(layer.kind)).collect();
    assert_eq!(kinds.len(), 14, "{kinds:?}");
}

/// Also where there is no other program to run them.
#[test]
fn every_network_has_a_file_for_each_input() {
    let normalisation = |channels| Normalisation::new(&vec![0.5; channels], &vec![0.25; channels]).unwrap();
    for (name, network) in networks() {
        let model = model(network.clone(), normalisation(network.input.channels));
        for (form, input) in FORMS {
            let file = model.to_onnx(&OnnxOptions { input });
            assert!(
                file.is_ok_and(|bytes| bytes.len() > 4 * network.parameter_count().unwrap() as usize),
                "{name}, {form}"
            );
        }
    }
}

/// Also where there is no PyTorch to run it.
#[test]
fn the_loader_for_pytorch_knows_every_name() {
    let loader = include_str!("../../../../docs/load_tunefork.py");
    for name in [Activation::NAMES, PoolKind::NAMES].concat() {
        assert!(loader.contains(&format!("\"{name}\": nn.")), "docs/load_tunefork.py does not know `{name}`");
    }
}

#[test]
fn onnxruntime_gives_our_probabilities() {
    let Some(python) = python("TUNEFORK_PYTHON", "onnx and onnxruntime") else { return };
    Cases::new().compare(&python, "onnx_runs.py", &[]);
}

#[test]
fn pytorch_gives_our_probabilities() {
    let Some(python) = python("TUNEFORK_TORCH_PYTHON", "torch and safetensors") else { return };
    Cases::new().compare(&python, "torch_loads.py", &[concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")]);
}
