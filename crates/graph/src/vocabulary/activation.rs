//! Functions of single values.

tunefork_names::named_enum! {
    /// A function applied to each value. The derivative of each follows from its result alone.
    pub enum Activation: "activation" {
        /// max(x, 0); the gradient at 0 is 0.
        Relu = "relu",
        /// x where x > 0, else 0.01 x.
        LeakyRelu = "leaky_relu",
        /// The hyperbolic tangent.
        Tanh = "tanh",
        /// 1 / (1 + exp(-x)).
        Sigmoid = "sigmoid",
    }
}

impl Activation {
    /// The slope of [`Activation::LeakyRelu`] at and left of zero.
    pub const LEAKY_SLOPE: f64 = 0.01;
}
