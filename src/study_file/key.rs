//! What a key of a study file is: a row of [`KEYS`].

use std::fmt;

use tunefork_names::named_enum;
use tunefork_space::Value;

use super::kind::ValueKind;
use super::table::KEYS;

named_enum! {
    /// A section of the study file, in the order in which they are written.
    pub enum Section: "section" {
        /// The study itself: its name, seed and budget.
        Study = "study",
        /// The images and how they are divided.
        Data = "data",
        /// The network: its blocks, head and activation.
        Model = "model",
        /// How a network is trained.
        Train = "train",
        /// How the next trial is chosen.
        Search = "search",
        /// Which trials are stopped early.
        Scheduler = "scheduler",
    }
}

impl Section {
    /// The keys of this section, in the order of the table.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().copied().filter(move |key| key.section == self)
    }

    /// As it stands in a file: `[train]`.
    pub fn title(self) -> String {
        format!("[{self}]")
    }
}

/// One key of the study file.
#[derive(Debug)]
pub struct Key {
    /// The section it stands in.
    pub section: Section,
    /// Its name, which no other key has.
    pub name: &'static str,
    /// What it may hold.
    pub kind: ValueKind,
    /// How many values it holds.
    pub shape: Shape,
    /// What holds where it is not given.
    pub default: Preset,
    /// What its numbers count, in the plural; empty where nothing is counted.
    pub unit: &'static str,
    /// What may become of it from trial to trial, and when the study goes on.
    pub role: Role,
    /// Where it means anything; nothing: everywhere.
    pub only: Option<Only>,
    /// What it means, in one line.
    pub help: &'static str,
}

/// Keys are told apart by their names.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How many values a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value, whatever the number of layers.
    One,
    /// A list of constants, or one constant for all.
    List,
    /// One value for every layer that `counted_by` counts, or one for all.
    PerLayer {
        /// The key that holds the number of layers.
        counted_by: &'static str,
        /// Whether one domain stands for a parameter of its own in every layer. Otherwise it is
        /// one parameter that all layers share.
        each: bool,
    },
}

/// What holds where nothing is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Preset {
    /// Nothing; what is done then.
    Absent(&'static str),
    /// The flag that then holds.
    Flag(bool),
    /// The whole number that then holds.
    Whole(i64),
    /// The number that then holds.
    Number(f64),
    /// The word or text that then holds.
    Word(&'static str),
    /// A whole number that doubles with every layer up to a largest one.
    Doubling(i64, i64),
    /// The name of the study file.
    FileName,
    /// As many as that key lists, and a number where it lists none.
    Listed(&'static str, i64),
}

/// What may become of a key from trial to trial, and when a study goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It may differ from trial to trial, and changes how long an epoch takes.
    Costs,
    /// It may differ from trial to trial, and an epoch takes as long as before.
    Free,
    /// It is the same for all trials, whenever the study goes on.
    Fixed,
    /// It is the same for all trials, and the study itself keeps and compares it.
    Recorded,
    /// Of a trial that is one training the study itself keeps and compares it; else it is as what is fixed.
    RecordedOfOne,
    /// A larger value only makes the study longer: it may grow when the study goes on.
    Budget,
    /// It decides nothing that is computed in a study.
    Label,
}

/// Where a key means anything: beside one of these words of another key, or wherever that one is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Only {
    /// Name of the other key.
    pub key: &'static str,
    /// Its words; none: any value.
    pub words: &'static [&'static str],
}

impl Key {
    /// The key of this name, if there is one.
    pub fn find(name: &str) -> Option<&'static Key> {
        KEYS.iter().copied().find(|key| key.name == name)
    }

    /// The keys that may vary.
    pub fn varying() -> impl Iterator<Item = &'static Key> {
        KEYS.iter().copied().filter(|key| key.can_vary())
    }

    /// The key that counts the layers of a key that holds one value for each.
    ///
    /// # Panics
    /// When there is no such key: the table is wrong.
    pub(crate) fn counter(counted_by: &str) -> &'static Key {
        Self::find(counted_by).expect("the table counts layers by one of its keys")
    }

    pub(crate) fn is_for_each_layer(&self) -> bool {
        matches!(self.shape, Shape::PerLayer { .. })
    }

    /// Whether a domain may stand in its place.
    pub(crate) fn can_vary(&self) -> bool {
        match self.role {
            Role::Costs | Role::Free => true,
            Role::Fixed | Role::Recorded | Role::RecordedOfOne | Role::Budget | Role::Label => false,
        }
    }

    /// Whether only a study of several trials has a use for it: one training can be written down without.
    pub fn is_for_a_search(&self) -> bool {
        let searches = matches!(self.section, Section::Search | Section::Scheduler);
        let is_of_all = matches!(self.name, "slots" | "target" | "no_progress" | "total_epochs");
        searches || self.role == Role::Budget || is_of_all
    }
}

impl Only {
    /// Whether a value is one of the words beside which the key means anything.
    pub(crate) fn names(&self, value: &Value) -> bool {
        matches!(value, Value::Text(word) if self.words.contains(&word.as_str()))
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Preset::Absent(instead) => f.write_str(instead),
            Preset::Flag(flag) => write!(f, "{flag}"),
            Preset::Whole(whole) => write!(f, "{whole}"),
            Preset::Number(number) => write!(f, "{number:?}"),
            Preset::Word(word) => write!(f, "\"{word}\""),
            Preset::Doubling(first, most) => write!(f, "{first}, doubling from layer to layer up to {most}"),
            Preset::FileName => f.write_str("the name of the file"),
            Preset::Listed(key, otherwise) => write!(f, "as many as `{key}` lists, else {otherwise}"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Costs => "may vary; changes how long an epoch takes",
            Role::Free => "may vary",
            Role::Fixed | Role::Recorded | Role::RecordedOfOne => "the same for all trials",
            Role::Budget => "may grow when the study goes on",
            Role::Label => "not compared when the study goes on",
        })
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.words.iter().map(|word| format!("\"{word}\"")).collect();
        match words.is_empty() {
            true => write!(f, "`{}`", self.key),
            false => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                write!(f, "`{}` = {}", self.key, tunefork_names::listed(&words))
            }
        }
    }
}
