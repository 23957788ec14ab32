//! Tar archives, plain or gzipped, read from a stream and never unpacked to disk.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType, PaxExtensions};

/// The longest entry name, in bytes.
pub const MAX_NAME_BYTES: u64 = 4096;

/// The largest block of extended attributes, in bytes.
pub const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// The most entries that are read.
pub const MAX_ENTRIES: usize = 1 << 25;

/// A gzipped archive may unpack to this many times its size ...
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
    /// An entry's data ends early.
    #[error("entry `{name}` has {size} bytes, but the archive ends after {found} of them")]
    Truncated {
        /// The entry.
        name: String,
        /// The size its header states.
        size: u64,
        /// The bytes there are.
        found: u64,
    },
    /// More than [`MAX_ENTRIES`].
    #[error("has more than {MAX_ENTRIES} entries")]
    TooManyEntries,
    /// A gzip stream that unpacks to much more than images can.
    #[error("unpacks to more than {0} bytes, far more than images of this archive's size can be")]
    Bomb(u64),
    /// A name or a block of attributes is too long, or uses what is not supported.
    #[error("entry {index}: {reason}")]
    Extension {
        /// The entry's position in the archive.
        index: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// Something that is never used, and why.
    Refused(&'static str),
}

/// One entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position among the archive's entries (extension blocks are no entries).
    pub index: usize,
    /// Path inside the archive, parts separated by `/`, without `.` parts.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Length of its data in bytes.
    pub size: u64,
}

/// All entries of an archive in memory, in order; gzip is told by its first bytes.
///
/// # Errors
/// [`ArchiveError`] when the archive is broken or beyond a limit. Entries that are refused (links,
/// names with `..` or from the root) are listed as such.
pub fn list(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    let mut entries = Vec::new();
    read(bytes, bytes.len() as u64, |entry, _| {
        entries.push(entry);
        Ok(true)
    })?;
    Ok(entries)
}

/// Calls `visit` with every entry and its data until it returns false. `stream` is the archive,
/// `packed` bytes long; gzip is told by its first bytes.
pub(crate) fn read<'a>(
    mut stream: impl Read + 'a,
    packed: u64,
    visit: impl FnMut(Entry, &mut dyn Read) -> Result<bool, ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut magic = Vec::new();
    stream.by_ref().take(2).read_to_end(&mut magic)?;
    let gzip = magic == [0x1f, 0x8b];
    let whole = io::Cursor::new(magic).chain(stream);
    if !gzip {
        return read_tar(whole, visit);
    }
    let allowed = packed
        .saturating_mul(MAX_UNPACKED_RATIO)
        .saturating_add(UNPACKED_ALLOWANCE);
    let mut unpacked = MultiGzDecoder::new(whole).take(allowed);
    let outcome = read_tar(&mut unpacked, visit);
    if unpacked.limit() == 0 {
        return Err(ArchiveError::Bomb(allowed));
    }
    outcome
}

/// As [`read`], of an archive that is not packed.
fn read_tar(
    mut stream: impl Read,
    mut visit: impl FnMut(Entry, &mut dyn Read) -> Result<bool, ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut archive = Archive::new(&mut stream);
    let mut long_name = None;
    let mut index = 0;
    // Raw: the tar crate would read extension blocks of any length into memory.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let header = entry.header();
        let (kind, size) = (header.entry_type(), header.entry_size()?);
        match kind {
            EntryType::GNULongName => {
                long_name = Some(limited(&mut entry, size, MAX_NAME_BYTES, index)?);
                continue;
            }
            EntryType::XHeader => {
                let block = limited(&mut entry, size, MAX_EXTENSION_BYTES, index)?;
                long_name = pax_name(&block, index)?.or(long_name);
                continue;
            }
            EntryType::XGlobalHeader | EntryType::GNULongLink => continue,
            _ => {}
        }
        let raw_name = long_name
            .take()
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let (name, unsafe_name) = clean_name(&raw_name);
        let kind = unsafe_name.map_or_else(|| kind_of(kind), Kind::Refused);
        if index == MAX_ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        if !visit(
            Entry {
                index,
                name,
                kind,
                size,
            },
            &mut entry,
        )? {
            return Ok(());
        }
        index += 1;
    }
    // The rest of a gzip stream holds its checksum.
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

/// Reads the data of a regular entry, at most `limit` bytes.
pub(crate) fn data(entry: &Entry, stream: &mut dyn Read) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let found = bytes.len() as u64;
    if found != entry.size {
        return Err(ArchiveError::Truncated {
            name: entry.name.clone(),
            size: entry.size,
            found,
        });
    }
    Ok(bytes)
}

/// An extension block's data, if it is not too long.
fn limited(
    stream: &mut impl Read,
    size: u64,
    limit: u64,
    index: usize,
) -> Result<Vec<u8>, ArchiveError> {
    if size > limit {
        return Err(ArchiveError::Extension {
            index,
            reason: "its name or attributes are too long",
        });
    }
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    // GNU names end with a zero byte.
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

/// The name in a block of extended attributes, if there is one.
fn pax_name(block: &[u8], index: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut name = None;
    for attribute in PaxExtensions::new(block) {
        let attribute = attribute?;
        match attribute.key_bytes() {
            b"path" => name = Some(attribute.value_bytes().to_vec()),
            b"size" => {
                let reason = "a file of more than 8 GiB is no image";
                return Err(ArchiveError::Extension { index, reason });
            }
            _ => {}
        }
    }
    Ok(name)
}

/// A name with its parts joined by `/`, and why it must not be used, if so.
fn clean_name(raw: &[u8]) -> (String, Option<&'static str>) {
    let text = String::from_utf8_lossy(raw);
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let refused = if text.starts_with('/') {
        Some("its name starts at the root of the file system")
    } else if parts.contains(&"..") {
        Some("its name leaves the archive by `..`")
    } else if text.contains('\0') {
        Some("its name contains a zero byte")
    } else {
        None
    };
    (parts.join("/"), refused)
}

fn kind_of(kind: EntryType) -> Kind {
    match kind {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::Link | EntryType::Symlink => Kind::Refused("it is a link"),
        _ => Kind::Refused("it is neither a file nor a folder"),
    }
}
