//! How numbers are stored.

/// What activations and their gradients are stored as. Sums are always formed in f32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Precision {
    /// 32 bits, multiplied exactly.
    #[default]
    F32,
    /// 32 bits, multiplied with 10 bits of mantissa on tensor cores (from sm_80).
    Tf32,
    /// 16 bits with the exponent of f32 (from sm_80).
    Bf16,
    /// 16 bits with a larger mantissa and a smaller range; needs a scaled loss.
    F16,
}

impl Precision {
    /// Those that cards of an architecture (compute capability times ten) can multiply in.
    pub fn of_architecture(architecture: u32) -> &'static [Self] {
        match architecture {
            ..80 => &[Self::F32, Self::F16],
            _ => &[Self::F32, Self::Tf32, Self::Bf16, Self::F16],
        }
    }

    /// Bytes of a stored number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::Tf32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    /// One of three names, by what is stored: how kernels are told apart.
    pub fn pick<T>(self, f32: T, f16: T, bf16: T) -> T {
        match self {
            Self::F32 | Self::Tf32 => f32,
            Self::F16 => f16,
            Self::Bf16 => bf16,
        }
    }
}
