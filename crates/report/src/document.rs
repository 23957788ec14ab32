//! A report as its parts, whatever it is written as.

use tunefork_charts::Figure;

/// A report.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// What it is about.
    pub title: String,
    /// What stands below the title.
    pub subtitle: String,
    /// Its sections in their order.
    pub sections: Vec<Section>,
}

/// A part with a title of its own.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// The title; a reader finds the section by it.
    pub title: &'static str,
    /// What it says; sections that say nothing are left out.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Figures that are seen first, each with what it is.
    Facts(Vec<Fact>),
    /// Sentences.
    Text(String),
    /// Sentences that stand one below another.
    List(Vec<String>),
    /// Questions with their answers.
    Answers(Vec<Answer>),
    /// A title within a section.
    Title(String),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Box<Figure>),
    /// Photographs side by side.
    Pictures(Vec<Picture>),
}

/// A question that the study answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// As a reader would ask it.
    pub question: &'static str,
    /// The answer; at least one sentence.
    pub sentences: Vec<String>,
}

/// A photograph.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// What stands below it.
    pub caption: String,
    /// A PNG file.
    pub png: Vec<u8>,
}

/// A figure that is seen first.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// What it is: `best accuracy`.
    pub name: String,
    /// The figure: `0.9253`.
    pub value: String,
    /// What else is to be said: `trial 33`.
    pub note: String,
}

impl Fact {
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>, note: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), note: note.into() }
    }
}

/// Rows of cells below a header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// What it is of; empty where the text before it says so.
    pub caption: String,
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<TableRow>,
}

/// A row of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableRow {
    /// The trial that it is of, by which a reader finds it in figures.
    pub trial: Option<u32>,
    /// Whether it is to be seen first.
    pub is_marked: bool,
    /// Its cells.
    pub cells: Vec<String>,
}

impl Table {
    pub(crate) fn new<Name: Into<String>>(header: impl IntoIterator<Item = Name>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The table with words above it.
    pub(crate) fn of(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// The table with these rows, which are no trials.
    pub(crate) fn with_rows(mut self, rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        self.rows.extend(rows.into_iter().map(|cells| TableRow { cells, ..TableRow::default() }));
        self
    }
}

impl Section {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, blocks: Vec::new() }
    }

    pub(crate) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    pub(crate) fn figure(&mut self, figure: Option<Figure>) {
        self.blocks.extend(figure.map(|figure| Block::Figure(Box::new(figure))));
    }
}
