//! `tunefork doctor`

use std::fmt::Write as _;
use std::process::ExitCode;

use tunefork::report::{bytes, counted};
use tunefork::{
    CardFound, Checkup, CheckupOptions, DataFound, GpuFound, MemoryFound, ProcessorFound, RunsFound, ThreadsFound,
};

use crate::args::DoctorArgs;
use crate::output::{print, without_codes};

/// Columns of the titles, and of all.
const TITLE: usize = 12;
const WIDTH: usize = 80;

pub(crate) fn doctor(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let checkup = Checkup::new(&CheckupOptions {
        device: args.machine.device,
        isa: args.machine.isa.clone(),
        threads: args.machine.threads,
        data_dir: args.data.data_dir.clone(),
        out: args.out.clone(),
    });
    print(&match args.json {
        true => serde_json::to_string_pretty(&checkup)? + "\n",
        false => text(&checkup),
    })?;
    Ok(match checkup.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn text(checkup: &Checkup) -> String {
    let mut text = String::new();
    let mut tell = |title: &str, lines: Vec<String>| {
        for (place, line) in lines.iter().flat_map(|line| wrapped(line)).enumerate() {
            let title = if place == 0 { title } else { "" };
            writeln!(text, "{title:<TITLE$}{line}").expect("a String takes all text");
        }
    };
    tell("tunefork", vec![format!("{}, build {}", checkup.version, checkup.build)]);
    tell("processor", processor(&checkup.processor));
    tell("threads", vec![threads(&checkup.threads)]);
    tell("memory", vec![memory(&checkup.memory)]);
    tell("GPU", gpu(&checkup.gpu));
    tell("results", runs(&checkup.runs));
    tell("data", data(&checkup.data));
    let variables = checkup.environment.iter().map(|variable| {
        let value = variable.value.as_deref().map_or("(not shown)".to_owned(), tunefork::data::printable);
        format!("{}={value}: {}", variable.name, variable.about)
    });
    tell("variables", variables.collect());
    tell("conclusion", conclusion(checkup));
    text
}

/// A line in as many as it takes beside the titles; those after the first stand a little to the right. A word that is too long, as a path may be,
/// stays whole.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match lines.last_mut() {
            Some(last) if TITLE + last.chars().count() + 1 + word.chars().count() <= WIDTH => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) => lines.push(format!("  {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn processor(found: &ProcessorFound) -> Vec<String> {
    let name = found.name.clone().unwrap_or_else(|| format!("of the kind {}", std::env::consts::ARCH));
    let others = found.instruction_sets.iter().filter(|other| **other != found.chosen);
    let others: Vec<&str> = others.copied().collect();
    let chosen = match others.as_slice() {
        [] => format!("{} is the only instruction set of the engine that it has", found.chosen),
        others => format!(
            "{} is the widest instruction set of the engine that it has (also {})",
            found.chosen,
            others.join(", ")
        ),
    };
    vec![name, chosen]
}

fn threads(found: &ThreadsFound) -> String {
    let machine = found.machine.map(|machine| format!("the machine has {machine}"));
    let allowed = found.allowed.filter(|allowed| found.machine.is_some_and(|machine| *allowed < machine));
    let allowed = allowed.map(|allowed| format!("this process may run on {allowed}"));
    let quota = found.quota.map(|quota| format!("a quota leaves the time of {quota} cores"));
    let why: Vec<String> = [machine, allowed, quota].into_iter().flatten().collect();
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
    format!("{} used{why}", found.used)
}

fn memory(found: &MemoryFound) -> String {
    let machine = found.machine.map(bytes);
    let free = found.free.map(|free| format!("{} free", bytes(free)));
    let limit = found.limit.map(|limit| format!("this process and those beside it may use {}", bytes(limit)));
    let told: Vec<String> = [machine, free, limit].into_iter().flatten().collect();
    if told.is_empty() { "this system does not tell".to_owned() } else { told.join(", ") }
}

fn gpu(found: &GpuFound) -> Vec<String> {
    let card = found.card.as_ref().map(card).unwrap_or_default();
    let missing = found.missing.as_ref().map(|missing| format!("none that can be used: {missing}"));
    let compiler = found
        .compiler
        .as_ref()
        .map(|nvrtc| format!("NVRTC {} (build {}) from {}", nvrtc.version, nvrtc.build, nvrtc.path));
    // Told once where it is what keeps a card from being used.
    let compiler_missing = found.compiler_missing.clone().filter(|why| found.missing.as_ref() != Some(why));
    card.into_iter().chain([missing, compiler, compiler_missing].into_iter().flatten()).collect()
}

/// What a card is, and what a study would use of it.
fn card(card: &CardFound) -> Vec<String> {
    let memory = card.free.zip(card.memory);
    let memory = memory.map(|(free, all)| format!(", {} of {} free", bytes(free), bytes(all))).unwrap_or_default();
    let cache = match &card.kernel_cache {
        Some(folder) => format!("kept in {folder}"),
        None => "compiled again in each run, for TUNEFORK_CACHE names no folder".to_owned(),
    };
    let images = card.resident_bytes.map(|resident| {
        format!("images lie on it as a whole up to {}; more are copied there step by step", bytes(resident))
    });
    [
        format!("{}, compute capability {}{memory}", card.name, card.compute_capability),
        format!("its driver knows CUDA {}", card.driver_cuda),
        format!("it computes in {} (--precision)", card.precisions.join(", ")),
        format!("kernels become {}, {cache}", card.kernels),
    ]
    .into_iter()
    .chain(images)
    .collect()
}

fn runs(found: &RunsFound) -> Vec<String> {
    let free = match found.free {
        Some(free) if found.is_little => format!(": {} free, which is little", bytes(free)),
        Some(free) => format!(": {} free", bytes(free)),
        None => String::new(),
    };
    let place = format!("{}{free}", found.folder);
    let tried = found.commit_seconds.map(|seconds| {
        let milliseconds = seconds * 1e3;
        format!("a database can be made and locked there; a commit that waits for the disk takes {milliseconds:.1} ms")
    });
    let problem = found.problem.as_ref().map(|_| "no study can be kept there: see below".to_owned());
    [Some(place), tried, problem].into_iter().flatten().collect()
}

fn data(found: &DataFound) -> Vec<String> {
    let said_by = match found.said_by {
        "default" => "the default".to_owned(),
        said_by => format!("as {said_by} says"),
    };
    let missing = if found.exists { "" } else { "; it is not there" };
    let mut lines = vec![format!("{}, {said_by}{missing}", found.folder)];
    for set in &found.sets {
        lines.extend(set.path.as_ref().map(|path| format!("{} is there: {path}", set.name)));
    }
    let absent: Vec<&str> = found.sets.iter().filter(|set| set.path.is_none()).map(|set| set.name).collect();
    if !absent.is_empty() {
        lines.push(format!("not there: {}; `tunefork data list` tells how to get them", absent.join(", ")));
    }
    lines
}

/// What would be used and why; what is in the way.
fn conclusion(checkup: &Checkup) -> Vec<String> {
    let trains = checkup.trains.as_ref();
    let trains = trains.map(|trains| format!("`tunefork run` would train {trains}, as {}", checkup.because));
    let verdict = match checkup.problems.len() {
        0 => "a study can be run".to_owned(),
        count => format!("no study can be run, for {}:", counted(count, "reason")),
    };
    let problems = checkup.problems.iter().map(|problem| without_codes(problem));
    trains.into_iter().chain([verdict]).chain(problems).collect()
}
