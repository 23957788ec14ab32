//! `tunefork show`

use std::fmt::Write as _;
use std::process::ExitCode;

use tunefork::report::{experiments_of, figure, with_deviation};
use tunefork::study::{Members, StudyRecord, TrialRecord, deviation_of};
use tunefork::{TestResult, read_study, show_json, study_notes};

use crate::args::ShowArgs;
use crate::output::{failure_lines, given, on_a_line, print, table, test_lines};

pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let (study, test) = read_study(&args.path, args.study.as_deref())?;
    let text = match args.json {
        true => serde_json::to_string_pretty(&show_json(&study, test.as_ref()))? + "\n",
        false => text(&study, test.as_ref())?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn text(study: &StudyRecord, test: Option<&TestResult>) -> Result<String, std::fmt::Error> {
    let header = &study.header;
    let mut text = String::new();
    let value = header.metric.as_deref().unwrap_or("value");
    writeln!(text, "study {}, seed {}\n", header.name, header.seed)?;
    let grouped = study.trials.iter().any(|trial| !experiments(trial).is_empty());
    let several = study.trials.iter().any(|t| deviation(t).is_some());
    let rows: Vec<Vec<String>> = study
        .trials
        .iter()
        .map(|trial| {
            let mut row = vec![
                trial.number.to_string(),
                match study.is_outside(trial) {
                    true => format!("{} (outside)", trial.state),
                    false => trial.state.to_string(),
                },
                trial.value.map(figure).unwrap_or_default(),
                trial.epochs.len().to_string(),
            ];
            row.extend(several.then(|| deviation(trial).map(figure).unwrap_or_default()));
            row.extend(grouped.then(|| experiments(trial).join(", ")));
            row.push(on_a_line(&trial.params()));
            row
        })
        .collect();
    let mut header = vec!["trial", "state", value, "epochs"];
    header.extend(several.then_some("deviation"));
    header.extend(grouped.then_some("experiments"));
    header.push("parameters");
    text.push_str(&table(&header, &rows));
    let failures = failure_lines(study);
    if !failures.is_empty() {
        write!(text, "\n{failures}")?;
    }
    let notes: String = study_notes(study).iter().map(|note| format!("{note}\n")).collect();
    let Some(best) = study.best() else {
        writeln!(text, "\nno trial is complete")?;
        return Ok(text + &notes);
    };
    writeln!(
        text,
        "\nbest: trial {}, {value} {}",
        best.number,
        with_deviation(best.value.unwrap_or(f64::NAN), deviation(best))
    )?;
    let reports = best.trainings();
    let members = Members::of(reports.iter().map(|report| report.member));
    for report in reports {
        let (member, value) = (members.name(report.member), figure(report.value));
        writeln!(text, "  {member}: {value}")?;
    }
    for (name, value) in given(&best.params()) {
        writeln!(text, "  {name} = {value}")?;
    }
    if let Some(test) = test {
        text.push_str(&test_lines(test));
    }
    Ok(text + &notes)
}

/// The standard deviation of a trial's value over its trainings, if these are several.
fn deviation(trial: &TrialRecord) -> Option<f64> {
    deviation_of(trial.trainings())
}

/// The experiments that a trial belongs to, each once.
fn experiments(trial: &TrialRecord) -> Vec<&str> {
    let mut names = experiments_of(trial);
    names.dedup();
    names
}
