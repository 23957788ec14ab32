//! The kernels' sources, and which kernel stands in which.

/// A kernel: its file and its name there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Kernel {
    /// The file that it stands in.
    pub source: Source,
    /// The name of the function.
    pub name: &'static str,
}

macro_rules! sources {
    ($($variant:ident $file:literal $text:literal),* $(,)?) => {
        /// A file of kernels.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Source {
            $(#[doc = $text] $variant),*
        }

        impl Source {
            /// Every file of kernels there is.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Name of the file, `conv.cu` for example.
            pub fn file(self) -> &'static str {
                match self { $(Self::$variant => $file),* }
            }

            /// The CUDA source in it.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../kernels/", $file))),* }
            }

            /// A kernel of this file.
            pub const fn kernel(self, name: &'static str) -> Kernel {
                Kernel { source: self, name }
            }
        }
    };
}

sources! {
    Dropout "dropout.cu" "Dropout by itself, forward and backward.",
    Statistics "statistics.cu" "Statistics of stored tensors, for batch norms.",
    Block "block.cu" "What follows a convolution, forward.",
    BlockBackward "block_backward.cu" "What follows a convolution, backward.",
    Conv "conv.cu" "Exact convolutions.",
    FirstLayer "first_layer.cu" "Convolutions of thin images.",
    Winograd "winograd.cu" "Convolutions of 3x3 filters in f32, with fewer multiplications.",
    FirstLayerTensor "first_layer_tensor.cu" "The same on tensor cores.",
    ConvTensor "conv_tensor.cu" "Convolutions on tensor cores: forward and by the input.",
    ConvTensorWeights "conv_tensor_weights.cu" "Convolutions on tensor cores: by the weights.",
    Gather "gather.cu" "The numbers of a step, and the images of its batch.",
    Loss "loss.cu" "Softmax cross entropy.",
    Optimizer "optimizer.cu" "Updates of all parameters at once.",
    Dense "dense.cu" "Dense layers: products in f32.",
    DenseTensor "dense_tensor.cu" "Dense layers: products on tensor cores.",
    Average "average.cu" "The mean over all pixels.",
    GroupNorm "group_norm.cu" "Group norm.",
}

/// The headers that the files include, with their texts.
pub const HEADERS: &[(&str, &str)] = &[
    ("activation.cuh", include_str!("../kernels/activation.cuh")),
    ("arrivals.cuh", include_str!("../kernels/arrivals.cuh")),
    ("block.cuh", include_str!("../kernels/block.cuh")),
    ("conv_tensor.cuh", include_str!("../kernels/conv_tensor.cuh")),
    ("conv_tensor_weights.cuh", include_str!("../kernels/conv_tensor_weights.cuh")),
    ("conv.cuh", include_str!("../kernels/conv.cuh")),
    ("dense.cuh", include_str!("../kernels/dense.cuh")),
    ("device.cuh", include_str!("../kernels/device.cuh")),
    ("instructions.cuh", include_str!("../kernels/instructions.cuh")),
    ("numbers.cuh", include_str!("../kernels/numbers.cuh")),
    ("shared.cuh", include_str!("../kernels/shared.cuh")),
    ("statistics.cuh", include_str!("../kernels/statistics.cuh")),
    ("tensor.cuh", include_str!("../kernels/tensor.cuh")),
    ("vectors.cuh", include_str!("../kernels/vectors.cuh")),
];

#[cfg(test)]
mod tests {
    use super::{HEADERS, Source};

    /// A kernel that does not begin so reads what the launch before it still writes, on cards whose launches overlap.
    #[test]
    fn every_kernel_waits_for_the_launches_before() {
        let files = Source::ALL.iter().map(|source| (source.file(), source.text()));
        for (file, text) in files.chain(HEADERS.iter().copied()).filter(|(file, _)| *file != "device.cuh") {
            let exported = text.lines().filter(|line| line.trim_start().starts_with("EXPORT(")).count();
            let begun = text.matches("begin(lanes").count();
            assert_eq!(exported, begun, "{file}: kernels, and those that call `begin`");
        }
    }
}
