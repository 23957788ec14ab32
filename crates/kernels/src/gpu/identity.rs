//! Which file a library came from, and which build it is.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Bytes of a library that tell builds apart: its headers with the build's own number and the places of its functions.
const HEAD: u64 = 64 << 10;

/// The file behind a name that the system's loader was given. `address` is that of one of its functions.
pub(super) fn file_of(name: &Path, address: usize) -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mapped = maps.lines().find_map(|line| file_at(line, address));
    // Where the system does not tell, the loader has searched these folders.
    let searched = || {
        let folders = std::env::var_os("PATH").filter(|_| cfg!(windows))?;
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file())
    };
    mapped.or_else(searched).unwrap_or_else(|| name.to_owned())
}

/// The file of a line of `/proc/self/maps` if the address is within: `7f00-7f10 r-xp 0 08:01 42  /lib/x.so`.
fn file_at(line: &str, address: usize) -> Option<PathBuf> {
    let (start, end) = line.split(' ').next()?.split_once('-')?;
    let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).unwrap_or(0));
    let file = &line[line.find('/')?..];
    (start..end).contains(&address).then(|| file.into())
}

/// A short digest of a library's length and head; empty if it cannot be read. Another build has other places of functions,
/// whatever the file is called; the same build has the same digest wherever it was installed.
pub(super) fn digest_of(file: &Path) -> String {
    let digest = || {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(file)?;
        let len = file.metadata()?.len();
        file.take(HEAD).read_to_end(&mut bytes)?;
        let digest = Sha256::new().chain_update(len.to_le_bytes()).chain_update(&bytes).finalize();
        Ok::<_, std::io::Error>(base16ct::lower::encode_string(&digest[..4]))
    };
    digest().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_leads_to_its_file() {
        let line = "7f5a00-7f5b00 r-xp 00000000 08:01 42       /a b/libnvrtc.so.12";
        assert_eq!(file_at(line, 0x7f5a10), Some("/a b/libnvrtc.so.12".into()));
        assert_eq!(file_at(line, 0x7f5b00), None);
        assert_eq!(file_at("7f5a00-7f5b00 rw-p 00000000 00:00 0", 0x7f5a10), None);
        if cfg!(target_os = "linux") {
            let found = file_of(Path::new("x"), a_function_leads_to_its_file as fn() as usize);
            assert_eq!(found, std::env::current_exe().unwrap());
        }
        assert_eq!(file_of(Path::new("x"), 0), Path::new("x"));
    }

    #[test]
    fn builds_are_told_apart_by_length_and_head() {
        let folder = tempfile::tempdir().unwrap();
        let digest = |bytes: &[u8]| {
            let file = folder.path().join("library");
            std::fs::write(&file, bytes).unwrap();
            digest_of(&file)
        };
        let mut bytes = vec![7; 1 << 17];
        let first = digest(&bytes);
        assert_eq!((first.len(), &digest(&bytes)), (8, &first));
        bytes[4000] = 8;
        assert_ne!(digest(&bytes), first, "another head");
        assert_ne!(digest(&[7; 100_000]), first, "another length");
        assert_eq!(digest_of(Path::new("/nowhere")), "");
    }
}
