//! Compiled kernels on disk, so that only the first run of a build waits for the compiler.
//!
//! A file's name holds a hash of all that went into it, and its head a hash of what is in it. Whatever
//! is wrong with a file or with the folder, the answer is to compile again and to say so once.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use crate::gpu::nvrtc::{Nvrtc, Target};
use crate::{DeviceError, HEADERS, Source};

const HEAD: &[u8] = b"tunefork kernels 1\n";
const HASH: usize = 32;

/// A compiler with a memory.
pub struct Compiler {
    nvrtc: Nvrtc,
    folder: Option<PathBuf>,
    notice: fn(&str),
    unwritable: AtomicBool,
}

impl Compiler {
    /// A compiler that keeps what it made in a folder, which is created when it is needed. `notice` is
    /// told what is wrong with the folder, or with a file in it.
    pub fn new(nvrtc: Nvrtc, folder: Option<PathBuf>, notice: fn(&str)) -> Self {
        Self {
            nvrtc,
            folder,
            notice,
            unwritable: AtomicBool::new(false),
        }
    }

    /// NVRTC.
    pub fn nvrtc(&self) -> &Nvrtc {
        &self.nvrtc
    }

    /// The code of a source, from the folder or else compiled.
    ///
    /// # Errors
    /// [`DeviceError::Kernel`] with what the compiler said.
    pub fn image(&self, source: Source, target: Target) -> Result<Vec<u8>, DeviceError> {
        let file = self
            .folder
            .as_ref()
            .map(|folder| folder.join(self.name(source, target)));
        if let Some(image) = file.as_deref().and_then(|file| self.read(file)) {
            return Ok(image);
        }
        let image = self.nvrtc.compile(source, target, &[])?.image;
        if let Some(file) = file
            && let Err(error) = write(&file, &image)
            && !self.unwritable.swap(true, Ordering::Relaxed)
        {
            (self.notice)(&format!(
                "compiled kernels cannot be kept in {} ({error}); they are compiled again in each run. \
                 Let TUNEFORK_CACHE name a folder that can be written to",
                file.parent().unwrap_or(&file).display()
            ));
        }
        Ok(image)
    }

    /// The name of a source's file: everything that the code depends on is in the hash.
    fn name(&self, source: Source, target: Target) -> String {
        let (major, minor) = self.nvrtc.version();
        let version = format!("{major}.{minor}");
        let options = target.options().join(" ");
        let mut parts = vec![version.as_str(), &options, source.file(), source.text()];
        parts.extend(HEADERS.iter().flat_map(|(name, text)| [*name, *text]));
        let stem = source.file().trim_end_matches(".cu");
        let kind = if target.ptx { "ptx" } else { "cubin" };
        format!("{stem}-{target}-{}.{kind}", hash_of(&parts))
    }

    fn read(&self, file: &Path) -> Option<Vec<u8>> {
        let bytes = std::fs::read(file).ok()?;
        let image = bytes.strip_prefix(HEAD).and_then(|rest| {
            let (hash, image) = rest.split_at_checked(HASH)?;
            (Sha256::digest(image)[..] == *hash).then(|| image.to_vec())
        });
        if image.is_none() {
            (self.notice)(&format!(
                "{} is damaged; its kernels are compiled again",
                file.display()
            ));
        }
        image
    }
}

/// Half of a hash over some texts, each with its length before it.
fn hash_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Writes beside and renames, so that another process sees a whole file or none.
fn write(file: &Path, image: &[u8]) -> std::io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut bytes = HEAD.to_vec();
    bytes.extend_from_slice(&Sha256::digest(image));
    bytes.extend_from_slice(image);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let beside = file.with_extension(format!("{}-{count}.new", std::process::id()));
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, file))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&beside);
        })
}

/// `TUNEFORK_CACHE`, or `tunefork/kernels` in the user's folder for caches. None if there is neither.
pub fn standard_folder() -> Option<PathBuf> {
    let variable = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some(PathBuf::from(value))
    };
    variable("TUNEFORK_CACHE").or_else(|| {
        let caches = variable("XDG_CACHE_HOME")
            .or_else(|| variable("LOCALAPPDATA"))
            .or_else(|| Some(variable("HOME")?.join(".cache")))?;
        Some(caches.join("tunefork").join("kernels"))
    })
}

#[cfg(test)]
mod tests {
    use super::hash_of;

    #[test]
    fn lengths_are_part_of_the_key() {
        assert_ne!(hash_of(&["ab", "c"]), hash_of(&["a", "bc"]));
        assert_ne!(hash_of(&["a"]), hash_of(&["a", ""]));
        assert_eq!(hash_of(&["a", "b"]), hash_of(&["a", "b"]));
    }
}
