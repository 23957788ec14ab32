//! What the study was to find out, and what it says.

use crate::Report;
use crate::document::{Section, Table};
use crate::hypotheses::{Hypothesis, Verdict, judged};

pub(super) fn hypotheses(report: &Report<'_>) -> Section {
    let mut section = Section::new("Hypotheses");
    let judged = judged(report);
    if judged.is_empty() {
        return section;
    }
    let count = |verdict: Verdict| judged.iter().filter(|(_, judgement)| judgement.verdict == verdict).count();
    // What could not be tested is told where there is such a thing.
    let counts = Verdict::ALL.iter().map(|verdict| (*verdict, count(*verdict)));
    let counts = counts.filter(|(verdict, count)| *count > 0 || *verdict != Verdict::NotTested);
    let counts: Vec<String> = counts.map(|(verdict, count)| format!("{count} {verdict}")).collect();
    let tested = judged.len() - count(Verdict::NotTested);
    let many = match tested {
        ..5 => String::new(),
        5.. => " Each is judged by itself: where there is no difference, one in 20 is decided all the same.".to_owned(),
    };
    section.text(format!(
        "{}. Better is what the study looks for: a higher value, or a lower one where it minimises.{many}",
        counts.join(", ")
    ));
    let asked = judged.iter().any(|(hypothesis, _)| hypothesis.question.is_some());
    let mut before = None;
    let rows = judged.into_iter().map(|(Hypothesis { claim, question }, judgement)| {
        // Several claims may answer one question.
        let shown = question.clone().filter(|_| question != before).unwrap_or_default();
        before = question;
        let cells = asked.then_some(shown).into_iter();
        cells.chain([claim, judgement.verdict.to_string(), judgement.because]).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let header = asked.then_some("question").into_iter().chain(["claim", "verdict", "because"]);
    section.table(Table::new(header).with_rows(rows));
    section
}
