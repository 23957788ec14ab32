//! `tunefork plan`

use std::fmt::Write as _;
use std::process::ExitCode;

use tunefork::report::{bytes, counted, shortened, thousands};
use tunefork::sampler::{Auto, SamplerKind};
use tunefork::scheduler::SchedulerKind;
use tunefork::study_file::table::{KIND, SAMPLER, SOURCE};
use tunefork::{CardRoom, StudyPlan, StudySpec, StudyTime};

use crate::args::PlanArgs;
use crate::output::{about, on_a_line, print, table};
use crate::progress;

pub(crate) fn plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let spec = args.study.resolve_only(args.experiment.as_deref())?;
    let machine = args.study.machine(false)?;
    let data_dir = args.study.data.data_dir.as_deref();
    let mut preparing = progress::Preparing::new();
    let plan = StudyPlan::new(&spec, &machine, data_dir, !args.no_time, &mut |done| preparing.show(done))?;
    drop(preparing);
    print(&text(&spec, &plan)?)?;
    Ok(ExitCode::SUCCESS)
}

fn text(spec: &StudySpec, plan: &StudyPlan) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for warning in &plan.warnings {
        writeln!(text, "note: {warning}")?;
    }
    let [train, validation, test] = plan.images.map(|images| thousands(images as u64));
    writeln!(text, "study       {} (seed {})", spec.name(), spec.seed())?;
    writeln!(text, "images      {train} training, {validation} validation, {test} test")?;
    writeln!(text, "source      {}", source(spec))?;
    write_trainings(&mut text, spec)?;
    write_search(&mut text, spec, plan)?;
    if let Some(card) = plan.card {
        write_card(&mut text, card)?;
    }
    if let Some(time) = &plan.time {
        write_time(&mut text, spec, plan, time)?;
    }
    if let Some(limit) = spec.time_limit() {
        writeln!(text, "time limit  {} of the whole study", about(limit.as_secs_f64()))?;
    }
    writeln!(text, "\nThe default configuration:\n")?;
    if !plan.baseline.is_empty() {
        writeln!(text, "  {}\n", on_a_line(&plan.baseline))?;
    }
    let rows: Vec<Vec<String>> = plan
        .layers
        .iter()
        .map(|layer| {
            vec![layer.name.clone(), layer.output.to_string(), thousands(layer.parameters()), thousands(layer.flops())]
        })
        .collect();
    text.push_str(&table(&["layer", "output", "parameters", "FLOPs"], &rows));
    writeln!(text)?;
    writeln!(text, "parameters  {}", thousands(plan.parameters()))?;
    writeln!(text, "FLOPs       {} forward, for one image", thousands(plan.flops()))?;
    let arena = thousands(plan.arena_bytes);
    writeln!(
        text,
        "arena       {arena} bytes ({}), batches of {}{}",
        bytes(plan.arena_bytes),
        plan.batch_size,
        match spec.members().are_several() {
            true => ", of each training",
            false => "",
        }
    )?;
    let planned = thousands(plan.planned_bytes);
    let (needed, allowed) = (bytes(plan.planned_bytes), bytes(plan.memory));
    writeln!(text, "memory      {planned} bytes ({needed}) in all, of {allowed} that a trial may take")?;
    Ok(text)
}

/// Where the images come from.
fn source(spec: &StudySpec) -> String {
    let source = SOURCE.of(spec.fixed());
    match spec.presumed().any(|name| name == SOURCE.name) {
        true => format!("{source}, for the file names no `{}`", SOURCE.name),
        false => source,
    }
}

/// How many trainings a trial is, if it is several.
fn write_trainings(text: &mut String, spec: &StudySpec) -> std::fmt::Result {
    let members = spec.members();
    if !members.are_several() {
        return Ok(());
    }
    let (folds, replicates) =
        (counted(members.folds as usize, "fold"), counted(members.replicates as usize, "replicate"));
    let count = members.count();
    let order = match members.sequential {
        true => "one fold after another",
        false => "side by side",
    };
    writeln!(text, "trainings   {count} a trial: {folds} x {replicates}, {order}")
}

/// What is tried: given configurations, or points of a space.
fn write_search(text: &mut String, spec: &StudySpec, plan: &StudyPlan) -> std::fmt::Result {
    let epochs = match plan.epochs {
        (fewest, most) if fewest == most => most.to_string(),
        (fewest, most) => format!("{fewest} to {most}"),
    };
    let varying = spec.space().len();
    if varying == 0 && plan.experiments.is_empty() {
        let epochs = counted(plan.epochs.1 as usize, "epoch");
        return writeln!(text, "trials      1 of {epochs}: nothing varies");
    }
    if !plan.experiments.is_empty() {
        write_experiments(text, spec, plan)?;
        write_stopping(text, spec, plan)?;
        let all = thousands(plan.most_epochs);
        return writeln!(text, "epochs      {epochs} a trial, {all} in all if none is stopped");
    }
    let points = match plan.points {
        Some(points) => format!("at most {}", counted(points as usize, "configuration")),
        None => "no end of configurations".to_string(),
    };
    writeln!(text, "space       {}, {points}", counted(varying, "parameter"))?;
    for parameter in spec.space().parameters() {
        let when: String = parameter
            .when
            .iter()
            .map(|when| {
                let values: Vec<String> = when.any_of.iter().map(ToString::to_string).collect();
                format!(", where {} is {}", when.parameter, values.join(" or "))
            })
            .collect();
        writeln!(text, "              {} in {}{when}", parameter.name, shortened(&parameter.domain))?;
    }
    let sampler = SAMPLER.of(spec.fixed());
    let (first, slots) = (spec.enqueued().len(), spec.slots());
    writeln!(text, "trials      {} by {sampler}, {first} given; {slots} at once", plan.trials)?;
    if sampler == SamplerKind::Auto {
        writeln!(text, "              auto is {}", Auto::choice(plan.trials))?;
    }
    write_stopping(text, spec, plan)?;
    let most = thousands(plan.most_epochs);
    writeln!(text, "epochs      {epochs} a trial, at most {most} in all")
}

/// About how long it takes, and by what that was measured.
fn write_time(text: &mut String, spec: &StudySpec, plan: &StudyPlan, time: &StudyTime) -> std::fmt::Result {
    let searched = !spec.space().is_empty() && plan.experiments.is_empty();
    // A search that learns may come to prefer what takes longer than random configurations do.
    let condition = match (searched, plan.rungs.is_empty()) {
        (true, true) => " for random configurations",
        (true, false) => " for random configurations if none is stopped",
        (false, false) => " if none is stopped",
        (false, true) => "",
    };
    let threads = counted(time.concurrency.threads, "thread");
    let trained_by = match time.concurrency.workers {
        1 => threads,
        workers => format!("{workers} workers, {threads} each"),
    };
    writeln!(
        text,
        "time        about {}{condition} (measured: {:.2} s an epoch of the default configuration, {trained_by})",
        about(time.study),
        time.baseline_epoch,
    )
}

/// How many trials a GPU takes side by side, and what they share.
fn write_card(text: &mut String, card: CardRoom) -> std::fmt::Result {
    let (trials, each, images) = (counted(card.trials, "trial"), bytes(card.trial_bytes), bytes(card.image_bytes));
    writeln!(text, "card        room for {trials} side by side, {each} each; the images, {images}, are there once")
}

/// Each experiment with its runs, and how many of all runs are trained.
fn write_experiments(text: &mut String, spec: &StudySpec, plan: &StudyPlan) -> std::fmt::Result {
    let runs: u64 = plan.experiments.iter().map(|experiment| experiment.runs).sum();
    writeln!(text, "experiments {}, with {}", plan.experiments.len(), counted(runs as usize, "run"))?;
    let mut rows: Vec<Vec<String>> = (plan.experiments.iter())
        .map(|experiment| {
            let counts = [experiment.runs, experiment.trials, experiment.epochs];
            let counts = counts.into_iter().map(thousands);
            [format!("  {}", experiment.name)].into_iter().chain(counts).collect()
        })
        .collect();
    let mut header = vec!["  experiment", "runs", "distinct", "epochs"];
    if let Some(time) = &plan.time {
        header.push("about");
        for (row, seconds) in rows.iter_mut().zip(&time.experiments) {
            row.push(about(*seconds));
        }
    }
    write!(text, "\n{}\n", table(&header, &rows))?;
    let slots = spec.slots();
    writeln!(text, "trials      {}, each trained once; {slots} at once", counted(plan.trials as usize, "distinct run"))
}

fn write_stopping(text: &mut String, spec: &StudySpec, plan: &StudyPlan) -> std::fmt::Result {
    let scheduler = KIND.of(spec.fixed());
    let rungs: Vec<String> = plan.rungs.iter().map(u32::to_string).collect();
    let pauses = spec.scheduler().pauses();
    match rungs.is_empty() {
        true if scheduler == SchedulerKind::None => writeln!(text, "stopping    none"),
        true => writeln!(text, "stopping    none: {scheduler} has no rung before the last epoch"),
        false if pauses => writeln!(text, "pausing     {scheduler}, after epochs {}; the best go on", rungs.join(", ")),
        false if rungs.len() == 1 => writeln!(text, "stopping    {scheduler}, after epoch {}", rungs[0]),
        false => writeln!(text, "stopping    {scheduler}, after epochs {}", rungs.join(", ")),
    }
}
