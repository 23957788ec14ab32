//! Archives (tar, gzipped tar, zip), read in place and never unpacked to disk.

mod form;
mod gzip;
mod tar;
mod zip;

use std::io::{self, Read, Seek};

use form::{Form, form};
pub(crate) use gzip::Gunzip;
use tunefork_names::bytes;

use crate::names::text_of;

/// The longest entry name, in bytes.
const MAX_NAME_BYTES: u64 = 4096;

/// The largest block of extended attributes of a tar archive, in bytes.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// The most entries that are read.
pub const MAX_ENTRIES: usize = 1 << 25;

/// An archive may unpack to this many times its size ...
pub const MAX_UNPACKED_RATIO: u64 = 250;

/// ... plus this many bytes; more is taken for a bomb. Images hardly compress.
pub const UNPACKED_ALLOWANCE: u64 = 16 << 20;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The stream or the archive's structure is broken, for example truncated.
    #[error("cannot be read to its end: {0}")]
    Read(#[from] io::Error),
    /// The first bytes are no archive's.
    #[error("cannot be read: it is {0}")]
    Other(&'static str),
    /// An entry's data has another length than its header says.
    #[error("entry `{name}` should have {size} bytes, {found} were found")]
    Length {
        /// Path of the entry inside the archive.
        name: String,
        /// The size its header states.
        size: u64,
        /// The bytes that were found; reading ends with the first one too many.
        found: u64,
    },
    /// An entry is larger than what is read of a file of its kind.
    #[error("has {}; at most {} are read", bytes(*size), bytes(*limit))]
    TooLarge {
        /// The size its header states.
        size: u64,
        /// The most bytes that are read of such a file.
        limit: u64,
    },
    /// More than [`MAX_ENTRIES`].
    #[error("has more than {MAX_ENTRIES} entries")]
    TooManyEntries,
    /// An archive that unpacks to much more than images can.
    #[error("unpacks to more than {}, far more than images of this archive's size can be", bytes(*.0))]
    Bomb(u64),
    /// A name or a block of attributes is too long, or uses what is not supported.
    #[error("entry {index}: {reason}")]
    Extension {
        /// The entry's position in the archive.
        index: usize,
        /// What is too long or not supported.
        reason: &'static str,
    },
    /// The directory of a zip archive is broken.
    #[error("is no whole zip archive: {0}")]
    Zip(String),
    /// A zip archive names several entries alike, so nobody knows which one is meant.
    #[error("holds several entries of one name; pack it anew")]
    SameNames,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, whose data can be read.
    File,
    /// A folder, which has no data.
    Folder,
    /// Something that is never used, and why.
    Refused(&'static str),
}

/// One entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position among the archive's entries (extension blocks are no entries).
    pub index: usize,
    /// Path inside the archive, parts separated by `/`, without `.` parts; a name that is refused is as it was written.
    pub name: String,
    /// Whether it is used, and as what.
    pub kind: EntryKind,
    /// Length of its data in bytes.
    pub size: u64,
}

/// All entries of an archive, in order; its form is told by its first bytes.
///
/// # Errors
/// [`ArchiveError`] when the archive is broken or beyond a limit. Entries that are refused (links,
/// names with `..` or from the root) are listed as such.
pub fn list(mut stream: impl Read + Seek) -> Result<Vec<Entry>, ArchiveError> {
    let (form, packed) = form(&mut stream)?;
    match form {
        Form::Tar => tar::list(stream),
        Form::GzippedTar => tar::unpacked(stream, packed, |stream| tar::list(stream)),
        Form::Zip => zip::list(stream),
    }
}

/// How much is read of an entry.
#[derive(Clone, Copy)]
enum Amount {
    /// All of it, unless it is longer than this.
    Whole(u64),
    /// Its first bytes.
    Head(u64),
}

/// Reads the entries at the positions `wanted`, in the order in which they lie in the archive.
///
/// `take` is given the place in `wanted` and the entry's data, or why it cannot be had: it is
/// damaged, or longer than `limit` bytes. It says whether to go on.
///
/// # Errors
/// [`ArchiveError`] when the archive as a whole is broken or beyond a limit.
pub fn read(
    stream: impl Read + Seek,
    wanted: &[usize],
    limit: u64,
    take: &mut dyn FnMut(usize, Result<Vec<u8>, ArchiveError>) -> bool,
) -> Result<(), ArchiveError> {
    read_amount(stream, wanted, Amount::Whole(limit), take)
}

/// As [`read`], but of each entry only the first `bytes`, or all where it has fewer.
///
/// # Errors
/// As there.
pub fn heads(
    stream: impl Read + Seek,
    wanted: &[usize],
    bytes: u64,
    take: &mut dyn FnMut(usize, Result<Vec<u8>, ArchiveError>) -> bool,
) -> Result<(), ArchiveError> {
    read_amount(stream, wanted, Amount::Head(bytes), take)
}

fn read_amount(
    mut stream: impl Read + Seek,
    wanted: &[usize],
    amount: Amount,
    take: &mut dyn FnMut(usize, Result<Vec<u8>, ArchiveError>) -> bool,
) -> Result<(), ArchiveError> {
    let (form, packed) = form(&mut stream)?;
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_unstable_by_key(|place| wanted[*place]);
    let mut wanted = order.into_iter().map(|place| (wanted[place], place));
    match form {
        Form::Tar => tar::read(stream, &mut wanted, amount, take),
        Form::GzippedTar => tar::unpacked(stream, packed, |stream| tar::read(stream, &mut wanted, amount, take)),
        Form::Zip => zip::read(stream, packed, &mut wanted, amount, take),
    }
}

/// How many bytes an archive of `packed` bytes may unpack to.
pub(crate) fn allowance(packed: u64) -> u64 {
    packed.saturating_mul(MAX_UNPACKED_RATIO).saturating_add(UNPACKED_ALLOWANCE)
}

/// Reads an entry's first bytes, or its data to its end, if it has the stated length and that is within the limit.
fn data(name: &str, size: u64, amount: Amount, stream: &mut impl Read) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    match amount {
        Amount::Whole(limit) if size > limit => return Err(ArchiveError::TooLarge { size, limit }),
        Amount::Whole(_) => {}
        Amount::Head(most) => {
            stream.take(most).read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
    }
    // One more shows whether the data goes on.
    stream.take(size + 1).read_to_end(&mut bytes)?;
    let found = bytes.len() as u64;
    if found != size {
        let name = name.to_owned();
        return Err(ArchiveError::Length { name, size, found });
    }
    Ok(bytes)
}

/// A name with its parts joined by `/`; or as it is, and why it must not be used.
fn clean_name(raw: &[u8]) -> (String, Option<&'static str>) {
    let text = text_of(raw);
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let refused = if text.starts_with('/') {
        Some("has a name that starts at the root of the file system")
    } else if parts.contains(&"..") {
        Some("has a name that leaves the archive by `..`")
    } else if raw.contains(&0) {
        Some("has a name with a zero byte")
    } else {
        None
    };
    let name = if refused.is_some() { text } else { parts.join("/") };
    (name, refused)
}
