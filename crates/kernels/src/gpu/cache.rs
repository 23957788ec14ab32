//! Compiled kernels on disk, so that only the first run of a build waits for the compiler.
//!
//! Each kernel has a file to itself: a network needs some twenty of all kernels, and those that it has in
//! common with an earlier one are there already. A file's name holds a hash of all that went into it, and its head a hash of what is in it. Whatever
//! is wrong with a file or with the folder, the answer is to compile again and to say so once.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sha2::{Digest, Sha256};
use tunefork_atomic_file::AtomicFile;

use crate::gpu::nvrtc::{Compiled, Nvrtc, Target};
use crate::{DeviceError, HEADERS, Kernel};

/// Largest compiled kernel that is read.
const MAX_BYTES: u64 = 1 << 28;
const HEAD: &[u8] = b"tunefork kernels 2\n";
const HASH: usize = 32;

/// A compiler with a memory.
pub struct Compiler {
    nvrtc: Nvrtc,
    folder: Option<PathBuf>,
    notice: fn(&str),
    started: AtomicBool,
    unwritable: AtomicBool,
}

impl Compiler {
    /// A compiler that keeps what it made in a folder, which is created when it is needed. `notice` is
    /// told when the first kernel is compiled, and what is wrong with the folder or with a file in it.
    pub fn new(nvrtc: Nvrtc, folder: Option<PathBuf>, notice: fn(&str)) -> Self {
        Self { nvrtc, folder, notice, started: AtomicBool::new(false), unwritable: AtomicBool::new(false) }
    }

    /// The NVRTC that it compiles with.
    pub fn nvrtc(&self) -> &Nvrtc {
        &self.nvrtc
    }

    /// Where compiled kernels are kept, if they are.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The code of a kernel, from the folder or else compiled.
    ///
    /// # Errors
    /// [`DeviceError::Kernel`] with what the compiler said.
    pub fn kernel(&self, kernel: Kernel, target: Target) -> Result<Compiled, DeviceError> {
        let file = self.folder.as_ref().map(|folder| folder.join(self.name(kernel, target)));
        if let Some(found) = file.as_deref().and_then(|file| self.read(file)) {
            return Ok(found);
        }
        if !self.started.swap(true, Ordering::Relaxed) {
            self.say_start(target);
        }
        let compiled = self.nvrtc.compile(kernel, target)?;
        if let Some(file) = file
            && let Err(error) = write(&file, &compiled)
            && !self.unwritable.swap(true, Ordering::Relaxed)
        {
            (self.notice)(&format!(
                "compiled kernels cannot be kept in {} ({error}); they are compiled again in each run. \
                 Let TUNEFORK_CACHE name a folder that can be written to",
                file.parent().unwrap_or(&file).display()
            ));
        }
        Ok(compiled)
    }

    /// The code of several kernels, by as many threads as there are cores.
    ///
    /// # Errors
    /// As [`kernel`](Self::kernel), for the first kernel of which it is true.
    pub fn kernels(&self, kernels: &[Kernel], target: Target) -> Result<Vec<Compiled>, DeviceError> {
        let open = Mutex::new(kernels.iter().enumerate());
        let work = || {
            let next = || open.lock().expect("nothing panics with it").next();
            std::iter::from_fn(next).map(|(number, kernel)| (number, self.kernel(*kernel, target))).collect::<Vec<_>>()
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let mut done = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.min(kernels.len())).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| worker.join());
            joined.flat_map(|done| done.expect("compiling does not panic")).collect::<Vec<_>>()
        });
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, compiled)| compiled).collect()
    }

    fn say_start(&self, target: Target) {
        (self.notice)(&match &self.folder {
            Some(folder) => {
                format!("compiling kernels for {target}, once: later runs read them from {}", folder.display())
            }
            None => {
                format!("compiling kernels for {target}, in each run: let TUNEFORK_CACHE name a folder to keep them in")
            }
        });
    }

    /// The name of a kernel's file: everything that the code depends on is in the hash.
    fn name(&self, kernel: Kernel, target: Target) -> String {
        let (major, minor) = self.nvrtc.version();
        let version = format!("{major}.{minor} {}", self.nvrtc.build());
        let (options, source) = (target.options().join(" "), kernel.source);
        let mut parts = vec![version.as_str(), &options, kernel.name];
        parts.extend([source.file(), source.text()]);
        parts.extend(HEADERS.iter().flat_map(|(name, text)| [*name, *text]));
        let kind = if target.ptx { "ptx" } else { "cubin" };
        format!("{}-{target}-{}.{kind}", kernel.name, hash_of(&parts))
    }

    fn read(&self, file: &Path) -> Option<Compiled> {
        let bytes = tunefork_atomic_file::read(file, MAX_BYTES).ok()?;
        let found = parse(&bytes);
        if found.is_none() {
            (self.notice)(&format!("{} is damaged; its kernel is compiled again", file.display()));
        }
        found
    }
}

/// A file is the head, a hash of all that follows, the kernel's name in the code, a zero byte, the code.
fn parse(file: &[u8]) -> Option<Compiled> {
    let (hash, rest) = file.strip_prefix(HEAD)?.split_at_checked(HASH)?;
    if Sha256::digest(rest)[..] != *hash {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(Compiled { entry: String::from_utf8(rest[..end].to_vec()).ok()?, image: rest[end + 1..].to_vec() })
}

/// Half of a hash over some texts, each with its length before it.
fn hash_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    base16ct::lower::encode_string(&hash.finalize()[..16])
}

/// Writes beside and renames, so that another process sees a whole file or none.
fn write(file: &Path, compiled: &Compiled) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let rest = [compiled.entry.as_bytes(), &[0], &compiled.image].concat();
    let bytes = [HEAD, &Sha256::digest(&rest)[..], &rest].concat();
    let mut beside = AtomicFile::create_shared(file)?;
    beside.file().write_all(&bytes)?;
    beside.commit()
}

/// `TUNEFORK_CACHE`, or `tunefork/kernels` in the user's folder for caches. None if there is neither.
pub(super) fn standard_folder() -> Option<PathBuf> {
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
