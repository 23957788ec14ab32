//! What the table of keys says, for people: one key in full, or all of them as Markdown.

use std::fmt::Write as _;

use super::error::FileError;
use super::key::{Key, Role, Section, Shape};
use super::kind::ValueKind;
use super::setting::{bare_name, belongs_elsewhere, key_of};
use super::table::KEYS;

impl Key {
    /// The key that somebody asked for by name, with its section or without.
    ///
    /// # Errors
    /// When there is none; a misspelt name is answered with the key that was meant.
    ///
    /// ```
    /// use tunefork::study_file::Key;
    ///
    /// assert_eq!(Key::named("train.epochs")?.name, "epochs");
    /// assert!(Key::named("epoch").unwrap_err().to_string().contains("did you mean `epochs`?"));
    /// # Ok::<(), tunefork::study_file::FileError>(())
    /// ```
    pub fn named(name: &str) -> Result<&'static Key, FileError> {
        let section = name.split_once('.').and_then(|(section, _)| section.parse().ok());
        let name = bare_name(name);
        key_of(name).filter(|_| belongs_elsewhere(name).is_none()).ok_or_else(|| {
            let names = KEYS.iter().map(|key| key.name);
            FileError::unknown_key(name, section, "a key of a study file", names)
        })
    }

    /// What it takes, in words: kind, bounds, unit, and for how many layers.
    pub fn takes(&self) -> String {
        let unit = self.unit_in_brackets();
        let count = match self.shape {
            Shape::One => "",
            Shape::List => "; or a list of such values",
            Shape::PerLayer { .. } => "; or a list with a value for each layer",
        };
        format!("{}{unit}{count}", self.kind)
    }

    /// What a value of it is, in words; without the unit where the words or the key's name say it already.
    pub(super) fn takes_one(&self) -> String {
        let is_said = self.kind == ValueKind::Share || self.name == self.unit;
        format!("{}{}", self.kind, if is_said { String::new() } else { self.unit_in_brackets() })
    }

    fn unit_in_brackets(&self) -> String {
        match self.unit {
            "" => String::new(),
            unit => format!(" ({unit})"),
        }
    }

    /// All that the table says of it, over several lines.
    pub fn in_full(&self) -> String {
        let mut text = format!("{}: {}\n\n", self.name, self.help);
        let mut line = |title: &str, words: &str| {
            writeln!(text, "{title:<10}{words}").expect("a String takes all text");
        };
        line("section", &self.section.title());
        line("takes", &self.takes());
        line("default", &self.default.to_string());
        if let Some(only) = self.only {
            line("only for", &only.to_string());
        }
        line("trials", &self.role.to_string());
        if self.can_vary() {
            let forms: Vec<String> = self.kind.domains().iter().map(|form| format!("{{ {form} = [...] }}")).collect();
            line("to vary", &forms.join(", "));
        }
        text
    }
}

/// Every key with what the table says of it, section by section: the text of `docs/keys.md`.
pub fn keys_markdown() -> String {
    let mut text = String::from(
        "# The keys of a study file\n\n\
         This file is written from the table of keys (`tunefork keys --markdown`); `tunefork keys NAME` tells the same \
         of one key. Where a key may vary, a domain stands in the place of its value, such as \
         `learning_rate = { log = [1e-4, 1e-1] }`. A key of the model that is listed for each layer takes one value for \
         all layers as well. What may not vary is the same for all trials, and stays when the study goes on unless it \
         says otherwise.\n",
    );
    for section in Section::ALL {
        let header = "| key | takes | default | may vary | what it is |\n|---|---|---|---|---|";
        write!(text, "\n## {}\n\n{header}\n", section.title()).expect("a String takes all text");
        for key in section.keys() {
            let varies = if key.can_vary() { "yes" } else { "no" };
            let row = [key.takes(), key.default.to_string(), varies.to_string(), meaning(key)];
            let row = row.map(|cell| cell.replace('|', "\\|"));
            writeln!(text, "| `{}` | {} |", key.name, row.join(" | ")).expect("a String takes all text");
        }
    }
    text
}

/// What it is, where it means anything, and what may become of it when the study goes on.
fn meaning(key: &Key) -> String {
    let only = key.only.map(|only| format!("; only for {only}")).unwrap_or_default();
    let later = match key.role {
        Role::Budget | Role::Label => format!("; {}", key.role),
        Role::Costs | Role::Free | Role::Fixed | Role::Recorded | Role::RecordedOfOne => String::new(),
    };
    format!("{}{only}{later}", key.help)
}
