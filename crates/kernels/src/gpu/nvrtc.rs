//! NVRTC, NVIDIA's compiler as a library.
//!
//! It is loaded here and not through cudarc, which knows only some of its file names, takes no path,
//! and panics where none is found. Compiling needs neither a GPU nor a driver.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use libloading::Library;

use super::{CardProperties, identity, places};
use crate::{DeviceError, HEADERS, Kernel, Source};

/// What a source is compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// Compute capability times ten: 75, 80, 86, 90.
    pub architecture: u32,
    /// PTX, which the driver translates for any card from this architecture on, instead of a cubin,
    /// which is the card's machine code.
    pub ptx: bool,
}

impl Target {
    /// Machine code for one architecture.
    pub const fn cubin(architecture: u32) -> Self {
        Self { architecture, ptx: false }
    }

    /// Intermediate code for one architecture and all later ones.
    pub const fn ptx(architecture: u32) -> Self {
        Self { architecture, ptx: true }
    }

    /// NVRTC's options. Multiplications and additions may be fused by the compiler; where two kernels
    /// must agree to the bit, the sources say `fmaf`. Without the last option generic lambdas would be the host's.
    pub fn options(self) -> Vec<String> {
        let kind = if self.ptx { "compute" } else { "sm" };
        let architecture = format!("--gpu-architecture={kind}_{}", self.architecture);
        vec![architecture, "--std=c++17".into(), "--fmad=true".into(), "-default-device".into()]
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.ptx { "compute" } else { "sm" };
        write!(f, "{kind}_{}", self.architecture)
    }
}

/// What the compiler made of a kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// A cubin, or PTX with a zero byte behind it.
    pub image: Vec<u8>,
    /// What the kernel is called in it.
    pub entry: String,
}

/// What the compiler made of all kernels of a source.
pub struct Report {
    /// By what the code calls a kernel, the name in its row.
    pub names: HashMap<String, &'static str>,
    /// The PTX of all kernels, as text.
    pub ptx: String,
    /// What the compiler said.
    pub log: String,
}

type Handle = *mut c_void;
/// The functions that give the size and the bytes of a result.
type Getters = [unsafe extern "C" fn(Handle, *mut c_void) -> c_int; 2];

/// NVRTC, loaded. Its functions as the header `nvrtc.h` declares them; 0 is success.
pub struct Nvrtc {
    create: unsafe extern "C" fn(
        *mut Handle,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> c_int,
    want: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    entry: unsafe extern "C" fn(Handle, *const c_char, *mut *const c_char) -> c_int,
    compile: unsafe extern "C" fn(Handle, c_int, *const *const c_char) -> c_int,
    destroy: unsafe extern "C" fn(*mut Handle) -> c_int,
    log: Getters,
    cubin: Getters,
    ptx: Getters,
    version: (u32, u32),
    architectures: Vec<u32>,
    build: String,
    path: PathBuf,
    /// Keep the functions above in memory, and what they load themselves.
    _libraries: [Option<Library>; 2],
}

impl Nvrtc {
    /// Loads NVRTC from the file that `TUNEFORK_NVRTC` names, or from where it usually is: the first whose code `card` and
    /// its driver take, if there is one. Machine code runs under each driver of the same major version of CUDA, intermediate code
    /// (for a card that came after the NVRTC) only where the driver is as new.
    ///
    /// # Errors
    /// [`DeviceError::Unavailable`] if there is none, or only some whose code is not taken.
    pub fn find(card: Option<&CardProperties>) -> Result<Self, DeviceError> {
        if let Some(path) = std::env::var_os("TUNEFORK_NVRTC").filter(|path| !path.is_empty()) {
            let nvrtc = Self::open(Path::new(&path)).map_err(|error| match error {
                DeviceError::Unavailable(reason) => {
                    DeviceError::Unavailable(format!("{reason} (TUNEFORK_NVRTC names this file)"))
                }
                error => error,
            })?;
            return match card.and_then(|card| nvrtc.obstacle(card)) {
                Some(obstacle) => Err(DeviceError::Unavailable(format!("{obstacle} (TUNEFORK_NVRTC names this one)"))),
                None => Ok(nvrtc),
            };
        }
        let mut refused = None;
        for nvrtc in places::candidates().iter().filter_map(|path| Self::open(path).ok()) {
            match card.and_then(|card| nvrtc.obstacle(card)) {
                Some(obstacle) => _ = refused.get_or_insert(obstacle),
                None => return Ok(nvrtc),
            }
        }
        let newest = card.map_or((12, 9), |card| card.driver);
        Err(DeviceError::Unavailable(refused.unwrap_or_else(|| {
            format!(
                "no NVRTC found, which compiles the kernels: install the CUDA toolkit, or only NVRTC ({}), and where it is \
                 not found then, let TUNEFORK_NVRTC name its library",
                places::advice(newest)
            )
        })))
    }

    /// Why its code is of no use to a card under its driver, and what to do, if it is not.
    fn obstacle(&self, card: &CardProperties) -> Option<String> {
        let (major, minor) = self.version;
        let taken = match self.target(card.architecture).ptx {
            true => self.version <= card.driver,
            false => major <= card.driver.0,
        };
        let code = match self.target(card.architecture).ptx {
            true => format!("is older than {card}, for which it can give PTX only, and newer than the driver"),
            false => "is newer than the driver".to_owned(),
        };
        (!taken).then(|| {
            format!(
                "NVRTC {major}.{minor} ({}) {code}, which knows CUDA up to {}.{}: update the driver, or install another NVRTC ({})",
                self.path.display(),
                card.driver.0,
                card.driver.1,
                places::advice(card.driver)
            )
        })
    }

    /// Loads NVRTC from a file.
    ///
    /// # Errors
    /// [`DeviceError::Unavailable`] if it cannot be loaded or is none.
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        let unavailable = |reason: String| {
            DeviceError::Unavailable(format!("NVRTC cannot be loaded from {}: {reason}", path.display()))
        };
        // A name alone is looked for by the system.
        if path.components().count() > 1 && !path.exists() {
            return Err(unavailable("there is no such file".to_owned()));
        }
        let builtins = load_builtins(path);
        // SAFETY: loading NVRTC runs nothing but its own initialisation.
        let library = unsafe { Library::new(path) }.map_err(|e| unavailable(e.to_string()))?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type is that of nvrtc.h, the same since CUDA 11.2.
                *unsafe { library.get(concat!($name, "\0")) }
                    .map_err(|_| unavailable(format!("it has no {}", $name)))?
            };
        }
        let version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int = function!("nvrtcVersion");
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both places exist.
        unsafe { version(&mut major, &mut minor) };
        let count: unsafe extern "C" fn(*mut c_int) -> c_int = function!("nvrtcGetNumSupportedArchs");
        let list: unsafe extern "C" fn(*mut c_int) -> c_int = function!("nvrtcGetSupportedArchs");
        let mut places = 0;
        // SAFETY: the place exists.
        unsafe { count(&mut places) };
        let mut architectures = vec![0; usize::try_from(places).unwrap_or(0)];
        // SAFETY: there are as many places as NVRTC wants.
        unsafe { list(architectures.as_mut_ptr()) };
        let path = identity::file_of(path, version as usize);
        Ok(Self {
            create: function!("nvrtcCreateProgram"),
            want: function!("nvrtcAddNameExpression"),
            entry: function!("nvrtcGetLoweredName"),
            compile: function!("nvrtcCompileProgram"),
            destroy: function!("nvrtcDestroyProgram"),
            log: [function!("nvrtcGetProgramLogSize"), function!("nvrtcGetProgramLog")],
            cubin: [function!("nvrtcGetCUBINSize"), function!("nvrtcGetCUBIN")],
            ptx: [function!("nvrtcGetPTXSize"), function!("nvrtcGetPTX")],
            version: (major.unsigned_abs(), minor.unsigned_abs()),
            architectures: architectures.iter().map(|a: &c_int| a.unsigned_abs()).collect(),
            build: identity::digest_of(&path),
            path,
            _libraries: [Some(library), builtins],
        })
    }

    /// Major and minor version.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// Which build of that version it is: a digest of its file, for NVRTC does not tell its patch level.
    pub fn build(&self) -> &str {
        &self.build
    }

    /// The file that it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to compile for a card: its own machine code, or, for one that came after this NVRTC, the
    /// newest intermediate code.
    pub fn target(&self, architecture: u32) -> Target {
        let newest = self.architectures.iter().copied().filter(|known| *known <= architecture).max();
        match newest {
            Some(newest) if newest < architecture => Target::ptx(newest),
            _ => Target::cubin(architecture),
        }
    }

    /// Compiles one kernel of its source, and nothing else: that takes a tenth of a second, where all
    /// kernels of a source may take ten.
    ///
    /// # Errors
    /// [`DeviceError::Kernel`] with what the compiler said.
    pub fn compile(&self, kernel: Kernel, target: Target) -> Result<Compiled, DeviceError> {
        let compile = || {
            let function = c_string(kernel.function())?;
            let program = Program::new(self, kernel.source)?;
            program.want(&function)?;
            program.compile(target.options())?;
            let image = if target.ptx { self.ptx } else { self.cubin };
            Ok(Compiled { image: program.bytes(image)?, entry: program.entry(&function)? })
        };
        compile().map_err(|detail| DeviceError::Kernel {
            kernel: format!("{} ({target})", kernel.name),
            file: kernel.source.file(),
            detail,
        })
    }

    /// Compiles all kernels of a source.
    ///
    /// # Errors
    /// [`DeviceError::Kernel`] with what the compiler said.
    pub fn report(&self, source: Source, architecture: u32) -> Result<Report, DeviceError> {
        let target = Target::cubin(architecture);
        let compile = || {
            let program = Program::new(self, source)?;
            let functions = c_strings(source.rows(architecture).map(|row| row.function))?;
            functions.iter().try_for_each(|function| program.want(function))?;
            program.compile([target.options(), vec!["--ptxas-options=-v".into()]].concat())?;
            let entries = functions.iter().map(|function| program.entry(function)).collect::<Result<Vec<_>, _>>()?;
            let names = entries.into_iter().zip(source.rows(architecture).map(|row| row.name)).collect();
            Ok(Report { names, ptx: text(&program.bytes(self.ptx)?), log: text(&program.bytes(self.log)?) })
        };
        compile().map_err(|detail| DeviceError::Kernel { kernel: format!("({target})"), file: source.file(), detail })
    }
}

/// Loads the library of built-in functions that lies beside NVRTC, which NVRTC loads by its name alone: of a package of Python it would
/// not be found where nothing points there (Windows, and the packages of CUDA 13).
fn load_builtins(nvrtc: &Path) -> Option<Library> {
    let entries = std::fs::read_dir(nvrtc.parent().filter(|folder| !folder.as_os_str().is_empty())?).ok()?;
    let mut names = entries.flatten().map(|entry| entry.path());
    let is_builtins = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains("nvrtc-builtins") && !name.contains(".alt.")
    };
    // SAFETY: loading it runs nothing but its own initialisation.
    unsafe { Library::new(names.find(is_builtins)?) }.ok()
}

/// A source in the compiler's hands.
struct Program<'a> {
    nvrtc: &'a Nvrtc,
    handle: Handle,
}

impl<'a> Program<'a> {
    fn new(nvrtc: &'a Nvrtc, source: Source) -> Result<Self, String> {
        let (name, text) = (c_string(source.file())?, c_string(source.text())?);
        let header_names = c_strings(HEADERS.iter().map(|(name, _)| *name))?;
        let header_texts = c_strings(HEADERS.iter().map(|(_, text)| *text))?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: as many headers as stated; NVRTC copies all strings.
        let result = unsafe {
            (nvrtc.create)(
                &mut handle,
                text.as_ptr(),
                name.as_ptr(),
                HEADERS.len() as c_int,
                pointers(&header_texts).as_ptr(),
                pointers(&header_names).as_ptr(),
            )
        };
        match result {
            0 => Ok(Self { nvrtc, handle }),
            error => Err(format!("NVRTC cannot start (error {error})")),
        }
    }

    /// Asks for a kernel: an instance of a template, which is compiled only then.
    fn want(&self, name: &CStr) -> Result<(), String> {
        // SAFETY: a program that exists; NVRTC copies the name.
        match unsafe { (self.nvrtc.want)(self.handle, name.as_ptr()) } {
            0 => Ok(()),
            error => Err(format!("NVRTC does not take {name:?} (error {error})")),
        }
    }

    fn compile(&self, options: Vec<String>) -> Result<(), String> {
        let options = c_strings(options.iter().map(String::as_str))?;
        let (count, pointers) = (options.len() as c_int, pointers(&options));
        // SAFETY: a program that exists, and as many options as stated.
        match unsafe { (self.nvrtc.compile)(self.handle, count, pointers.as_ptr()) } {
            0 => Ok(()),
            error => {
                let log = text(&self.bytes(self.nvrtc.log).unwrap_or_default());
                Err(format!("NVRTC error {error}\n{}", log.trim()))
            }
        }
    }

    /// What a kernel that was asked for is called in the code.
    fn entry(&self, name: &CStr) -> Result<String, String> {
        let mut entry = std::ptr::null();
        // SAFETY: a program that exists, and a place for the answer.
        let result = unsafe { (self.nvrtc.entry)(self.handle, name.as_ptr(), &mut entry) };
        if result != 0 || entry.is_null() {
            return Err(format!("NVRTC does not know {name:?} (error {result})"));
        }
        // SAFETY: the answer is a string that lives as long as the program.
        let entry = unsafe { CStr::from_ptr(entry) };
        Ok(entry.to_string_lossy().into_owned())
    }

    /// One of the results, by the pair of functions that give its size and its bytes.
    fn bytes(&self, [size, bytes]: Getters) -> Result<Vec<u8>, String> {
        let failed = |error| format!("NVRTC does not give its result (error {error})");
        let mut len = 0usize;
        // SAFETY: the program exists; the place is a size_t.
        let result = unsafe { size(self.handle, (&raw mut len).cast()) };
        if result != 0 || len == 0 {
            return Err(failed(result));
        }
        let mut found = vec![0u8; len];
        // SAFETY: as many bytes as NVRTC wants.
        match unsafe { bytes(self.handle, found.as_mut_ptr().cast()) } {
            0 => Ok(found),
            error => Err(failed(error)),
        }
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: a program that exists; it is not used again.
        unsafe { (self.nvrtc.destroy)(&mut self.handle) };
    }
}

fn c_string(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| "a zero byte in the source".to_owned())
}

fn c_strings<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<CString>, String> {
    texts.map(c_string).collect()
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).collect()
}

/// The text before the first zero byte.
fn text(bytes: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(bytes).map(CStr::to_string_lossy);
    text.map_or(String::new(), |text| text.into_owned())
}
