//! The report for people: what was asked, the best, the table of trials.

use std::fmt::{self, Write as _};

use tunefork_trial::{Direction, TrialState};

use crate::experiments::write_experiments;
use tunefork_names::{counted, times};

use crate::figures::{figure, with_deviation};
use crate::{Row, Summary};

/// The report as Markdown.
pub fn markdown(summary: &Summary) -> String {
    let mut text = String::new();
    write_report(&mut text, summary).expect("a String takes all text");
    text
}

fn write_report(text: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(text, "# {}\n", summary.name)?;
    write_overview(text, summary)?;
    if let Some(best) = summary.best() {
        writeln!(text, "\n## Best trial\n")?;
        let value = best.value.iter().map(|value| (summary.objective.clone(), *value));
        // The value stands above; that of the last epoch need not be it.
        let others = best.metrics.iter().cloned();
        let metrics = others.filter(|(name, _)| *name != summary.objective);
        let parameters = best.params.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let value = value.map(|(name, value)| (name, with_deviation(value, best.deviation)));
        let metrics = metrics.map(|(name, value)| (name, figure(value)));
        let figures = value.chain(metrics);
        write_table(text, &["parameter", "value"], parameters.map(|(a, b)| vec![a, b]))?;
        writeln!(text)?;
        write_table(text, &["validation", ""], figures.map(|(a, b)| vec![a, b]))?;
        write_members(text, summary, best)?;
    }
    if !summary.test.is_empty() {
        let figures = summary.test.iter().enumerate().map(|(place, (name, value))| {
            let deviation = summary.test_deviations.get(place).copied();
            vec![name.clone(), with_deviation(*value, deviation)]
        });
        match summary.test_looks {
            ..=1 => writeln!(text, "\nOn the test images, which were looked at once, for this trial:\n")?,
            looks => writeln!(
                text,
                "\nOn the test images, which were looked at {}, each time for the trial that was the best then:\n",
                times(looks as usize)
            )?,
        }
        write_table(text, &["test", ""], figures)?;
    }
    write_importances(text, summary)?;
    write_experiments(text, summary)?;
    writeln!(text, "\n## Trials\n")?;
    write_trials(text, summary)?;
    if !summary.notes.is_empty() {
        writeln!(text, "\n## Notes\n")?;
        for note in &summary.notes {
            writeln!(text, "- {note}")?;
        }
    }
    if !summary.settings.is_empty() {
        writeln!(text, "\n## Settings\n")?;
        let settings = summary.settings.iter().map(|(name, value)| vec![name.clone(), value.clone()]);
        write_table(text, &["setting", "value"], settings)?;
    }
    Ok(())
}

fn write_overview(text: &mut String, summary: &Summary) -> fmt::Result {
    let own: Vec<&Row> = summary.trials.iter().filter(|row| !row.is_outside).collect();
    let epochs: usize = own.iter().map(|row| row.epochs as usize).sum();
    let (trials, epochs) = (counted(own.len(), "trial"), counted(epochs, "epoch"));
    let states: Vec<String> = [
        TrialState::Complete,
        TrialState::Pruned,
        TrialState::Failed,
        TrialState::Running,
        TrialState::Paused,
        TrialState::Waiting,
    ]
    .into_iter()
    .filter_map(|state| {
        let count = own.iter().filter(|row| row.state == state).count();
        (count > 0).then(|| format!("{count} {}", state))
    })
    .collect();
    let aim = match summary.direction {
        Direction::Maximize => "as high as possible",
        Direction::Minimize => "as low as possible",
    };
    writeln!(text, "Validation {} was to be {aim}.", summary.objective)?;
    if states.is_empty() {
        return writeln!(text, "No trial was started.");
    }
    let were = if own.len() == 1 { "was" } else { "were" };
    writeln!(text, "{trials} ({}) {were} trained for {epochs} in all.", states.join(", "))?;
    match summary.best() {
        Some(Row { number, value: Some(value), deviation, .. }) => writeln!(
            text,
            "The best of them is **trial {number}**: {} **{}**.",
            summary.objective,
            with_deviation(*value, *deviation)
        ),
        _ => writeln!(text, "None of them is complete yet."),
    }
}

/// Which parameters mattered, if that is known.
fn write_importances(text: &mut String, summary: &Summary) -> fmt::Result {
    if summary.importances.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n## What mattered\n")?;
    let complete = summary.trials.iter().filter(|row| row.state == TrialState::Complete && !row.is_outside).count();
    let is_rough = if complete < 50 { " Of so few trials it is a rough guess." } else { "" };
    writeln!(
        text,
        "How far the values of the best tenth of {} lie from those of all (PED-ANOVA), as shares.{is_rough}\n",
        counted(complete, "completed trial")
    )?;
    let rows = summary.importances.iter().map(|(name, share)| vec![name.clone(), format!("{:.0} %", share * 100.0)]);
    write_table(text, &["parameter", "share"], rows)
}

/// What each training of the best trial brought; nothing where it is a single one.
fn write_members(text: &mut String, summary: &Summary, best: &Row) -> fmt::Result {
    if best.members.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nThe value is the mean over {} trainings, ± their standard deviation:\n", best.members.len())?;
    let rows = best.members.iter();
    let rows = rows.map(|(name, value)| vec![name.clone(), figure(*value)]);
    write_table(text, &["training", &summary.objective], rows)
}

fn write_trials(text: &mut String, summary: &Summary) -> fmt::Result {
    let parameters = summary.parameters();
    let mut header = vec!["trial", "state", summary.objective.as_str(), "epochs"];
    let grouped = !summary.experiments.is_empty();
    if grouped {
        header.push("experiments");
    }
    header.extend(&parameters);
    let best = summary.best().map(|row| row.number);
    let rows = summary.trials.iter().map(|row| {
        let number = match Some(row.number) == best {
            true => format!("**{}**", row.number),
            false => row.number.to_string(),
        };
        let state = match row.reason.is_empty() {
            true => row.state.to_string(),
            false => format!("{}: {}", row.state, row.reason),
        };
        let value = row.value.map(|value| with_deviation(value, row.deviation));
        let value = value.unwrap_or_default();
        let params =
            parameters.iter().map(|name| row.params.get(name).map(|value| value.to_string()).unwrap_or_default());
        let experiments = grouped.then(|| summary.runs_of(row.number).0.join(", "));
        [number, state, value, row.epochs.to_string()].into_iter().chain(experiments).chain(params).collect()
    });
    write_table(text, &header, rows)
}

pub(crate) fn write_table(text: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> fmt::Result {
    writeln!(text, "| {} |", header.join(" | "))?;
    writeln!(text, "|{}", "---|".repeat(header.len()))?;
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// A cell without what would end it.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").replace(['\n', '\r'], " ")
}
