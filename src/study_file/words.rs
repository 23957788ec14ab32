//! Words that only a study file knows.

use tunefork_names::named_enum;

/// The source of images that are drawn, each showing one shape.
pub(crate) const GENERATED: &str = "generated";
/// The source of images without content, for measuring.
pub(crate) const NOISE: &str = "noise";

named_enum! {
    /// Channels of the images.
    pub enum Colour: "colour" {
        /// Those of the source.
        Auto = "auto",
        /// One channel of grey, whatever the source has.
        Grey = "grey",
        /// Three channels, whatever the source has: red, green, blue.
        Rgb = "rgb",
    }
}

impl Colour {
    /// How many channels that are; nothing: as many as the source has.
    pub fn channels(self) -> Option<usize> {
        match self {
            Self::Auto => None,
            Self::Grey => Some(1),
            Self::Rgb => Some(3),
        }
    }
}

named_enum! {
    /// The mean and deviation under which networks see pixels.
    pub enum Normalise: "normalisation" {
        /// Those of the training part.
        Training = "training",
        /// Mean 0 and deviation 1: pixels as they are, scaled to 0 to 1.
        None = "none",
    }
}

named_enum! {
    /// In which order the folds of a trial are trained.
    pub enum FoldOrder: "order of folds" {
        /// An epoch of each in turn.
        SideBySide = "side_by_side",
        /// All epochs of one fold, then those of the next.
        Sequential = "sequential",
    }
}

named_enum! {
    /// Over what values are normalised behind a convolution.
    pub enum NormKind: "norm" {
        /// Each channel over the batch and all pixels.
        Batch = "batch",
        /// Each image over groups of neighbouring channels and all pixels.
        Group = "group",
        /// Each image over all channels and pixels.
        Layer = "layer",
    }
}
