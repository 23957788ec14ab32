//! `cargo xtask bits PROGRAM [DATA]`: runs every study of `studies/` at a small budget with a built `tunefork` and
//! prints a digest of its trials, values, epochs and weights, a line a study. Two builds give the same bits if they
//! print the same text:
//!
//!     cargo xtask bits old/tunefork > old.txt;  cargo xtask bits new/tunefork > new.txt;  diff old.txt new.txt

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::root;

/// How a file is run: the command, the file, and the settings that make it small.
struct Case {
    command: &'static str,
    file: &'static str,
    sets: &'static [&'static str],
}

const fn case(command: &'static str, file: &'static str, sets: &'static [&'static str]) -> Case {
    Case { command, file, sets }
}

const CASES: &[Case] = &[
    case("run", "cats_dogs", &["trials=6", "epochs=2", "train=400", "validation=100", "test=100"]),
    case("run", "cifar10_fast", &["train=512", "epochs=2", "validation=256"]),
    case("run", "cifar10_tuning", &["trials=6", "epochs=2", "train=512", "validation=256"]),
    case("run", "fashion_cnn_best", &["train=640", "epochs=2"]),
    case("run", "fashion_cnn_experiments", &["train=320", "epochs=2"]),
    case("run", "fashion_future", &["train=384", "validation=200", "epochs=2"]),
    case("run", "fashion_mlp_grid", &["train=640", "validation=320"]),
    case("run", "fashion_reference", &["trials=12", "train=640", "validation=200", "epochs=4", "startup_trials=4"]),
    case("run", "flowers_asha", &["source=cats-dogs", "size=48", "train=128", "validation=100", "epochs=4"]),
    case("run", "quickstart", &["images=800", "validation=200", "test_images=200"]),
    case("run", "../xtask/studies/folds", &["seed=1"]),
    case("run", "tiny_imagenet_tpe", &["train=256", "validation=128", "trials=6", "epochs=4", "size=32", "test=64"]),
    case("train", "networks/m0", &["images=320", "epochs=2"]),
    case("train", "networks/m1", &["images=320", "epochs=2"]),
    case("train", "networks/m2", &["images=96", "epochs=2"]),
    case("train", "networks/m3", &["images=128", "epochs=1"]),
    case("train", "networks/m4", &["images=640", "epochs=2"]),
];

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let program = arguments.first().context("name the program: cargo xtask bits target/release/tunefork")?;
    let data = arguments.get(1).map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let out = std::env::temp_dir().join(format!("tunefork-bits-{}", std::process::id()));
    for case in CASES {
        let folder = out.join("run");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        play(case, Path::new(program), &data, &folder).with_context(|| format!("{} {:?}", case.file, case.sets))?;
        let table = if case.command == "run" { trials(Path::new(program), &folder)? } else { epochs(&folder)? };
        println!(
            "{:26} {:10} trials {} weights {}  {}",
            case.file,
            table.summary,
            short(table.text.as_bytes()),
            short(&weights(&folder)?),
            case.sets.join(" ")
        );
    }
    fs::remove_dir_all(&out)?;
    Ok(())
}

fn play(case: &Case, program: &Path, data: &Path, folder: &Path) -> Result<()> {
    let output = Command::new(program)
        .arg(case.command)
        .arg(root().join("studies").join(case.file).with_extension("toml"))
        .args(["--device", "cpu", "--out"])
        .arg(folder)
        .arg("--data-dir")
        .arg(data)
        .arg("--set")
        .args(case.sets)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// What is compared, and a word on what it holds.
struct Table {
    text: String,
    summary: String,
}

/// A line for each trial and each of its epochs: state, value, parameters and figures, every digit of them.
fn trials(program: &Path, folder: &Path) -> Result<Table> {
    let output = Command::new(program).arg("show").arg(folder).arg("--json").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let study: Value = serde_json::from_slice(&output.stdout)?;
    let trials = study["trials"].as_array().context("a study has trials")?;
    let mut text = format!("{}\n", study["best"]);
    let mut reports = 0;
    for trial in trials {
        text += &format!("{} {} {} {}\n", trial["number"], trial["state"], trial["value"], trial["params"]);
        for epoch in trial["epochs"].as_array().into_iter().flatten() {
            text += &format!("{epoch}\n");
            reports += 1;
        }
    }
    Ok(Table { text, summary: format!("{}t {reports}e", trials.len()) })
}

/// The epochs of a single training, without the columns that hold times.
fn epochs(folder: &Path) -> Result<Table> {
    let text = fs::read_to_string(folder.join("train/progress.csv"))?;
    let header: Vec<&str> = text.lines().next().context("progress.csv has a header")?.split(',').collect();
    let timed = |column: usize| header[column].contains("second");
    let mut kept = String::new();
    for line in text.lines() {
        let cells = line.split(',').enumerate().filter(|(column, _)| !timed(*column));
        kept += &cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(",");
        kept.push('\n');
    }
    Ok(Table { text: kept, summary: format!("{}e", text.lines().count() - 1) })
}

/// The tensors of all models that a run left, without the words beside them.
fn weights(folder: &Path) -> Result<Vec<u8>> {
    let mut models = Vec::new();
    for folder in [folder.to_path_buf(), folder.join("train")] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            models.push(entry?.path());
        }
    }
    models.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    models.sort();
    ensure!(!models.is_empty(), "there is no model");
    let mut all = Vec::new();
    for model in models {
        let bytes = fs::read(&model)?;
        let header: [u8; 8] = bytes.get(..8).context("a model starts with its header's length")?.try_into()?;
        all.extend_from_slice(&bytes[8 + u64::from_le_bytes(header) as usize..]);
    }
    Ok(all)
}

fn short(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
