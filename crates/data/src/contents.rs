//! The images of a source, in the order in which a set numbers them, and how to read them.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::archive::{self, Kind};
use crate::idx::{self, Idx};
use crate::image::{self, ImageError, MAX_FILE_BYTES, Measures, Picture};
use crate::layout::{Found, Item, Layout, arrange};
use crate::listing::Listing;
use crate::locate::{Form, IdxFiles, Source};
use crate::{DataError, Part, Warnings};

/// Class names of sets whose files do not tell them, by the name of their folder.
const KNOWN_CLASSES: [(&str, [&str; 10]); 1] = [(
    "fashion-mnist",
    [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
)];

/// Everything a source holds, pixels not yet decoded.
#[derive(Debug)]
pub(crate) struct Contents {
    pub path: PathBuf,
    pub classes: Vec<String>,
    /// The images, sorted by part; handles are meant for `store`.
    pub items: Vec<Item>,
    /// Files that were left out so far.
    pub warnings: Warnings,
    store: Store,
}

/// Where the images' bytes come from. An item's handle is ...
#[derive(Debug)]
enum Store {
    /// ... the image's place in these files together.
    Idx(Vec<Idx<Vec<u8>>>),
    /// ... the place of its path here.
    Files(Vec<PathBuf>),
    /// ... the entry's position in the archive at `path`.
    Archive,
}

/// One image on its way to be decoded.
pub(crate) enum Raw {
    /// A file that is still to be read.
    File(PathBuf),
    /// An image file's bytes.
    Encoded(Vec<u8>),
    /// Pixels that need no decoding.
    Decoded(Picture),
    /// An image that is known to be bad.
    Bad(ImageError),
}

impl Raw {
    /// Reads, if need be, and decodes.
    pub(crate) fn decode(self) -> Result<Picture, ImageError> {
        match self {
            Self::File(path) => image::decode(&read_image_file(&path)?),
            Self::Encoded(bytes) => image::decode(&bytes),
            Self::Decoded(picture) => Ok(picture),
            Self::Bad(error) => Err(error),
        }
    }

    /// Reads, if need be, and looks at the header only.
    pub(crate) fn measure(self) -> Result<Measures, ImageError> {
        match self {
            Self::File(path) => image::measure(&read_image_file(&path)?),
            Self::Encoded(bytes) => image::measure(&bytes),
            Self::Decoded(Picture {
                height,
                width,
                channels,
                ..
            }) => Ok(Measures {
                height,
                width,
                channels,
            }),
            Self::Bad(error) => Err(error),
        }
    }
}

/// The bytes of an image file, if it is not too large.
pub(crate) fn read_image_file(path: &Path) -> Result<Vec<u8>, ImageError> {
    let unreadable = |error: std::io::Error| ImageError::Unreadable(error.to_string());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ImageError::FileSize(bytes.len() as u64));
    }
    Ok(bytes)
}

impl Contents {
    /// Finds out what lies in `source`, whose files `listing` names.
    pub(crate) fn read(source: &Source, listing: Listing) -> Result<Self, DataError> {
        match &source.form {
            Form::Idx(files) => Self::read_idx(source, files),
            Form::Folder => {
                let mut warnings = Warnings::default();
                let layout = arrange(
                    source.path(),
                    &listing.files,
                    &listing.folders,
                    &mut warnings,
                )?;
                Ok(Self::arranged(
                    source,
                    layout,
                    warnings,
                    Store::Files(listing.paths),
                ))
            }
            Form::Archive => Self::read_archive(source),
        }
    }

    fn arranged(source: &Source, layout: Layout, warnings: Warnings, store: Store) -> Self {
        let Layout { classes, items } = layout;
        Self {
            path: source.path().to_path_buf(),
            classes,
            items,
            warnings,
            store,
        }
    }

    fn read_archive(source: &Source) -> Result<Self, DataError> {
        let mut warnings = Warnings::default();
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        read_archive(source.path(), |entry, _| {
            match entry.kind {
                Kind::Refused(reason) => {
                    warnings.push(&entry.name, format!("is left out: {reason}"))
                }
                Kind::Folder => folders.push(entry.name),
                Kind::File if !seen.insert(entry.name.clone()) => {
                    warnings.push(&entry.name, "occurs a second time; the first is used");
                }
                Kind::File => files.push(Found {
                    name: entry.name,
                    handle: entry.index,
                }),
            }
            Ok(true)
        })?;
        let layout = arrange(source.path(), &files, &folders, &mut warnings)?;
        Ok(Self::arranged(source, layout, warnings, Store::Archive))
    }

    fn read_idx(source: &Source, files: &IdxFiles) -> Result<Self, DataError> {
        let parts = [
            (Part::Train, Some(&files.train)),
            (Part::Test, files.test.as_ref()),
        ];
        let known = KNOWN_CLASSES
            .iter()
            .find(|(name, _)| *name == source.name());
        let mut classes: Vec<String> =
            known.map_or(Vec::new(), |(_, names)| names.map(str::to_owned).to_vec());
        let (mut items, mut stores) = (Vec::new(), Vec::new());
        for (part, pair) in parts {
            let Some((image_file, label_file)) = pair else {
                continue;
            };
            let (images, labels) = read_idx_pair(image_file, label_file)?;
            if classes.is_empty() {
                classes = numbered_classes(label_file, &labels)?;
            }
            for (index, label) in labels.iter().enumerate() {
                let label = usize::from(*label);
                if label >= classes.len() {
                    let (path, classes) = (label_file.clone(), classes.len());
                    return Err(DataError::LabelRange {
                        path,
                        index,
                        label,
                        classes,
                    });
                }
                let name = format!("{} {index}", part.name());
                items.push(Item {
                    name,
                    part,
                    label: label as u16,
                    handle: items.len(),
                });
            }
            stores.push(images);
        }
        let layout = Layout { classes, items };
        Ok(Self::arranged(
            source,
            layout,
            Warnings::default(),
            Store::Idx(stores),
        ))
    }

    /// Calls `send` with every image's place in `items` and its data, in the order that suits the
    /// source, until it returns false.
    pub(crate) fn feed(&self, send: &mut dyn FnMut(usize, Raw) -> bool) -> Result<(), DataError> {
        match &self.store {
            Store::Files(paths) => {
                for (place, item) in self.items.iter().enumerate() {
                    if !send(place, Raw::File(paths[item.handle].clone())) {
                        break;
                    }
                }
                Ok(())
            }
            Store::Idx(parts) => {
                feed_idx(parts, send);
                Ok(())
            }
            Store::Archive => self.feed_archive(send),
        }
    }

    fn feed_archive(&self, send: &mut dyn FnMut(usize, Raw) -> bool) -> Result<(), DataError> {
        let mut places: Vec<(usize, usize)> = self
            .items
            .iter()
            .enumerate()
            .map(|(place, item)| (item.handle, place))
            .collect();
        places.sort_unstable();
        let mut next = places.into_iter().peekable();
        read_archive(&self.path, |entry, stream| {
            let Some((_, place)) = next.next_if(|(handle, _)| *handle == entry.index) else {
                return Ok(next.peek().is_some());
            };
            let raw = if entry.size > MAX_FILE_BYTES {
                Raw::Bad(ImageError::FileSize(entry.size))
            } else {
                Raw::Encoded(archive::data(&entry, stream)?)
            };
            Ok(send(place, raw))
        })
    }
}

/// Sends the images of IDX files, one file after the other.
fn feed_idx(parts: &[Idx<Vec<u8>>], send: &mut dyn FnMut(usize, Raw) -> bool) {
    let mut place = 0;
    for part in parts {
        let (height, width) = (part.sizes[1], part.sizes[2]);
        for pixels in part.data.chunks_exact(height * width) {
            let picture = Picture {
                height,
                width,
                channels: 1,
                pixels: pixels.to_vec(),
            };
            if !send(place, Raw::Decoded(picture)) {
                return;
            }
            place += 1;
        }
    }
}

/// Calls `visit` with the entries of the archive at `path`.
fn read_archive(
    path: &Path,
    visit: impl FnMut(archive::Entry, &mut dyn Read) -> Result<bool, archive::ArchiveError>,
) -> Result<(), DataError> {
    let open = || {
        let file = File::open(path)?;
        let packed = file.metadata()?.len();
        Ok((file, packed))
    };
    let (file, packed) = open().map_err(|error| DataError::io("read", path, error))?;
    // Large reads: a tar reader asks for 512 bytes at a time.
    archive::read(BufReader::with_capacity(1 << 18, file), packed, visit).map_err(|source| {
        DataError::Archive {
            path: path.to_path_buf(),
            source,
        }
    })
}

/// The classes of labels whose names nobody knows: as many as the largest label says, each with images.
fn numbered_classes(path: &Path, labels: &[u8]) -> Result<Vec<String>, DataError> {
    let largest = labels.iter().copied().max().unwrap_or(0);
    match (0..largest).find(|label| !labels.contains(label)) {
        None => Ok((0..=largest).map(|class| class.to_string()).collect()),
        Some(missing) => Err(DataError::LabelGap {
            path: path.to_path_buf(),
            index: labels.iter().position(|l| *l == largest).unwrap_or(0),
            label: usize::from(largest),
            missing: usize::from(missing),
        }),
    }
}

/// Images and labels of one part, of equal number, with at least one pixel each.
fn read_idx_pair(
    image_file: &Path,
    label_file: &Path,
) -> Result<(Idx<Vec<u8>>, Vec<u8>), DataError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| DataError::Idx { path, source }
    };
    let images = read_idx_file(image_file)?;
    let [count, height, width] = images.images().map_err(failed(image_file))?;
    let labels = read_idx_file(label_file)?;
    let label_count = labels.labels().map_err(failed(label_file))?;
    if count != label_count {
        return Err(DataError::IdxCounts {
            image_file: image_file.to_path_buf(),
            images: count,
            label_file: label_file.to_path_buf(),
            labels: label_count,
        });
    }
    if count == 0 || height * width == 0 {
        let hint = format!("{count} images of {height}x{width} pixels");
        return Err(DataError::NoImages {
            path: image_file.to_path_buf(),
            hint,
        });
    }
    Ok((images, labels.data))
}

/// Reads one IDX file, gzipped or not.
fn read_idx_file(path: &Path) -> Result<Idx<Vec<u8>>, DataError> {
    let file = File::open(path).map_err(|error| DataError::io("read", path, error))?;
    let file = BufReader::with_capacity(1 << 18, file);
    let gzip = path.extension().is_some_and(|ending| ending == "gz");
    let outcome = if gzip {
        idx::read(MultiGzDecoder::new(file))
    } else {
        idx::read(file)
    };
    outcome.map_err(|source| DataError::Idx {
        path: path.to_path_buf(),
        source,
    })
}
