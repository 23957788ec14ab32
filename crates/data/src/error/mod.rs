//! What can go wrong with data, in one type.

mod words;

use std::path::{Path, PathBuf};

use tunefork_atomic_file::way_out;
use tunefork_names::counted;

use words::{choice, classes_of, few, fewer_folds, in_brackets, list_paths, of_home, unread_tables, without_images};

use crate::archive::ArchiveError;
use crate::cifar::CifarError;
use crate::idx::IdxError;
use crate::image::ImageError;
use crate::names::shown;

/// Why a data set could not be found, read, prepared or divided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The system refused a file operation.
    #[error("cannot {action} `{}`: {source}{}", shown(path), way_out(source))]
    Io {
        /// What was tried: "read", "write", "list" ...
        action: &'static str,
        /// The file or folder concerned.
        path: PathBuf,
        /// Why the system refused.
        source: std::io::Error,
    },
    /// No data set of this name exists.
    #[error(
        "found no data set `{name}`; looked at {}; name a folder or archive, \
         or say where data lies with --data-dir or TUNEFORK_DATA{}",
        list_paths(looked),
        of_home(name)
    )]
    NotFound {
        /// The name or path that was asked for.
        name: String,
        /// Every place that was tried, in order.
        looked: Vec<PathBuf>,
    },
    /// A folder holds several archives and nothing says which one is meant.
    #[error("`{}` holds several archives ({}); name one of them", folder.display(), few(names))]
    SeveralArchives {
        /// The folder that was named.
        folder: PathBuf,
        /// The archives' file names.
        names: Vec<String>,
    },
    /// A source holds several sets at the same depth and nothing says which one is meant.
    #[error(
        "`{}` holds {} in `{}` and {} in `{}`; {}",
        path.display(), first.0, first.1.display(), second.0, second.1.display(), choice(path, "name one of the two folders")
    )]
    SeveralSets {
        /// The folder or archive.
        path: PathBuf,
        /// A set: its format and folder.
        first: (&'static str, PathBuf),
        /// Another set at the same depth.
        second: (&'static str, PathBuf),
    },
    /// A file without which a set cannot be read is not there.
    #[error("`{}` is missing; {reason}", path.display())]
    MissingFile {
        /// Where the file should be.
        path: PathBuf,
        /// What it is needed for.
        reason: &'static str,
    },
    /// A file exists but is no kind of data set that is known.
    #[error("`{}` is no data set: {expected}", path.display())]
    UnknownKind {
        /// The file or folder.
        path: PathBuf,
        /// What would be accepted here.
        expected: &'static str,
    },
    /// One IDX file is damaged.
    #[error("IDX file `{}`: {source}", path.display())]
    Idx {
        /// The damaged file, plain or gzipped.
        path: PathBuf,
        /// What is wrong with it.
        source: IdxError,
    },
    /// One of CIFAR's files is damaged.
    #[error("CIFAR file `{}` {source}", path.display())]
    Cifar {
        /// The damaged file of records.
        path: PathBuf,
        /// What is wrong with it.
        source: CifarError,
    },
    /// A line of a table of labels says nothing that can be used.
    #[error("`{}` line {line} {reason}", path.display())]
    Table {
        /// The table with this line.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it, and what is expected.
        reason: String,
    },
    /// A file of class names has more or fewer names than the set has classes.
    #[error("`{}` has {names} class names, one in each line; the set has {classes} classes", path.display())]
    ClassNames {
        /// The file of names.
        path: PathBuf,
        /// The number of names.
        names: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Images and labels of one IDX part do not fit together.
    #[error("`{}` has {}, `{}` has {}", image_file.display(), counted(*images, "image"), label_file.display(), counted(*labels, "label"))]
    IdxCounts {
        /// The file of images.
        image_file: PathBuf,
        /// The number of images in it.
        images: usize,
        /// The file of labels.
        label_file: PathBuf,
        /// The number of labels in it.
        labels: usize,
    },
    /// A label names no class.
    #[error("`{}`: label {label} of image {index} is not below the number of classes, {classes}", path.display())]
    LabelRange {
        /// The file of labels.
        path: PathBuf,
        /// The image's index in that file.
        index: usize,
        /// The label found, counted from 0.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Labels are no numbers of classes.
    #[error("`{}`: image {index} has label {label}, but none has label {missing}; labels count from 0 and leave none out", path.display())]
    LabelGap {
        /// The file of labels.
        path: PathBuf,
        /// The index of an image with the largest label.
        index: usize,
        /// The largest label in the file.
        label: usize,
        /// The smallest label that is missing.
        missing: usize,
    },
    /// An archive is damaged or breaks a limit.
    #[error("archive `{}`: {source}", path.display())]
    Archive {
        /// The archive, with the path inside it where one entry is meant.
        path: PathBuf,
        /// What is wrong with it.
        source: ArchiveError,
    },
    /// A single image that was asked for by name cannot be read.
    #[error("image `{}`: {source}", shown(path))]
    Image {
        /// The image file that was named.
        path: PathBuf,
        /// What is wrong with it.
        source: ImageError,
    },
    /// Nothing that could be used lies in the source.
    #[error("`{}` holds no usable image{}{reasons}", path.display(), in_brackets(hint))]
    NoImages {
        /// The folder or archive.
        path: PathBuf,
        /// What was found instead.
        hint: String,
        /// Why images were left out, in brackets; empty if none was.
        reasons: String,
    },
    /// All images of a set are for validation or test.
    #[error("`{}` has no training part, only {parts}{reasons}; put images to train on into train/class/, or give them the part `train`", path.display())]
    NoTraining {
        /// The folder or archive.
        path: PathBuf,
        /// The parts that have images.
        parts: String,
        /// Why images were left out, in brackets; empty if none was.
        reasons: String,
    },
    /// Classes have no usable training image.
    #[error("{}", without_images(path, classes, reasons))]
    EmptyClasses {
        /// The folder or archive of the set.
        path: PathBuf,
        /// The classes' folder names or numbers.
        classes: Vec<String>,
        /// Why their images were left out, in brackets; empty if there are none.
        reasons: String,
    },
    /// What would be the classes are the parts of a set: images lie in them without class folders.
    #[error(
        "what lies in `{}` is divided into parts ({}) and not into classes; put the images into train/class/, \
         or say in a `labels.csv` beside them which class each has{}",
        path.display(), few(parts), unread_tables(tables)
    )]
    OnlyParts {
        /// The folder or archive of the set.
        path: PathBuf,
        /// The names of the folders.
        parts: Vec<String>,
        /// Tables that lie there and are not read.
        tables: Vec<String>,
    },
    /// A set lies in its own folder a second time, so that its images would count twice.
    #[error(
        "`{}` contains itself a second time: `{}` and `{}`; remove one of them, or {}",
        path.display(), first.display(), second.display(), choice(path, "name the folder that is meant")
    )]
    SetTwice {
        /// The folder or archive of the set.
        path: PathBuf,
        /// A folder of the set.
        first: PathBuf,
        /// The same folder once more.
        second: PathBuf,
    },
    /// A folder that stands where classes stand has no images of its own, so it may as well be a part or a set.
    #[error(
        "class folder `{}` of `{}` holds only folders, such as `{}`; \
         put its images into it, take it away if it is no class, or {}",
        folder.display(), path.display(), inner.display(), choice(path, "name the folder that holds the classes")
    )]
    OnlyFolders {
        /// The folder or archive of the set.
        path: PathBuf,
        /// The folder that would be a class.
        folder: PathBuf,
        /// A folder in it that holds images.
        inner: PathBuf,
    },
    /// The number of classes is outside what labels can say.
    #[error("`{}` has {}{reasons}; between 2 and {} are allowed", path.display(), classes_of(classes), crate::MAX_CLASSES)]
    ClassCount {
        /// The folder or archive of the set.
        path: PathBuf,
        /// The names of the classes found.
        classes: Vec<String>,
        /// Why images were left out, in brackets; empty if none was.
        reasons: String,
    },
    /// A class occurs in validation or test but not in training.
    #[error("class `{class}` of `{}` occurs in {part}/ but not in train/{alike}", path.display())]
    UnknownClass {
        /// The folder or archive of the set.
        path: PathBuf,
        /// The class's folder name.
        class: String,
        /// The part in which it occurs.
        part: &'static str,
        /// How a class of train/ that looks equal differs, if there is one.
        alike: String,
    },
    /// More images than an index can count.
    #[error("`{}` has {images} images; at most {} are allowed", path.display(), u32::MAX)]
    TooManyImages {
        /// The folder or archive of the set.
        path: PathBuf,
        /// The number of images found.
        images: usize,
    },
    /// Images differ in size and no size was asked for.
    #[error(
        "images of `{}` differ in size ({}x{} in `{}`, {}x{} in `{}`); say with `size` to which height and width to bring them",
        path.display(), first.1, first.2, first.0, second.1, second.2, second.0
    )]
    SizesDiffer {
        /// The folder or archive of the set.
        path: PathBuf,
        /// An image: name, height, width.
        first: (String, usize, usize),
        /// Another one of different size.
        second: (String, usize, usize),
    },
    /// An image shape that cannot be used.
    #[error("image shape {height}x{width}x{channels}: {reason}")]
    Shape {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// Channels; 1 is grey, 3 is colour.
        channels: usize,
        /// Which bound the shape breaks.
        reason: String,
    },
    /// A setting outside its range.
    #[error("`{key}` is {value}; {expected}")]
    Setting {
        /// What is set, such as `data.folds`.
        key: &'static str,
        /// The value given, as text.
        value: String,
        /// A clause that says what would be taken.
        expected: String,
    },
    /// A part of a split asks for more than there is.
    #[error("{wanted} {part} images are asked for, out of {available}")]
    TooFew {
        /// Which part: "training", "validation", "test", or several.
        part: &'static str,
        /// The number asked for.
        wanted: usize,
        /// The number there is.
        available: usize,
    },
    /// What the other parts of a split take leaves nothing to train on.
    #[error(
        "of {available} images {validation} are for validation and {test} for testing, which leaves none to train on"
    )]
    NoneLeft {
        /// The number that there is for all three parts.
        available: usize,
        /// Of these, the number for validation.
        validation: usize,
        /// Of these, the number for testing.
        test: usize,
    },
    /// Equal images, which stay together, leave nothing for a part of a split.
    #[error("{wanted} {part} images are asked for, but images with equal pixels stay together and leave none")]
    Equal {
        /// Which part: "training" or "validation".
        part: &'static str,
        /// The number asked for.
        wanted: usize,
    },
    /// A class has too few images to be in every fold.
    #[error(
        "{folds} folds are asked for, but class `{class}` has {}{}; {}",
        counted(*images, "image"),
        if different < images { format!(", only {different} of them different") } else { String::new() },
        fewer_folds(*different)
    )]
    Folds {
        /// The number of folds asked for.
        folds: usize,
        /// The class with the fewest different images.
        class: String,
        /// Its images, without those for testing.
        images: usize,
        /// How many of them are different: equal ones stay in one fold.
        different: usize,
    },
}

impl DataError {
    /// Whether the set or what was asked of it is at fault. Otherwise the system refused what is written for it.
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::Io { action: "create" | "write" | "map", .. })
    }

    /// Wraps a system error with what was tried and where.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }
}
