//! Which instruction set to use.

use std::fmt;
use std::str::FromStr;

use crate::Portable;
#[cfg(target_arch = "x86_64")]
use crate::{Avx2, Avx512};

/// An instruction set that this machine has.
///
/// The variants hold tokens that can only be made where the processor has the instructions, so a
/// value of this type proves that code compiled for it may run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Isa {
    /// Plain Rust, compiled for the oldest processor of the target.
    Portable(Portable),
    /// AVX2 and FMA (Intel since Haswell 2013, AMD since Zen 2017).
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX-512 F, VL, BW and DQ (Intel servers since Skylake 2017, AMD since Zen 4 2022).
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Isa {
    /// The names of all instruction sets that there are, narrowest first.
    const NAMES: [&str; 3] = ["portable", "avx2", "avx512"];

    /// The portable instruction set, which every machine has.
    pub const PORTABLE: Self = Self::Portable(Portable);

    /// The widest instruction set that this machine has.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let widest = Avx512::new().map(Self::Avx512).or_else(|| Avx2::new().map(Self::Avx2));
            widest.unwrap_or(Self::PORTABLE)
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::PORTABLE
    }

    /// All instruction sets that this machine has, narrowest first.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let native = [Avx2::new().map(Self::Avx2), Avx512::new().map(Self::Avx512)];
        #[cfg(not(target_arch = "x86_64"))]
        let native: [Option<Self>; 0] = [];
        std::iter::once(Self::PORTABLE).chain(native.into_iter().flatten()).collect()
    }

    /// The name by which [`FromStr`] knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable(_) => Self::NAMES[0],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Self::NAMES[1],
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Self::NAMES[2],
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a name is no usable instruction set.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum IsaError {
    /// The name is not known at all.
    Unknown(String),
    /// The name is known, but this machine lacks the instructions.
    Unavailable(&'static str),
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let [portable, avx2, avx512] = Isa::NAMES;
                write!(f, "unknown instruction set `{name}`: use auto, {portable}, {avx2} or {avx512}")
            }
            Self::Unavailable(name) => {
                write!(f, "this machine lacks the instruction set {name}: use auto (which is {} here)", Isa::detect())
            }
        }
    }
}

impl std::error::Error for IsaError {}

impl FromStr for Isa {
    type Err = IsaError;

    /// Reads `auto`, `portable`, `avx2` or `avx512`.
    fn from_str(name: &str) -> Result<Self, IsaError> {
        if name == "auto" {
            return Ok(Self::detect());
        }
        if let Some(isa) = Self::available().into_iter().find(|isa| isa.name() == name) {
            return Ok(isa);
        }
        let known = Self::NAMES.into_iter().find(|known| *known == name);
        Err(known.map_or_else(|| IsaError::Unknown(name.to_owned()), IsaError::Unavailable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_set_is_found_by_its_name() {
        for isa in Isa::available() {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        assert_eq!(Some(&Isa::detect()), Isa::available().last());
        assert_eq!("auto".parse(), Ok(Isa::detect()));
        assert_eq!("portable".parse(), Ok(Isa::PORTABLE));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = "sse9".parse::<Isa>().unwrap_err();
        assert_eq!(error, IsaError::Unknown("sse9".to_owned()));
        assert!(error.to_string().contains("auto, portable, avx2 or avx512"));
    }

    #[test]
    fn a_missing_set_is_told_from_an_unknown_one() {
        for name in ["avx2", "avx512"] {
            if !Isa::available().iter().any(|isa| isa.name() == name) {
                assert_eq!(name.parse::<Isa>(), Err(IsaError::Unavailable(name)));
            }
        }
    }
}
