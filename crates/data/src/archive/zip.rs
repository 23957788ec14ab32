//! Zip archives: a directory at the end, and entries that are packed one by one.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::result::ZipError;
use zip::{CompressionMethod, System, ZipArchive};

use super::{Amount, ArchiveError, Entry, EntryKind, MAX_ENTRIES, allowance, clean_name, data};

/// All entries, from the archive's directory alone.
pub(super) fn list(stream: impl Read + Seek) -> Result<Vec<Entry>, ArchiveError> {
    let archive = open(stream)?;
    let directory = archive.metadata();
    let mut entries = Vec::with_capacity(directory.len());
    for index in 0..directory.len() {
        let entry = directory.entry(index).map_err(broken)?;
        let raw = raw_name(entry.name_raw(), entry.name().ok().as_deref(), entry.system());
        let (name, unsafe_name) = clean_name(&raw);
        let known = matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated);
        let kind = match unsafe_name {
            Some(reason) => EntryKind::Refused(reason),
            None if raw.ends_with(b"/") => EntryKind::Folder,
            None if has_drive(&name) => EntryKind::Refused("has a name that starts at a drive"),
            None if entry.is_symlink() => EntryKind::Refused("is a link"),
            None if entry.encrypted() => EntryKind::Refused("is encrypted"),
            None if !known => EntryKind::Refused("is packed by another method than deflate"),
            None => EntryKind::File,
        };
        let size = entry.size();
        entries.push(Entry { index, name, kind, size });
    }
    Ok(entries)
}

/// Reads the `wanted` entries (position and place, ascending), as [`super::read`] says.
pub(super) fn read(
    stream: impl Read + Seek,
    packed: u64,
    wanted: &mut dyn Iterator<Item = (usize, usize)>,
    amount: Amount,
    take: &mut dyn FnMut(usize, Result<Vec<u8>, ArchiveError>) -> bool,
) -> Result<(), ArchiveError> {
    let mut archive = open(stream)?;
    let allowed = allowance(packed);
    let mut left = allowed;
    for (index, place) in wanted {
        let found = match archive.by_index(index) {
            Ok(mut entry) => {
                let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
                let size = entry.size();
                // What is really unpacked counts, whatever the directory says of sizes: entries may
                // share their bytes.
                let mut counted = entry.by_ref().take(left + 1);
                let found = data(&name, size, amount, &mut counted);
                left = match counted.limit() {
                    0 => return Err(ArchiveError::Bomb(allowed)),
                    rest => rest - 1,
                };
                found
            }
            Err(error) => Err(broken(error)),
        };
        if !take(place, found) {
            break;
        }
    }
    Ok(())
}

/// A name's bytes with `/` between its parts. UTF-8 is often not marked as such; what is no UTF-8 is code page 437, which is `decoded`.
fn raw_name(raw: &[u8], decoded: Option<&str>, system: System) -> Vec<u8> {
    let is_text = std::str::from_utf8(raw).is_ok();
    let bytes = decoded.filter(|_| !is_text).map_or(raw, str::as_bytes);
    // Some programs on Windows write their own separator; elsewhere it is a letter of a name.
    let is_separator = matches!(system, System::Dos | System::WindowsNTFS | System::VFAT) && !bytes.contains(&b'/');
    bytes.iter().map(|byte| if *byte == b'\\' && is_separator { b'/' } else { *byte }).collect()
}

fn open<R: Read + Seek>(stream: R) -> Result<ZipArchive<Near<R>>, ArchiveError> {
    let archive = ZipArchive::new(Near::new(stream)).map_err(broken)?;
    if archive.len() > MAX_ENTRIES {
        return Err(ArchiveError::TooManyEntries);
    }
    if archive.has_duplicate_names() {
        return Err(ArchiveError::SameNames);
    }
    Ok(archive)
}

fn broken(error: ZipError) -> ArchiveError {
    match error {
        ZipError::Io(error) => ArchiveError::Read(error),
        other => ArchiveError::Zip(other.to_string()),
    }
}

/// Whether a name starts like `C:/`.
fn has_drive(name: &str) -> bool {
    let start = name.as_bytes();
    start.len() > 1 && start[0].is_ascii_alphabetic() && start[1] == b':'
}

/// A buffered stream that keeps its buffer when it is sent to a place within it, as it is from one
/// entry to the next.
struct Near<R> {
    inner: BufReader<R>,
    position: u64,
}

impl<R: Read + Seek> Near<R> {
    fn new(stream: R) -> Self {
        Self { inner: BufReader::with_capacity(1 << 18, stream), position: 0 }
    }
}

impl<R: Read> Read for Near<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Near<R> {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        self.position = match target {
            SeekFrom::Start(place) => {
                let step = i128::from(place) - i128::from(self.position);
                match i64::try_from(step) {
                    Ok(step) => self.inner.seek_relative(step).map(|()| place)?,
                    Err(_) => self.inner.seek(target)?,
                }
            }
            _ => self.inner.seek(target)?,
        };
        Ok(self.position)
    }
}
