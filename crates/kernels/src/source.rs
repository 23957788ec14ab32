//! The kernels' sources, and which kernel stands in which.

/// A kernel: its file and its name in the table at the file's end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Kernel {
    /// The file that it stands in.
    pub source: Source,
    /// The name that its row begins with.
    pub name: &'static str,
}

impl Kernel {
    /// The function behind the name, as the source calls it: `block_sums<f16, 8, PLAIN>`. A kernel without a row is called by
    /// its name.
    pub fn function(self) -> &'static str {
        let row = self.source.rows(u32::MAX).find(|row| row.name == self.name);
        row.map_or(self.name, |row| row.function)
    }
}

/// A row of the table at the end of a file: `INSTANCE(name, function)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// What the host calls the kernel.
    pub name: &'static str,
    /// What the source calls it: a function, or an instance of a template.
    pub function: &'static str,
}

macro_rules! sources {
    ($($variant:ident $file:literal $text:literal),* $(,)?) => {
        /// A file of kernels.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Source {
            $(#[doc = $text] $variant,)*
            /// A file of `kernels/plain`.
            Plain(&'static PlainFile),
        }

        impl Source {
            /// Every file of kernels that training runs.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Name of the file, `conv.cu` for example.
            pub fn file(self) -> &'static str {
                match self { $(Self::$variant => $file,)* Self::Plain(plain) => plain.file }
            }

            /// The CUDA source in it.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../kernels/", $file)),)*
                    Self::Plain(plain) => plain.text,
                }
            }

            /// The kernels that there are for an architecture (75, 86): what stands behind `#if ARCH >= 800` is for those
            /// from 80 on.
            pub fn rows(self, architecture: u32) -> impl Iterator<Item = Row> {
                let mut from = 0;
                let table = self.text().lines().skip_while(|line| !line.starts_with("BLOCKS_OF("));
                table.filter_map(move |line| {
                    match line.strip_prefix("#if ARCH >= ") {
                        Some(least) => from = least.parse().unwrap_or(u32::MAX) / 10,
                        None if line == "#endif" => from = 0,
                        None => {}
                    }
                    let row = line.strip_prefix("INSTANCE(").filter(|_| architecture >= from)?;
                    let (name, function) = row.strip_suffix(')')?.split_once(", ")?;
                    Some(Row { name, function })
                })
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

/// A file of kernels that show what the fast ones of a family compute, one thread a result. Nothing but
/// [`launch::plain`](crate::launch::plain) refers to their texts, so that a program that does not use it is without them.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PlainFile {
    file: &'static str,
    text: &'static str,
}

macro_rules! plain {
    ($file:literal) => {
        Self::Plain(&PlainFile {
            file: concat!("plain/", $file),
            text: include_str!(concat!("../kernels/plain/", $file)),
        })
    };
}

impl Source {
    /// Every file of plain kernels.
    pub const PLAIN: &[Self] =
        &[Self::PLAIN_BLOCK, Self::PLAIN_CONV, Self::PLAIN_DENSE, Self::PLAIN_GROUP_NORM, Self::PLAIN_LOSS];
    pub(crate) const PLAIN_BLOCK: Self = plain!("block.cu");
    pub(crate) const PLAIN_CONV: Self = plain!("conv.cu");
    pub(crate) const PLAIN_DENSE: Self = plain!("dense.cu");
    pub(crate) const PLAIN_GROUP_NORM: Self = plain!("group_norm.cu");
    pub(crate) const PLAIN_LOSS: Self = plain!("loss.cu");
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
    ("optimizer.cuh", include_str!("../kernels/optimizer.cuh")),
    ("overflow.cuh", include_str!("../kernels/overflow.cuh")),
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
            let begun = text.matches("begin(lanes").count();
            assert_eq!(text.matches("GLOBAL(").count(), begun, "{file}: kernels, and those that call `begin`");
        }
        for plain in Source::PLAIN {
            let waiting = plain.text().matches("wait_for_launches_before();").count();
            assert_eq!(
                plain.text().matches("GLOBAL(").count(),
                waiting,
                "{}: plain kernels, and those that wait",
                plain.file()
            );
        }
    }

    #[test]
    fn rows_behind_a_condition_are_for_later_architectures() {
        let names = |source: Source, architecture| source.rows(architecture).map(|row| row.name).collect::<Vec<_>>();
        let plain = names(Source::PLAIN_DENSE, 75);
        assert_eq!(plain, ["plain_dense_forward", "plain_dense_data_gradient", "plain_dense_weight_gradient"]);
        let dense = [75, 86].map(|architecture| names(Source::DenseTensor, architecture).len());
        assert_eq!(dense, [4, 12], "bf16 and tf32 from sm_80 on");
        let kernel = Source::BlockBackward.kernel("block_sums_plain_scalar_f16");
        assert_eq!(kernel.function(), "block_sums<f16, 1, PLAIN>");
    }
}
