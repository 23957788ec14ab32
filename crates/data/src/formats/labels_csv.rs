//! Images in a folder and a table beside them: `labels.csv` says what each of them shows.
//!
//! A line has an image's path from the table's folder and its label, in this order or in that of a header with the
//! names `image` and `label` and, where the images are divided already, `part` (train, val or test). A column `split`,
//! `set`, `subset` or `partition`, or a third one without a header, is that of the parts if it holds nothing but their
//! names. Without one, images are divided by the folders in which they lie, if each lies in one that is called as a part is
//! and some are for training. Other columns are not read. Labels that are all numbers are classes in their order, others in that of their names.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::beside::Beside;
use super::parts::part_of;
use super::{Format, refuse_empty_classes};
use crate::contents::{Contents, Item, Stored};
use crate::files::{Files, Found, inside};
use crate::names::text_of;
use crate::{DataError, Part, Warnings};

const TABLE: &str = "labels.csv";

pub(super) const FORMAT: Format =
    Format { name: "a table of labels", marks: |name| name == TABLE, read, read_coarse: None };

const MAX_TABLE_BYTES: u64 = 64 << 20;

fn read(mut files: Files, root: &str) -> Result<Contents, DataError> {
    let name = files.find(&inside(root, TABLE)).map_or_else(|| inside(root, TABLE), |found| found.name.clone());
    let bytes = files.load(std::slice::from_ref(&name), MAX_TABLE_BYTES)?.pop().flatten().unwrap_or_default();
    let mut warnings = std::mem::take(&mut files.warnings);
    for other in files.found.iter().filter(|other| other.name != name && other.name.eq_ignore_ascii_case(&name)) {
        warnings.note(&other.name, format!("is not read, as `{name}` is"));
    }
    let table = Table { path: files.shown(&name), beside: Beside::of(&files, root) };
    let rows = table.rows(&bytes, &mut warnings)?;
    let (classes, labels) = classes(&rows);
    let mut items = Vec::new();
    for Row { line, image, found, label, part } in &rows {
        match found {
            Some(found) => {
                let label = labels[label.as_str()];
                items.push(Item { name: found.name.clone(), part: *part, label, handle: found.handle });
            }
            None => {
                let reason =
                    format!("is named in line {line} of {}, but {}", table.name(), table.beside.why_not(image));
                warnings.leave_out(text_of(image.as_bytes()), reason);
            }
        }
    }
    let unnamed = table.beside.len() - items.len();
    if unnamed > 0 {
        warnings.note(name, format!("does not name {unnamed} of the images that are there; they are not used"));
    }
    items.sort_by(|a, b| (a.part, a.label, &a.name).cmp(&(b.part, b.label, &b.name)));
    refuse_empty_classes(&files, &classes, &items, &warnings)?;
    Ok(Contents { path: files.path.clone(), classes, items, warnings, pixels: Stored::Files(files) })
}

/// What the table says of an image.
struct Row<'a> {
    line: u64,
    /// The image's path as it is written.
    image: String,
    found: Option<&'a Found>,
    /// The name of its class, readable.
    label: String,
    part: Part,
}

struct Table<'a> {
    path: PathBuf,
    beside: Beside<'a>,
}

impl<'a> Table<'a> {
    /// What the table says, once for each image.
    fn rows(&self, bytes: &[u8], warnings: &mut Warnings) -> Result<Vec<Row<'a>>, DataError> {
        let bytes = without_outer_spaces(bytes).map_err(|(line, reason)| self.wrong(line, reason))?;
        let records = self.records(&bytes)?;
        let (columns, records) = self.columns(&records)?;
        let mut rows: Vec<Row<'_>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (line, record) in records {
            let row = columns.row(*line, record, &self.beside).map_err(|reason| self.wrong(*line, &reason))?;
            let key = row.found.map_or_else(|| row.image.clone(), |found| format!("/{}", found.name));
            let Some(first) = places.get(&key).map(|place| &rows[*place]) else {
                places.insert(key, rows.len());
                rows.push(row);
                continue;
            };
            let Row { label, part, .. } = &row;
            let image = text_of(row.image.as_bytes());
            if (label, part) != (&first.label, &first.part) {
                let said = format!("line {} says `{}` ({})", first.line, first.label, first.part.name());
                return Err(self.wrong(*line, &format!("says `{label}` ({}) of `{image}`, {said}", part.name())));
            }
            warnings.note(self.name(), format!("names `{image}` in line {} and in line {line}", first.line));
        }
        if columns.part.is_none() {
            divide_by_folders(&mut rows, self.beside.start());
        }
        Ok(rows)
    }

    /// The lines that say something.
    fn records(&self, bytes: &[u8]) -> Result<Vec<Record>, DataError> {
        let mut lines = Lines { bytes, place: 0, line: 1 };
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(bytes);
        let mut records = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) if record.iter().all(str::is_empty) && record.len() == 1 => {}
                Ok(record) => records.push((lines.of(record.position()), record)),
                Err(error) => return Err(self.wrong(lines.of(error.position()), "is no text in UTF-8")),
            }
        }
        Ok(records)
    }

    /// Where the columns stand, and the lines below the header, if there is one.
    fn columns<'r>(&self, records: &'r [Record]) -> Result<(Columns, &'r [Record]), DataError> {
        let Some(((line, first), rest)) = records.split_first() else {
            return Err(self.wrong(1, "is the end: the table is empty"));
        };
        let places = |name: &str| -> Vec<usize> {
            let named = first.iter().enumerate().filter(|(_, column)| column.eq_ignore_ascii_case(name));
            named.map(|(place, _)| place).collect()
        };
        for name in ["image", "label", "part"] {
            if let [one, other, ..] = places(name)[..] {
                let reason = format!("has two columns `{name}`, {} and {}; one is expected", one + 1, other + 1);
                return Err(self.wrong(*line, &reason));
            }
        }
        let place = |name: &str| places(name).first().copied();
        if let (Some(image), Some(label)) = (place("image"), place("label")) {
            let other = || PART_COLUMNS.iter().filter_map(|name| place(name)).find(|place| holds_parts(rest, *place));
            return Ok((Columns { image, label, part: place("part").or_else(other) }, rest));
        }
        if first.get(0).is_some_and(|image| self.beside.find(image).is_some()) {
            let part = Some(2).filter(|place| holds_parts(records, *place));
            return Ok((Columns { image: 0, label: 1, part }, records));
        }
        let found = text_of(first.iter().collect::<Vec<_>>().join(",").as_bytes());
        Err(self.wrong(
            *line,
            &format!(
                "is `{found}`; a header with `image` and `label`, or an image that is there and its label, is expected"
            ),
        ))
    }

    /// What the table is called.
    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn wrong(&self, line: u64, reason: &str) -> DataError {
        DataError::Table { path: self.path.clone(), line, reason: reason.to_owned() }
    }
}

/// Counts lines, also empty ones, which the reader of CSV takes for a part of the record behind them.
struct Lines<'b> {
    bytes: &'b [u8],
    place: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a record; those before it were asked for before it.
    fn of(&mut self, position: Option<&Position>) -> u64 {
        let start = position.map_or(0, Position::byte) as usize;
        let empty = self.bytes[start..].iter().take_while(|byte| matches!(**byte, b'\r' | b'\n')).count();
        let ends = (self.place..start + empty).filter(|place| ends_line(self.bytes, *place));
        self.line += ends.count() as u64;
        self.place = start + empty;
        self.line
    }
}

/// Whether a line ends with the byte at this place, as it ends on any system.
fn ends_line(bytes: &[u8], place: usize) -> bool {
    bytes[place] == b'\n' || bytes[place] == b'\r' && bytes.get(place + 1) != Some(&b'\n')
}

/// What others call the column of the parts.
const PART_COLUMNS: [&str; 4] = ["split", "set", "subset", "partition"];

/// Whether a column holds nothing but names of parts.
fn holds_parts(records: &[Record], column: usize) -> bool {
    !records.is_empty() && records.iter().all(|(_, record)| record.get(column).and_then(part_of).is_some())
}

/// Gives the images that are there the parts of the folders in which they lie below the table's, if each lies in one, and
/// some are for training.
fn divide_by_folders(rows: &mut [Row<'_>], start: &str) {
    let part = |found: &Found| part_of(found.name.strip_prefix(start)?.split_once('/')?.0);
    let parts: Option<Vec<Part>> = rows.iter().filter_map(|row| row.found).map(part).collect();
    let parts = parts.filter(|parts| parts.contains(&Part::Train)).unwrap_or_default();
    let there = rows.iter_mut().filter(|row| row.found.is_some());
    there.zip(parts).for_each(|(row, part)| row.part = part);
}

/// A table without the blanks around quoted fields, within which the reader of CSV would take quotes for letters. Each quote at
/// the beginning of a field must end at the field's end: such readers otherwise take what follows, several lines of it,
/// for one field. Else the line in which that goes wrong, and how.
fn without_outer_spaces(bytes: &[u8]) -> Result<Vec<u8>, (u64, &'static str)> {
    enum At {
        Start,
        Plain,
        Quoted,
        /// Behind a quote that ends the field, or is the first of two.
        Quote,
        End,
    }
    let (mut at, mut line, mut opened) = (At::Start, 1, 1);
    let mut kept = Vec::with_capacity(bytes.len());
    for (place, &byte) in bytes.iter().enumerate() {
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
        line += u64::from(ends_line(bytes, place));
        // Blanks at the beginning of a plain field are the reader's.
        let is_blank = matches!(byte, b' ' | b'\t') && matches!(at, At::Start | At::End);
        if !is_blank {
            kept.push(byte);
        }
    }
    match at {
        At::Quoted => Err((opened, "has a quote that never ends")),
        At::Start | At::Plain | At::Quote | At::End => Ok(kept),
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
    fn row<'a>(&self, line: u64, record: &StringRecord, beside: &Beside<'a>) -> Result<Row<'a>, String> {
        let get = |column: usize, name: &str| match record.get(column) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(format!("has no {name}, which is expected in column {} of {}", column + 1, record.len())),
        };
        let part = match self.part.map(|column| get(column, "part")).transpose()? {
            None => Part::Train,
            Some(name) => part_of(name).ok_or_else(|| {
                format!("has the part `{}`; train, val or test is expected", text_of(name.as_bytes()))
            })?,
        };
        let image = get(self.image, "image")?.to_owned();
        let label = text_of(get(self.label, "label")?.as_bytes());
        Ok(Row { line, found: beside.find(&image), image, label, part })
    }
}

/// The classes' names in their order, and each label's class.
fn classes<'r>(rows: &'r [Row<'_>]) -> (Vec<String>, HashMap<&'r str, u16>) {
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
