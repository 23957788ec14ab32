//! What a key of a study file is.

use std::fmt;

use super::kind::Kind;
use super::table::KEYS;

/// A section of the study file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The study itself: its name, seed and budget.
    Study,
    /// The images and how they are divided.
    Data,
    /// The network.
    Model,
    /// How a network is trained.
    Train,
    /// How the next trial is chosen.
    Search,
    /// Which trials are stopped early.
    Scheduler,
}

impl Section {
    /// All sections in the order in which they are written.
    pub const ALL: [Section; 6] =
        [Section::Study, Section::Data, Section::Model, Section::Train, Section::Search, Section::Scheduler];

    /// The name as it stands between the brackets.
    pub fn name(self) -> &'static str {
        match self {
            Section::Study => "study",
            Section::Data => "data",
            Section::Model => "model",
            Section::Train => "train",
            Section::Search => "search",
            Section::Scheduler => "scheduler",
        }
    }

    /// The keys of this section, in the order of the table.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.section == self)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.name())
    }
}

/// How many values a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value.
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
    /// Nothing.
    Absent,
    /// A flag.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A word or text.
    Word(&'static str),
    /// A whole number that doubles with every layer up to a largest one.
    Doubling(i64, i64),
}

/// One key of the study file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// The section it stands in.
    pub section: Section,
    /// Its name, which no other key has.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// How many values it holds.
    pub shape: Shape,
    /// What holds where it is not given.
    pub default: Preset,
    /// What it means, in one line.
    pub help: &'static str,
}

impl Key {
    /// The key of this name, if there is one.
    pub fn find(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Whether a domain may stand in its place.
    pub fn can_vary(&self) -> bool {
        matches!(self.section, Section::Model | Section::Train)
            && !matches!(self.name, "precision" | "last_batch" | "memory")
    }

    /// Whether a larger value only makes the study longer, so that a resumed study may change it.
    pub fn is_budget(&self) -> bool {
        matches!(self.name, "trials" | "time_limit")
    }
}
