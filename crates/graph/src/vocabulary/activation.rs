//! Functions of single values.

tunefork_names::named_enum! {
    /// A function applied to each value.
    pub enum Activation: "activation" {
        /// max(x, 0); the gradient at 0 is 0.
        Relu = "relu",
        /// x where x > 0, else 0.01 x.
        LeakyRelu = "leaky_relu",
        /// The hyperbolic tangent.
        Tanh = "tanh",
        /// 1 / (1 + exp(-x)).
        Sigmoid = "sigmoid",
        /// x times the share of the standard normal distribution below x: x (1 + erf(x / sqrt(2))) / 2.
        Gelu = "gelu",
        /// An approximation of GELU: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
        GeluTanh = "gelu_tanh",
        /// x / (1 + exp(-x)), also called swish.
        Silu = "silu",
        /// x tanh(ln(1 + exp(x))).
        Mish = "mish",
        /// x where x > 0, else exp(x) - 1.
        Elu = "elu",
        /// x min(max(x + 3, 0), 6) / 6.
        HardSwish = "hard_swish",
    }
}

impl Activation {
    /// The slope of [`Activation::LeakyRelu`] at and left of zero.
    pub const LEAKY_SLOPE: f64 = 0.01;

    /// Whether f'(x) is a function of f(x). Then the result is all that is kept for the gradients; otherwise x is.
    pub const fn derivative_follows_from_result(self) -> bool {
        match self {
            Self::Relu | Self::LeakyRelu | Self::Tanh | Self::Sigmoid | Self::Elu => true,
            Self::Gelu | Self::GeluTanh | Self::Silu | Self::Mish | Self::HardSwish => false,
        }
    }

    /// Whether a larger x never gives a smaller f(x), so that the largest value of a window can be found before the
    /// function is applied.
    pub const fn is_monotone(self) -> bool {
        match self {
            Self::Relu | Self::LeakyRelu | Self::Tanh | Self::Sigmoid | Self::Elu => true,
            Self::Gelu | Self::GeluTanh | Self::Silu | Self::Mish | Self::HardSwish => false,
        }
    }
}
