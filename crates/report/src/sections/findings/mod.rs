//! What the study has found: the questions that people ask of a study, each with the answer that its trials support.

mod cost;
mod parameters;
mod result;
mod search;
mod training;

pub(super) use result::in_a_sentence;
pub(crate) use search::converged;
pub(crate) use training::{epochs_to, milestone};

use crate::Report;
use crate::document::{Answer, Block, Section};

/// Fewer completed trials than this are told one by one, not in quarters.
const LEAST: usize = 8;

/// Who answers a question.
enum Answers {
    /// One sentence, or several that belong together.
    One(fn(&Report<'_>) -> Option<String>),
    /// A sentence for each thing that the question is about.
    Each(fn(&Report<'_>) -> Vec<String>),
}

/// All questions, in the order in which they are read. One that the trials cannot answer is left out.
const QUESTIONS: [(&str, Answers); 17] = [
    ("How sure is the best value?", Answers::One(result::known_to)),
    ("Is it stable over seeds?", Answers::One(result::stability)),
    ("What did tuning gain?", Answers::One(result::gain)),
    ("Does it overfit?", Answers::One(training::gap)),
    ("Which classes are hard?", Answers::One(training::hard_classes)),
    ("When did the search converge?", Answers::One(search::convergence)),
    ("How are the results spread?", Answers::One(search::spread)),
    ("What mattered most?", Answers::One(parameters::most_important)),
    ("Do settings depend on each other?", Answers::One(parameters::interactions)),
    ("Where do the best trials lie?", Answers::Each(parameters::where_the_best_lie)),
    ("What does each setting bring?", Answers::Each(parameters::effects)),
    ("How many epochs does it take?", Answers::One(training::epochs_until)),
    ("What did stopping early save?", Answers::One(search::stopping)),
    ("Was a good trial stopped?", Answers::One(search::stopped_too_early)),
    ("What do parameters buy?", Answers::One(cost::parameters)),
    ("What did it cost?", Answers::One(cost::time_and_memory)),
    ("What failed?", Answers::One(search::failures)),
];

pub(super) fn findings(report: &Report<'_>) -> Section {
    let mut section = Section::new("Findings");
    let answered = QUESTIONS.iter().map(|(question, answers)| Answer {
        question,
        sentences: match answers {
            Answers::One(answer) => answer(report).into_iter().collect(),
            Answers::Each(answer) => answer(report),
        },
    });
    let answered: Vec<Answer> = answered.filter(|answer| !answer.sentences.is_empty()).collect();
    if !answered.is_empty() {
        section.blocks.push(Block::Answers(answered));
    }
    let next = advice(report);
    if !next.is_empty() {
        section.blocks.push(Block::Title("What to try next".to_string()));
        section.blocks.push(Block::List(next));
    }
    section
}

/// What the trials themselves speak for, and nothing else.
fn advice(report: &Report<'_>) -> Vec<String> {
    let more = [training::trains_longer(report), result::replicates(report)];
    parameters::at_a_bound(report).into_iter().chain(more.into_iter().flatten()).collect()
}
