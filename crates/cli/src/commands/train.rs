//! `tunefork train`

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use tunefork::report::{figure, with_deviation};
use tunefork::study::EpochRecord;
use tunefork::study::{Members, deviation_of};
use tunefork::{Error, TrainEvent, TrainOptions, Trained};

use super::{same_command, stop_flag};
use crate::INTERRUPTED;
use crate::args::TrainArgs;
use crate::output::{about, complain, duration, print, say, test_lines};
use crate::progress::{self, epoch_words};

pub(crate) fn train(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let spec = args.study.resolve()?;
    let options = TrainOptions {
        folder: args.results.folder(&spec),
        data_dir: args.study.data.data_dir.clone(),
        machine: args.study.machine(args.json)?,
        stop: stop_flag()?,
    };
    let start = Instant::now();
    let mut preparing = progress::Preparing::new();
    let mut tell = |event: TrainEvent<'_>| match event {
        TrainEvent::Preparing(done) => preparing.show(done),
        TrainEvent::Warnings(warnings) => {
            warnings.iter().for_each(complain);
        }
        TrainEvent::Epoch(epoch) if args.json => say(progress::epoch_json(epoch)),
        TrainEvent::Epoch(epoch) => {
            let taken = start.elapsed().as_secs_f64();
            say(epoch_line(epoch, spec.epochs(), taken));
        }
    };
    let trained = match tunefork::train(&spec, &options, &mut tell) {
        Err(Error::Interrupted) => {
            complain(format!("training was stopped; to begin again: {}", same_command()));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        trained => trained?,
    };
    let seconds = start.elapsed().as_secs_f64();
    let text = match args.json {
        true => summary_json(&trained).to_string() + "\n",
        false => summary(&trained, spec.objective().name(), seconds),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// An epoch's figures, and how long the others will take if they are like those that took so many seconds.
fn epoch_line(epoch: &EpochRecord, epochs: u32, taken: f64) -> String {
    let EpochRecord { step, report, .. } = epoch;
    let words = epoch_words(report);
    let left = match epochs.saturating_sub(*step) {
        0 => String::new(),
        left => format!("  {} left", about(taken / f64::from(*step) * f64::from(left))),
    };
    format!("epoch {step:>3}/{epochs}  {words}{left}")
}

fn summary(trained: &Trained, objective: &str, seconds: f64) -> String {
    let Trained { epoch, value, .. } = trained;
    let mut text = String::new();
    let members = Members::of(trained.members.iter().map(|report| report.member));
    for report in &trained.members {
        let (member, value) = (members.name(report.member), figure(report.value));
        text.push_str(&format!("\n{member}: validation {objective} {value}"));
    }
    let deviation = deviation_of(&trained.members);
    text.push_str(&format!(
        "\ndone in {}: validation {objective} {} (epoch {epoch})\n",
        duration(seconds),
        with_deviation(*value, deviation),
    ));
    if let Some(test) = &trained.test {
        text.push_str(&test_lines(test));
    }
    let models = trained.models.iter();
    models.for_each(|model| text.push_str(&format!("model: {}\n", model.display())));
    text
}

fn summary_json(trained: &Trained) -> serde_json::Value {
    let figures = |figures: &[(String, f64)]| {
        let figures = figures.iter().map(|(name, value)| (name.clone(), json!(value)));
        figures.collect::<serde_json::Map<_, _>>()
    };
    let mut object = json!({
        "event": "done",
        "epoch": trained.epoch,
        "value": trained.value,
        "test": trained.test.as_ref().map(|test| figures(&test.figures)),
    });
    match &trained.models[..] {
        [model] => object["model"] = json!(model),
        models => {
            object["deviation"] = json!(deviation_of(&trained.members));
            let deviations = trained.test.as_ref().map(|test| figures(&test.deviations));
            object["test_deviation"] = json!(deviations);
            object["models"] = json!(models);
        }
    }
    object
}
