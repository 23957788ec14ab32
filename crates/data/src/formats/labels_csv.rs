//! Images in a folder and a table beside them: `labels.csv` says what each of them shows.
//!
//! A line has an image's path from the table's folder and its label, in this order or in that of a header with the
//! names `image` and `label` and, where the images are divided already, `part` (train, val or test). Other columns are
//! not read. Labels that are all numbers are classes in their order, others in that of their names.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::parts::part_of;
use super::{Format, refuse_empty_class};
use crate::contents::{Contents, Item, Stored};
use crate::files::{Files, Found, inside, is_hidden};
use crate::{DataError, Part, Warnings};

const TABLE: &str = "labels.csv";

pub(super) const FORMAT: Format =
    Format { name: "a table of labels", marks: |name| name == TABLE, read, read_coarse: None };

const MAX_TABLE_BYTES: u64 = 64 << 20;

fn read(mut files: Files, root: &str) -> Result<Contents, DataError> {
    let name = inside(root, TABLE);
    let bytes = files.load(std::slice::from_ref(&name), MAX_TABLE_BYTES)?.pop().flatten().unwrap_or_default();
    let mut warnings = std::mem::take(&mut files.warnings);
    let start = inside(root, "");
    let visible = files.found.iter().filter(|found| !is_hidden(&found.name));
    let named = visible.filter_map(|found| Some((found.name.strip_prefix(&start)?, found)));
    let (images, others): (HashMap<&str, &Found>, HashMap<&str, &Found>) = named.partition(|(_, found)| found.is_image);
    let table = Table { path: files.shown(&name), images: &images };
    let rows = table.rows(&bytes, &mut warnings)?;
    let (classes, labels) = classes(&rows);
    let mut items = Vec::new();
    for row in &rows {
        match images.get(row.image.as_str()) {
            Some(found) => {
                let label = labels[row.label.as_str()];
                items.push(Item { name: found.name.clone(), part: row.part, label, handle: found.handle });
            }
            None => {
                let why = if others.contains_key(row.image.as_str()) { "is no image" } else { "is not there" };
                let reason = format!("is named in line {} of {TABLE}, but {why}", row.line);
                warnings.leave_out(inside(root, &row.image), reason);
            }
        }
    }
    let unnamed = images.len() - items.len();
    if unnamed > 0 {
        warnings.note(name, format!("does not name {unnamed} of the images that are there; they are not used"));
    }
    items.sort_by(|a, b| (a.part, a.label, &a.name).cmp(&(b.part, b.label, &b.name)));
    refuse_empty_class(&files, &classes, &items, &warnings)?;
    Ok(Contents { path: files.path.clone(), classes, items, warnings, pixels: Stored::Files(files) })
}

/// What the table says of an image.
struct Row {
    line: u64,
    image: String,
    label: String,
    part: Part,
}

struct Table<'a> {
    path: PathBuf,
    /// The images that are there, by their paths from the table's folder.
    images: &'a HashMap<&'a str, &'a Found>,
}

impl Table<'_> {
    /// What the table says, once for each image.
    fn rows(&self, bytes: &[u8], warnings: &mut Warnings) -> Result<Vec<Row>, DataError> {
        let line_of = |position: Option<&Position>| position.map_or(1, Position::line);
        check_quotes(bytes).map_err(|(line, reason)| self.wrong(line, reason))?;
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(bytes);
        let mut records = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| self.wrong(line_of(error.position()), "is no text in UTF-8"))?;
            records.push((line_of(record.position()), record));
        }
        let (columns, records) = self.columns(&records)?;
        let mut rows: Vec<Row> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (line, record) in records {
            let row = columns.row(*line, record).map_err(|reason| self.wrong(*line, &reason))?;
            let Some(first) = places.get(&row.image).map(|place| &rows[*place]) else {
                places.insert(row.image.clone(), rows.len());
                rows.push(row);
                continue;
            };
            let Row { image, label, part, .. } = &row;
            if (label, part) != (&first.label, &first.part) {
                let said = format!("line {} says `{}` ({})", first.line, first.label, first.part.name());
                return Err(self.wrong(*line, &format!("says `{label}` ({}) of `{image}`, {said}", part.name())));
            }
            warnings.note(TABLE, format!("names `{image}` in line {} and in line {line}", first.line));
        }
        Ok(rows)
    }

    /// Where the columns stand, and the lines below the header, if there is one.
    fn columns<'r>(&self, records: &'r [Record]) -> Result<(Columns, &'r [Record]), DataError> {
        let Some(((line, first), rest)) = records.split_first() else {
            return Err(self.wrong(1, "is the end: the table is empty"));
        };
        let place = |name: &str| first.iter().position(|column| column.eq_ignore_ascii_case(name));
        if let (Some(image), Some(label)) = (place("image"), place("label")) {
            return Ok((Columns { image, label, part: place("part") }, rest));
        }
        if first.get(0).is_some_and(|image| self.images.contains_key(plain(image))) {
            return Ok((Columns { image: 0, label: 1, part: None }, records));
        }
        let found = first.iter().collect::<Vec<_>>().join(",");
        Err(self.wrong(
            *line,
            &format!(
                "is `{found}`; a header with `image` and `label`, or an image that is there and its label, is expected"
            ),
        ))
    }

    fn wrong(&self, line: u64, reason: &str) -> DataError {
        DataError::Table { path: self.path.clone(), line, reason: reason.to_owned() }
    }
}

/// Whether each quote at the beginning of a field ends at the field's end: readers of CSV otherwise take what follows,
/// several lines of it, for one field. The line in which that goes wrong, and how.
fn check_quotes(bytes: &[u8]) -> Result<(), (u64, &'static str)> {
    enum At {
        Start,
        Plain,
        Quoted,
        /// Behind a quote that ends the field, or is the first of two.
        Quote,
        End,
    }
    let (mut at, mut line, mut opened) = (At::Start, 1, 1);
    for &byte in bytes {
        at = match (at, byte) {
            (At::Start, b' ' | b'\t') => At::Start,
            (At::Start, b'"') => {
                opened = line;
                At::Quoted
            }
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) | (At::Quote, b'"') => At::Quoted,
            (At::Start | At::Plain | At::Quote | At::End, b',' | b'\n' | b'\r') => At::Start,
            (At::Quote | At::End, b' ' | b'\t') => At::End,
            (At::Quote | At::End, _) => return Err((line, "has text behind a quote that ends a field")),
            (At::Start | At::Plain, _) => At::Plain,
        };
        line += u64::from(byte == b'\n');
    }
    match at {
        At::Quoted => Err((opened, "has a quote that never ends")),
        At::Start | At::Plain | At::Quote | At::End => Ok(()),
    }
}

/// A line of the table, with its number.
type Record = (u64, StringRecord);

/// In which columns stands what.
struct Columns {
    image: usize,
    label: usize,
    part: Option<usize>,
}

impl Columns {
    fn row(&self, line: u64, record: &StringRecord) -> Result<Row, String> {
        let get = |column: usize, name: &str| match record.get(column) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(format!("has no {name}, which is expected in column {} of {}", column + 1, record.len())),
        };
        let part = match self.part.map(|column| get(column, "part")).transpose()? {
            None => Part::Train,
            Some(name) => {
                part_of(name).ok_or_else(|| format!("has the part `{name}`; train, val or test is expected"))?
            }
        };
        let image = plain(get(self.image, "image")?).to_owned();
        Ok(Row { line, image, label: get(self.label, "label")?.to_owned(), part })
    }
}

/// A path as listings have it, without a `./` at its beginning.
fn plain(image: &str) -> &str {
    image.strip_prefix("./").unwrap_or(image)
}

/// The classes' names in their order, and each label's class.
fn classes(rows: &[Row]) -> (Vec<String>, HashMap<&str, u16>) {
    let texts: BTreeSet<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    // Two spellings of one number, `1` and `01`, are two names.
    let numbers: Option<Vec<u64>> = texts.iter().map(|text| text.parse().ok()).collect();
    let mut numbers = numbers.filter(|numbers| numbers.iter().collect::<BTreeSet<_>>().len() == texts.len());
    numbers.iter_mut().for_each(|numbers| numbers.sort_unstable());
    let names: Vec<String> = match &numbers {
        Some(numbers) => numbers.iter().map(u64::to_string).collect(),
        None => texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    // What is more than a label can say is refused with the number of classes.
    let by_name: HashMap<&str, u16> =
        names.iter().enumerate().map(|(class, name)| (name.as_str(), class as u16)).collect();
    let class = |text: &str| match text.parse::<u64>() {
        Ok(number) if numbers.is_some() => by_name[number.to_string().as_str()],
        _ => by_name[text],
    };
    let labels = texts.iter().map(|text| (*text, class(text))).collect();
    (names, labels)
}
