//! SHA-256 digests of files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Bytes that are read from a file or a server at once.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The SHA-256 digest of a file, shown as 64 small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest written as 64 hexadecimal digits, nothing for any other text.
    #[must_use]
    pub const fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        let mut place = 0;
        while place < 64 {
            let value = match text[place] {
                digit @ b'0'..=b'9' => digit - b'0',
                digit @ b'a'..=b'f' => digit - b'a' + 10,
                digit @ b'A'..=b'F' => digit - b'A' + 10,
                _ => return None,
            };
            bytes[place / 2] = bytes[place / 2] << 4 | value;
            place += 1;
        }
        Some(Self(bytes))
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of the file at `path`, and its length in bytes.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn of_file(path: &Path) -> io::Result<(Self, u64)> {
        let mut hasher = Hasher::default();
        let length = hasher.read(&mut File::open(path)?)?;
        Ok((hasher.digest(), length))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A digest under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds all that is left of `file`, and returns how many bytes that was.
    pub(crate) fn read(&mut self, file: &mut File) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK];
        let mut length = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(length),
                Ok(count) => {
                    self.add(&buffer[..count]);
                    length += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The digest of what was added until now.
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first example of FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_is_written_and_read() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(Digest::parse(ABC), Some(digest));
        assert_eq!(Digest::parse(&ABC.to_uppercase()), Some(digest));
        assert_eq!(Digest::parse(&ABC[1..]), None);
        assert_eq!(Digest::parse(&ABC.replace('b', "g")), None);
    }

    #[test]
    fn a_file_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes = vec![7; 3 * CHUNK + 5];
        std::fs::write(&path, &bytes).unwrap();
        let found = Digest::of_file(&path).unwrap();
        assert_eq!(found, (Digest::of(&bytes), bytes.len() as u64));
    }
}
