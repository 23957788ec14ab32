//! Tiny ImageNet as it is given out: classes by their WordNet numbers, validation labels in a table.
//!
//! `wnids.txt` lists the classes, `words.txt` has names for them (and for many others),
//! `train/WNID/images/` holds training images, `val/images/` validation images, whose classes stand
//! in `val/val_annotations.txt` (file, class and a box, divided by tabs). `test/images/` has no
//! labels and is not used.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Format;
use crate::contents::{Contents, Item, Stored};
use crate::files::{Files, Found, inside};
use crate::{DataError, Part, Warnings, names};

pub(super) const FORMAT: Format =
    Format { name: "Tiny ImageNet", marks: |name| name == "wnids.txt", read, read_coarse: None };

/// The largest text file that is read.
const MAX_TEXT_BYTES: u64 = 64 << 20;

fn read(mut files: Files, root: &str) -> Result<Contents, DataError> {
    let texts = ["wnids.txt", "words.txt", "val/val_annotations.txt"];
    let paths = texts.map(|name| inside(root, name));
    let texts = files.load(&paths, MAX_TEXT_BYTES)?;
    let mut texts = texts.into_iter().map(|text| text.map(|text| names::text_of_lines(&text)));
    let [wnids, words, annotations] = [(); 3].map(|()| texts.next().flatten());

    let mut warnings = std::mem::take(&mut files.warnings);
    let labels = ClassList::of(&wnids.unwrap_or_default(), &mut warnings);
    let sorted = Sorted::of(&files, root);
    let mut items = train_items(&sorted, &labels, &mut warnings);
    let has_validation = !sorted.validation.is_empty();
    match annotations {
        Some(text) => {
            let table = Annotations::of(&text, &mut warnings);
            items.extend(table.items(&sorted, &labels, &mut warnings));
        }
        None if has_validation => {
            return Err(DataError::MissingFile {
                path: files.shown(&paths[2]),
                reason: "it says which classes the images of val/ show",
            });
        }
        None => {}
    }
    if sorted.unlabelled > 0 {
        let reason = format!("has {} images without labels, not used", sorted.unlabelled);
        warnings.note(inside(root, "test"), reason);
    }
    items.sort_by(|a, b| (a.part, a.label, &a.name).cmp(&(b.part, b.label, &b.name)));
    let classes = labels.class_names(&words.unwrap_or_default());
    super::refuse_empty_classes(&files, &classes, &items, &warnings)?;
    Ok(Contents { path: files.path.clone(), classes, items, warnings, pixels: Stored::Files(files) })
}

/// The classes' numbers, in the order of `wnids.txt`.
struct ClassList {
    wnids: Vec<String>,
    by_wnid: HashMap<String, u16>,
}

impl ClassList {
    fn of(text: &str, warnings: &mut Warnings) -> Self {
        let (mut wnids, mut by_wnid) = (Vec::new(), HashMap::new());
        for wnid in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if by_wnid.contains_key(wnid) {
                warnings.note("wnids.txt", format!("names the class `{wnid}` twice"));
                continue;
            }
            // What is more than a label can say is refused with the number of classes.
            by_wnid.insert(wnid.to_owned(), wnids.len() as u16);
            wnids.push(wnid.to_owned());
        }
        Self { wnids, by_wnid }
    }

    fn get(&self, wnid: &str) -> Option<u16> {
        self.by_wnid.get(wnid).copied()
    }

    /// For each class its first word, with its number where several classes have the same word, or
    /// the number alone where `words` has none.
    fn class_names(&self, words: &str) -> Vec<String> {
        let lines = words.lines().filter_map(|line| line.split_once('\t'));
        let by_wnid: HashMap<&str, &str> =
            lines.map(|(wnid, words)| (wnid.trim(), words.split(',').next().unwrap_or("").trim())).collect();
        let word = |wnid: &String| by_wnid.get(wnid.as_str()).copied().filter(|w| !w.is_empty());
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for word in self.wnids.iter().filter_map(word) {
            *uses.entry(word).or_default() += 1;
        }
        let name = |wnid: &String| match word(wnid) {
            Some(word) if uses[word] == 1 => word.to_owned(),
            Some(word) => format!("{word} ({wnid})"),
            None => wnid.clone(),
        };
        self.wnids.iter().map(name).collect()
    }
}

/// The images, by where they lie.
#[derive(Default)]
struct Sorted<'a> {
    /// Training images by the name of their class folder.
    train: BTreeMap<&'a str, Vec<&'a Found>>,
    /// Validation images by file name.
    validation: BTreeMap<&'a str, &'a Found>,
    /// How many test images there are.
    unlabelled: usize,
}

impl<'a> Sorted<'a> {
    fn of(files: &'a Files, root: &str) -> Self {
        let mut sorted = Self::default();
        let start = inside(root, "");
        for found in files.found.iter().filter(|found| found.is_image) {
            let Some(path) = found.name.strip_prefix(&start) else {
                continue;
            };
            let mut folders: Vec<&str> = path.split('/').collect();
            let part = folders.remove(0).to_ascii_lowercase();
            match (part.as_str(), folders.as_slice()) {
                ("train", [wnid, _, ..]) => sorted.train.entry(wnid).or_default().push(found),
                ("val", [.., file]) => {
                    sorted.validation.insert(file, found);
                }
                ("test", [_, ..]) => sorted.unlabelled += 1,
                _ => {}
            }
        }
        sorted
    }
}

fn item(found: &Found, part: Part, label: u16) -> Item {
    Item { name: found.name.clone(), part, label, handle: found.handle }
}

fn train_items(sorted: &Sorted<'_>, labels: &ClassList, warnings: &mut Warnings) -> Vec<Item> {
    let mut items = Vec::new();
    for (wnid, images) in &sorted.train {
        match labels.get(wnid) {
            Some(label) => {
                items.extend(images.iter().map(|found| item(found, Part::Train, label)));
            }
            None => {
                let reason = format!("is no class of wnids.txt; its {} images are not used", images.len());
                warnings.leave_out(format!("train/{wnid}"), reason);
            }
        }
    }
    items
}

/// The classes of the validation images, by file name.
struct Annotations<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Annotations<'a> {
    fn of(text: &'a str, warnings: &mut Warnings) -> Self {
        let file = "val/val_annotations.txt";
        let mut table = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let mut columns = line.split('\t').map(str::trim);
            match (columns.next(), columns.next()) {
                (None | Some(""), None) => {}
                (Some(image), Some(wnid)) if !image.is_empty() && !wnid.is_empty() => {
                    let known = *table.entry(image).or_insert(wnid);
                    if known != wnid {
                        let reason = format!("says that `{image}` shows {known} and {wnid}; the first is used");
                        warnings.note(file, reason);
                    }
                }
                _ => {
                    let reason = format!("has no file and class in line {}", number + 1);
                    warnings.note(file, reason);
                }
            }
        }
        Self(table)
    }

    /// The images whose class is known.
    fn items(self, sorted: &Sorted<'_>, labels: &ClassList, warnings: &mut Warnings) -> Vec<Item> {
        let mut items = Vec::new();
        for (file, found) in &sorted.validation {
            match self.0.get(file).map(|wnid| (wnid, labels.get(wnid))) {
                Some((_, Some(label))) => items.push(item(found, Part::Validation, label)),
                Some((wnid, None)) => {
                    let reason = format!("shows the class `{wnid}`, which wnids.txt does not list");
                    warnings.leave_out(&found.name, reason);
                }
                None => warnings.leave_out(&found.name, "has no line in val_annotations.txt"),
            }
        }
        let there: HashSet<&str> = sorted.validation.keys().copied().collect();
        for file in self.0.keys().filter(|file| !there.contains(**file)) {
            let reason = "is named in val_annotations.txt, but is not there";
            warnings.leave_out(format!("val/images/{file}"), reason);
        }
        items
    }
}
