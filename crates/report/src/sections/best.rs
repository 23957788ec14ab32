//! The best trial: its configuration, and how it did.

use tunefork_names::times;
use tunefork_space::Value;
use tunefork_study::{Members, TrialRecord};

use crate::Report;
use crate::document::{Block, Picture, Section, Table};
use crate::figures;
use crate::numbers::{figure, percent, value_text, with_deviation};
use crate::report::{deviation_of, last_figures};

pub(super) fn best(report: &Report<'_>) -> Section {
    let mut section = Section::new("Best trial");
    if let Some(best) = report.study.best() {
        let params = best.params();
        // In experiments it stands for what a run does not have; elsewhere it is a choice.
        let given = params.iter().filter(|(_, value)| **value != Value::Null || !report.is_designed());
        let rows = given.map(|(name, value)| vec![name.to_string(), value_text(value)]);
        let caption = format!("Trial {} has this configuration:", best.number);
        section.table(Table::new(["parameter", "value"]).of(caption).with_rows(rows));
        if !last_figures(best).is_empty() {
            section.table(validation(report, best).of("Validation images, after its last epoch:"));
        }
        trainings_of(&mut section, report, best);
    }
    test(&mut section, report);
    section.figure(figures::confusion(report));
    section.figure(figures::classes(report));
    mistakes(&mut section, report);
    section
}

/// What the trial is judged by stands first: that of the last epoch need not be it.
fn validation(report: &Report<'_>, best: &TrialRecord) -> Table {
    let objective = report.objective();
    let value = best.value.iter().map(|value| vec![objective.to_string(), with_deviation(*value, deviation_of(best))]);
    let others = last_figures(best).iter().filter(|(name, _)| name != objective);
    let others = others.map(|(name, value)| vec![name.clone(), figure(*value)]);
    Table::new(["figure", "value"]).with_rows(value.chain(others))
}

/// What each training has brought; nothing where the trial is a single one.
fn trainings_of(section: &mut Section, report: &Report<'_>, best: &TrialRecord) {
    let reports = best.trainings();
    if reports.is_empty() {
        return;
    }
    let caption = format!("The value is the mean over {} trainings, ± their standard deviation:", reports.len());
    let members = Members::of(reports.iter().map(|report| report.member));
    let rows = reports.iter().map(|report| vec![members.name(report.member), figure(report.value)]);
    section.table(Table::new(["training", report.objective()]).of(caption).with_rows(rows));
}

/// What it takes for something else, as pictures.
fn mistakes(section: &mut Section, report: &Report<'_>) {
    if report.mistakes.is_empty() {
        return;
    }
    section.blocks.push(Block::Title("Its surest mistakes".to_string()));
    section.text("Validation images that it takes for something else, and how sure it is.");
    let pictures = report.mistakes.iter().map(|mistake| Picture {
        caption: format!("{}, taken for {} ({})", mistake.actual, mistake.taken, percent(mistake.probability)),
        png: mistake.png.clone(),
    });
    section.blocks.push(Block::Pictures(pictures.collect()));
}

fn test(section: &mut Section, report: &Report<'_>) {
    let Some(test) = &report.test else { return };
    let caption = match test.looks {
        ..=1 => "Test images, which were looked at once, for this trial:".to_string(),
        looks => format!(
            "Test images, which were looked at {}, each time for the trial that was the best then:",
            times(looks as usize)
        ),
    };
    let rows = test.figures.iter().map(|(name, value)| {
        let deviation = test.deviations.iter().find(|(other, _)| other == name).map(|(_, deviation)| *deviation);
        vec![name.clone(), with_deviation(*value, deviation)]
    });
    section.table(Table::new(["figure", "value"]).of(caption).with_rows(rows));
}
