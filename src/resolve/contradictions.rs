//! Settings that cannot both hold.

use tunefork_report::counted;
use tunefork_sampler::{Grid, SamplerKind};
use tunefork_scheduler::SchedulerKind;
use tunefork_space::{Domain, Parameter};

use crate::files::{FOLDER_NAME, is_folder_name};
use crate::study_file::table::{
    EARLY_STOP, EPOCHS, FOLD_ORDER, FOLDS, KIND, LOWER, MEAN, NAME, SAMPLER, STD, UPPER, VALIDATION,
};
use crate::study_file::{FileError, FoldOrder, Key, StudyFile, key_of};

use super::StudySpec;

/// The error, at the first of these keys that the file gives.
fn refused(file: &StudyFile, keys: &[&Key], text: String) -> FileError {
    let error = FileError::contradiction(text);
    match keys.iter().find_map(|key| file.setting(key)) {
        Some(setting) => error.at(&setting.place),
        None => error,
    }
}

impl StudySpec {
    /// Contradictions between settings that hold for all trials.
    pub(super) fn check(&self, file: &StudyFile) -> Result<(), FileError> {
        let refused = |keys: &[&Key], text: String| refused(file, keys, text);
        if !is_folder_name(self.name()) {
            return Err(
                refused(&[&NAME], format!("`{}` is no name for a study", self.name().escape_debug())).note(FOLDER_NAME)
            );
        }
        let (mean, std) = (self.fixed.list(&MEAN).len(), self.fixed.list(&STD).len());
        if mean != std {
            let text = format!("`mean` has {} and `std` {}", counted(mean, "number"), counted(std, "number"));
            let error = refused(&[&MEAN, &STD], text);
            return Err(error.note("give both, one number per channel: mean = [...], std = [...]"));
        }
        let members = self.members();
        if FOLDS.of(&self.fixed).is_some() && VALIDATION.of(&self.fixed).is_some() {
            let text = "`folds` and `validation` cannot both be given".to_string();
            return Err(
                refused(&[&VALIDATION], text).note("each fold is once what is validated on: leave one of the two out")
            );
        }
        if FOLD_ORDER.of(&self.fixed) == FoldOrder::Sequential && !members.sequential {
            let text = "`fold_order` says in which order folds are trained, but there are none";
            return Err(
                refused(&[&FOLD_ORDER], text.to_string()).note("add `folds`, or set fold_order = \"side_by_side\"")
            );
        }
        let stops = EARLY_STOP.of(&self.fixed).is_some() || self.space().index_of(EARLY_STOP.name).is_some();
        if members.sequential && stops {
            let text = "`early_stop` looks at the folds together, which are trained one after another";
            return Err(refused(&[&EARLY_STOP, &FOLD_ORDER], text.to_string())
                .note("leave `early_stop` out, or set fold_order = \"side_by_side\""));
        }
        self.check_scheduler(file)?;
        self.check_grid(file)
    }

    fn check_scheduler(&self, file: &StudyFile) -> Result<(), FileError> {
        if let (Some(lower), Some(upper)) = (LOWER.of(&self.fixed), UPPER.of(&self.fixed))
            && lower >= upper
        {
            let text = format!("`upper` must be above `lower`, but {upper} is not above {lower}");
            return Err(refused(file, &[&UPPER], text));
        }
        let is_tested = KIND.of(&self.fixed) == SchedulerKind::Wilcoxon;
        if is_tested && (!self.members().sequential || self.space().index_of(EPOCHS.name).is_some()) {
            let text = "wilcoxon compares trials fold by fold, each after as many epochs";
            return Err(refused(file, &[&KIND], text.to_string())
                .note("set `folds`, fold_order = \"sequential\" and one number of `epochs` for all trials"));
        }
        Ok(())
    }

    fn check_grid(&self, file: &StudyFile) -> Result<(), FileError> {
        if self.experiments.is_empty() && SAMPLER.of(&self.fixed) == SamplerKind::Grid {
            let endless = |p: &&Parameter| p.domain.size().is_none();
            if let Some(Parameter { name, domain, .. }) = self.space().parameters().iter().find(endless) {
                let text = format!("a grid needs finite domains, but `{name}` has no end of values");
                let way_out = match domain {
                    Domain::Float { log: true, .. } => "list its values: { choice = [...] }",
                    Domain::Float { .. } | Domain::Int { .. } | Domain::Categorical { .. } => {
                        "give it a `step` or a `choice`"
                    }
                };
                return Err(refused(file, key_of(name).as_slice(), text).note(way_out));
            }
            if let Err(error) = Grid::new(self.space()) {
                return Err(refused(file, &[&SAMPLER], error.to_string()));
            }
        }
        Ok(())
    }
}
