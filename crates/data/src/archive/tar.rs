//! Tar archives, plain or gzipped.

use std::io::{self, BufReader, Read};

use tar::{Archive, EntryType, PaxExtensions};

use super::form::{BLOCK_BYTES, check_tar};
use super::gzip::Gunzip;
use super::{
    Amount, ArchiveError, Entry, EntryKind, MAX_ENTRIES, MAX_EXTENSION_BYTES, MAX_NAME_BYTES, allowance, clean_name,
    data,
};

/// Large reads: a tar reader asks for 512 bytes at a time.
const BUFFER_BYTES: usize = 1 << 18;

/// All entries of an archive that is not packed.
pub(super) fn list(stream: impl Read) -> Result<Vec<Entry>, ArchiveError> {
    let mut entries = Vec::new();
    walk(stream, |entry, _| {
        entries.push(entry);
        true
    })?;
    Ok(entries)
}

/// Reads the `wanted` entries (position and place, ascending), as [`super::read`] says, of an
/// archive that is not packed.
pub(super) fn read(
    stream: impl Read,
    wanted: &mut dyn Iterator<Item = (usize, usize)>,
    amount: Amount,
    take: &mut dyn FnMut(usize, Result<Vec<u8>, ArchiveError>) -> bool,
) -> Result<(), ArchiveError> {
    let mut wanted = wanted.peekable();
    walk(stream, |entry, mut stream| {
        let mut go_on = true;
        if let Some((_, place)) = wanted.next_if(|(index, _)| *index == entry.index) {
            go_on = take(place, data(&entry.name, entry.size, amount, &mut stream));
        }
        go_on && wanted.peek().is_some()
    })
}

/// Hands `action` the unpacked stream of a gzipped archive of `packed` bytes, and refuses bombs.
pub(super) fn unpacked<T>(
    stream: impl Read,
    packed: u64,
    action: impl FnOnce(&mut dyn Read) -> Result<T, ArchiveError>,
) -> Result<T, ArchiveError> {
    let allowed = allowance(packed);
    let packed = BufReader::with_capacity(BUFFER_BYTES, stream);
    let mut unpacked = Gunzip::new(packed).take(allowed);
    let outcome = action(&mut unpacked);
    if unpacked.limit() == 0 {
        return Err(ArchiveError::Bomb(allowed));
    }
    outcome
}

/// Calls `visit` with every entry and its data until it returns false.
fn walk(stream: impl Read, mut visit: impl FnMut(Entry, &mut dyn Read) -> bool) -> Result<(), ArchiveError> {
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    let mut head = Vec::new();
    stream.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut head)?;
    check_tar(&head)?;
    let mut stream = head.as_slice().chain(stream);
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
        let raw_name = long_name.take().unwrap_or_else(|| header.path_bytes().into_owned());
        let (name, unsafe_name) = clean_name(&raw_name);
        let kind = unsafe_name.map_or_else(|| kind_of(kind), EntryKind::Refused);
        if index == MAX_ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        let entry_found = Entry { index, name, kind, size };
        if !visit(entry_found, &mut entry) {
            return Ok(());
        }
        index += 1;
    }
    // The rest of a gzip stream holds its checksum.
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

/// An extension block's data, if it is not too long.
fn limited(stream: &mut impl Read, size: u64, limit: u64, index: usize) -> Result<Vec<u8>, ArchiveError> {
    if size > limit {
        return Err(ArchiveError::Extension { index, reason: "its name or attributes are too long" });
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

fn kind_of(kind: EntryType) -> EntryKind {
    match kind {
        EntryType::Regular | EntryType::Continuous => EntryKind::File,
        EntryType::Directory => EntryKind::Folder,
        EntryType::Link | EntryType::Symlink => EntryKind::Refused("is a link"),
        _ => EntryKind::Refused("is neither a file nor a folder"),
    }
}
