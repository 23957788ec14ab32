//! What one training makes of a study: its baseline, without a search.

use tunefork_report::counted;
use tunefork_space::Space;

use crate::study_file::table::TIME_LIMIT;
use crate::study_file::{Content, KEYS, Key, Setting, StudyFile};

use super::cells::{Cell, Cells, Entry};
use super::config::Constant;
use super::{StudySpec, Value};

impl StudySpec {
    /// The study of the baseline alone, in which nothing varies.
    pub(crate) fn alone(&self) -> Self {
        let fixed = |value: &Value| Cell::Fixed(value.clone());
        let entry = |key: &&'static Key| match self.fixed().get(key) {
            Some(Constant::One(value)) => Entry::One(fixed(value)),
            Some(Constant::List(values)) => Entry::Many(values.iter().map(fixed).collect()),
            None => Entry::Absent,
        };
        let space = Space::new(Vec::new()).expect("without parameters nothing contradicts itself");
        let cells = Cells { entries: KEYS.iter().map(entry).collect(), space, baseline: Vec::new() };
        Self { cells, enqueued: Vec::new(), experiments: Vec::new(), ..self.clone() }
    }

    /// What of the file does nothing, or not what it says, where one configuration is trained once, as sentences.
    pub(super) fn remarks_of_one(&self, file: &StudyFile) -> Vec<String> {
        let mut told = Vec::new();
        let unused = unused(file);
        if !unused.is_empty() {
            told.push(format!("one configuration is trained, once: this does not use {}", unused.join(", ")));
        }
        if self.experiments().is_empty() && !self.space().is_empty() {
            told.push(format!("of what varies, the default is trained: {}", self.baseline()));
        }
        let is_constant = |key: &Key| file.setting(key).is_some_and(|setting| !has_domain(setting));
        let remarks = self.alone().remarks(file);
        let remarks = remarks.iter().filter(|remark| !remark.key.is_for_a_search() && is_constant(remark.key));
        told.extend(remarks.map(ToString::to_string));
        told
    }
}

/// What only a study of several trials uses, of what people may expect that one training does, too.
fn unused(file: &StudyFile) -> Vec<String> {
    let given = [(file.experiments().len(), "experiment"), (file.trials().len(), "given trial")];
    let given = given.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| match count {
        1 => format!("the {what}"),
        _ => format!("the {}", counted(count, what)),
    });
    let limit = file.setting(&TIME_LIMIT).map(|_| format!("`{}`", TIME_LIMIT.name));
    given.chain(limit).collect()
}

fn has_domain(setting: &Setting) -> bool {
    setting.form.terms().any(|term| matches!(term.content, Content::Domain(_)))
}
