//! SHA-256 digests of files, as 64 small hexadecimal digits.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Bytes that are read from a file or a server at once.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The SHA-256 of the file at `path`, and its length in bytes.
pub(crate) fn of_file(path: &Path) -> io::Result<(String, u64)> {
    let mut hasher = Hasher::default();
    let length = hasher.read(&mut File::open(path)?)?;
    Ok((hasher.sha256(), length))
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
    pub(crate) fn sha256(&self) -> String {
        base16ct::lower::encode_string(&self.0.clone().finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"abc").unwrap();
        // The first example of FIPS 180-2.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_file(&path).unwrap(), (abc.to_owned(), 3));
        let bytes = vec![7; 3 * CHUNK + 5];
        std::fs::write(&path, &bytes).unwrap();
        let mut hasher = Hasher::default();
        hasher.add(&bytes);
        assert_eq!(of_file(&path).unwrap(), (hasher.sha256(), bytes.len() as u64));
    }
}
