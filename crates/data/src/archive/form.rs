//! What an archive is by its first bytes, and what a file is that is none.

use std::io::{Read, Seek, SeekFrom};

use super::ArchiveError;

/// The length of a tar archive's blocks, the first of which is a header.
pub(super) const BLOCK_BYTES: usize = 512;

/// The forms of archives that are read.
pub(super) enum Form {
    Tar,
    GzippedTar,
    Zip,
}

/// How files begin that are called archives, and are none that can be read.
const OTHERS: [(&[u8], &str); 11] = [
    (b"BZh", "packed by bzip2; pack it as .tar.gz or .zip"),
    (b"\xfd7zXZ", "packed by xz; pack it as .tar.gz or .zip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd; pack it as .tar.gz or .zip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; pack it as .tar.gz or .zip"),
    (b"Rar!", "a rar archive; pack it as .tar.gz or .zip"),
    (b"PK\x07\x08", "a part of a divided zip archive; put its parts together"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself with `git lfs pull`"),
    (b"<", "a web page, so the download did not give the file; download it again and look at it in a browser"),
    (b"{", "text in JSON, so the download did not give the file; download it again"),
    (b"\xff\xd8", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
];

/// The form of an archive, and its length in bytes.
pub(super) fn form(stream: &mut (impl Read + Seek)) -> Result<(Form, u64), ArchiveError> {
    let length = stream.seek(SeekFrom::End(0))?;
    stream.rewind()?;
    let mut head = Vec::new();
    stream.take(BLOCK_BYTES as u64).read_to_end(&mut head)?;
    stream.rewind()?;
    let form = match head.as_slice() {
        [0x1f, 0x8b, ..] => Form::GzippedTar,
        // The second is how an archive without entries begins.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Form::Zip,
        _ => {
            check_tar(&head)?;
            Form::Tar
        }
    };
    Ok((form, length))
}

/// Refuses what does not begin as a tar archive does, and says what it is.
pub(super) fn check_tar(head: &[u8]) -> Result<(), ArchiveError> {
    if is_tar(head) {
        return Ok(());
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let known = OTHERS.iter().find(|(begin, _)| text.starts_with(begin)).map(|(_, what)| *what);
    let empty = match head {
        [] => "empty (zero bytes)",
        // As downloads that broke off leave them; it is also how a tar archive without entries begins.
        _ if head.iter().all(|byte| *byte == 0) => "no archive with entries, but zeros; fetch it again",
        _ => "no tar, gzip or zip archive",
    };
    Err(ArchiveError::Other(known.unwrap_or(empty)))
}

/// Whether a block is a header with its checksum: the sum of its bytes, those of the checksum taken for spaces.
fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK_BYTES>() else {
        return false;
    };
    let stated = std::str::from_utf8(&block[148..156]).unwrap_or_default();
    let stated = u32::from_str_radix(stated.trim_matches([' ', '\0']), 8);
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    stated == Ok(sum - own + 8 * u32::from(b' '))
}
