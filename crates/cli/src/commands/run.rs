//! `tunefork run`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tunefork::report::{counted, times, with_deviation};
use tunefork::sampler::SamplerKind;
use tunefork::study::{Ended, StudyRecord, deviation_of};
use tunefork::study_file::table::SAMPLER;
use tunefork::track::Place;
use tunefork::train::{Company, Objective};
use tunefork::{Report, ReportFormat, RunOptions, StudySpec, study_notes};

use super::finished::finished;
use super::{same_command, stop_flag};
use crate::INTERRUPTED;
use crate::args::RunArgs;
use crate::output::{complain, duration, failure_lines, given, print, say};
use crate::progress;
use crate::relaunch::Faults;

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let spec = args.study.resolve_only(args.experiment.as_deref())?;
    let folder = args.results.folder(&spec);
    let faults = Faults::before();
    let options = RunOptions {
        data_dir: args.study.data.data_dir.clone(),
        workers: args.workers,
        durable: args.durable,
        eager: args.eager,
        accept_drift: args.accept_drift,
        tracking: args.tracking.tracking(),
        checkpoint_every: Duration::from_secs_f64(args.checkpoint_every),
        given_up: faults.given_up(),
        stop: stop_flag()?,
        ..RunOptions::new(folder, args.study.machine_of(faults.device(args.study.machine.device), args.json)?)
    };
    let start = Instant::now();
    let mut listener = progress::of_study(&spec, args.json);
    let report = tunefork::run(&spec, &options, &mut *listener);
    drop(listener);
    let report = match report {
        Err(error) if error.is_lost_device() => return faults.go_on(error, &spec, options),
        report => report?,
    };
    let seconds = start.elapsed().as_secs_f64();
    match args.json {
        true => say(finished(&spec, &report, &options, seconds)),
        false => print(&summary(&spec, &report, &options, seconds))?,
    }
    if report.outcome.ended == Ended::TimeLimit {
        let taken = duration(report.study.elapsed.as_secs_f64());
        complain(format!(
            "the study has taken {taken}, all that `time_limit` allows; to go on, raise it and run the same command"
        ));
    }
    Ok(match (report.outcome.ended, report.outcome.best) {
        (Ended::Interrupted, _) => {
            complain(format!("the study was stopped; to go on: {}", same_command()));
            ExitCode::from(INTERRUPTED)
        }
        (_, Some(_)) => ExitCode::SUCCESS,
        (_, None) if report.outcome.under_way.is_some() => ExitCode::SUCCESS,
        (_, None) => {
            let reason = first_failure(&report.study);
            complain(format!("error: no trial was completed{reason}"));
            ExitCode::FAILURE
        }
    })
}

/// What a reader wants to know at the end.
fn summary(spec: &StudySpec, report: &Report, options: &RunOptions, seconds: f64) -> String {
    let study = &report.study;
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes all text");
    let objective = spec.objective();
    let ended = match report.outcome.ended {
        Ended::Done => "done".to_owned(),
        Ended::Exhausted => exhausted(spec, study).to_owned(),
        Ended::Reached(reached) => format!("done, for {reached}"),
        Ended::TimeLimit => "ended by `time_limit`".to_owned(),
        Ended::Interrupted => "stopped".to_owned(),
    };
    line(format!("\n{ended}: {} {}", trials(study), time(study, seconds)));
    failure_lines(study).lines().for_each(|failure| line(failure.to_string()));
    if let Some(best) = study.best() {
        let last = best.epochs.last();
        let deviation = last.and_then(|last| deviation_of(&last.report.members));
        let value = with_deviation(best.value.unwrap_or(f64::NAN), deviation);
        let of = deviation.map(|_| format!(" (deviation of {})", counted(best.trainings().len(), "training")));
        line(format!("best: trial {}, validation {objective} {value}{}", best.number, of.unwrap_or_default()));
        for (name, value) in given(&best.params()) {
            line(format!("  {name} = {value}"));
        }
    }
    if let Some(under_way) = report.outcome.under_way {
        line(spec.under_way(under_way));
    }
    if let Some(test) = &report.test {
        for name in BTreeSet::from([Objective::Accuracy.name(), objective.name()]) {
            let Some(value) = test.figure(name) else { continue };
            let deviation = test.deviations.iter().find(|(other, _)| other == name);
            let value = with_deviation(value, deviation.map(|(_, deviation)| *deviation));
            line(format!("test {name} of the best: {value}"));
        }
        if test.looks > 1 {
            let looks = times(test.looks as usize);
            line(format!("the test images were looked at {looks}, each time for the best trial then"));
        }
    }
    study_notes(study).into_iter().for_each(&mut line);
    options.machine.gpu().and_then(|gpu| in_company(gpu.company())).into_iter().for_each(&mut line);
    if report.outcome.outside_events > 0 {
        line(format!("reproducible given {}", counted(report.outcome.outside_events, "outside event")));
    }
    line(format!("report: {}", options.folder.report(ReportFormat::Html).display()));
    if options.tracking.tensorboard {
        line(format!("curves: tensorboard --logdir {}", options.folder.tensorboard().display()));
    }
    if let Some(place) = &options.tracking.mlflow {
        line(match place {
            Place::Server(_) => format!("runs: {place}"),
            Place::Folder(_) => format!("runs: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {place}"),
        });
    }
    if report.outcome.best.is_some() || report.outcome.under_way.is_some() {
        for model in options.folder.models(spec.members()) {
            line(format!("model: {}", model.display()));
        }
    }
    text
}

/// How often trials took their steps together on a card, if they did anything there.
fn in_company(company: Company) -> Option<String> {
    let Company { calls, together, rounds } = company;
    let (share, size) = (100.0 * together as f64 / calls as f64, calls as f64 / rounds as f64);
    (calls > 0)
        .then(|| format!("side by side on the card: {share:.0} % of the trials' calls, {size:.1} trials in a launch"))
}

/// How many trials have ended, and of how many, where some have not.
fn trials(study: &StudyRecord) -> String {
    let ended = study.ended_trials();
    match study.own_trials() > ended {
        true => format!("{ended} of {} trials", study.header.stages.last().map_or(ended, |budget| *budget as usize)),
        false => counted(ended, "trial"),
    }
}

/// What this run took, and all of them together where there were others.
fn time(study: &StudyRecord, seconds: f64) -> String {
    let all = study.elapsed.as_secs_f64();
    match all > 1.1 * seconds + 1.0 {
        true => format!("in {} of several runs, {} of this one", duration(all), duration(seconds)),
        false => format!("in {}", duration(seconds)),
    }
}

/// Why there are fewer trials than were asked for.
fn exhausted(spec: &StudySpec, study: &StudyRecord) -> &'static str {
    let proposed = study.own_trials().saturating_sub(spec.enqueued().len()) as u64;
    if spec.sampler().trials(spec.space()).is_some_and(|points| proposed >= points) {
        "done, all configurations were tried"
    } else if SAMPLER.of(spec.fixed()) == SamplerKind::Grid {
        "done, all configurations that can be trained were tried"
    } else {
        "done, no other configuration that can be trained was found"
    }
}

/// The reason of the first trial that failed, if one did.
fn first_failure(study: &StudyRecord) -> String {
    let ends = study.trials.iter().filter_map(|trial| Some((trial.number, trial.end.as_ref()?)));
    let mut told = ends.filter(|(_, end)| !end.message.is_empty());
    told.next().map(|(number, end)| format!("; trial {number}: {}", end.message)).unwrap_or_default()
}
