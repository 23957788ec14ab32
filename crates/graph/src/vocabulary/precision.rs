//! How numbers are stored.

tunefork_names::named_enum! {
    /// What activations and their gradients are stored as. Sums are always formed in f32.
    #[derive(Default)]
    pub enum Precision: "precision" {
        /// 32 bits, multiplied exactly.
        #[default]
        F32 = "f32",
        /// 32 bits, multiplied with 10 bits of mantissa on tensor cores.
        Tf32 = "tf32",
        /// 16 bits with the exponent of f32.
        Bf16 = "bf16",
        /// 16 bits with a larger mantissa and a smaller range; needs a scaled loss.
        F16 = "f16",
    }
}

impl Precision {
    /// Those that cards of an architecture (compute capability times ten) multiply in.
    pub fn of_architecture(architecture: u32) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |precision| precision.runs_on(architecture))
    }

    /// Whether cards of an architecture (compute capability times ten) multiply in it.
    pub fn runs_on(self, architecture: u32) -> bool {
        match self {
            Self::F32 | Self::F16 => true,
            Self::Tf32 | Self::Bf16 => architecture >= 80,
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
