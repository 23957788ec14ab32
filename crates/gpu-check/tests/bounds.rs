//! Kernels count values in 31 bits: launchers refuse tensors that have more. Memory for them is only reserved.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tunefork_emulator::{Host, Schedule};
use tunefork_kernels::launch::COUNTERS;
use tunefork_kernels::launch::average::Average;
use tunefork_kernels::launch::block::Add;
use tunefork_kernels::launch::conv::DataGradient;
use tunefork_kernels::launch::dropout::Dropout;
use tunefork_kernels::launch::gather::{Gather, Table};
use tunefork_kernels::launch::group_norm::{GroupNorm, Parameters};
use tunefork_kernels::launch::loss::Loss;
use tunefork_kernels::{Call, Conv2d, DeviceError, DeviceMemory, Precision, Span, StepRow, Stream, watched};

/// A number of values of 16 bits that is one too large, as so many images of so many pixels.
const IMAGES: usize = 1 << 10;
const PIXELS: usize = 1 << 21;
const F16: Precision = Precision::F16;

/// Whether a launcher panics, rather than starts its kernel.
fn refuses(launch: impl FnOnce() -> Result<(), DeviceError>) -> bool {
    catch_unwind(AssertUnwindSafe(launch)).is_err()
}

#[test]
fn launchers_refuse_more_values_than_31_bits_count() {
    let stream = Host::stream(80, Schedule::RoundRobin);
    // Those that are not refused are not run either.
    let stream: Arc<dyn Stream> = watched(&stream, |call| match call {
        Call::Launch(launch) => Err(DeviceError::Failed(launch.kernel.name.into())),
        _ => Ok(()),
    });
    let memory = DeviceMemory::new(&stream, 2 * IMAGES * PIXELS).expect("address space");
    let other = DeviceMemory::new(&stream, 2 * IMAGES * PIXELS).expect("address space");
    let small = DeviceMemory::new(&stream, 1 << 20).expect("memory");
    let (all, other): (Span<'_, u8>, Span<'_, u8>) = (memory.all(), other.all());
    fn some<T: bytemuck::Pod>(small: &DeviceMemory, count: usize) -> Span<'_, T> {
        small.all::<u8>().part(0..count * size_of::<T>()).cast()
    }
    let (step, stream) = (some(&small, 1), &*stream);

    let average = Average { batch: IMAGES, pixels: PIXELS, channels: 1, precision: F16 };
    let means = some(&small, 2 * IMAGES);
    assert!(refuses(|| average.forward(stream, step, all, means)));
    assert!(refuses(|| average.backward(stream, step, means, all, false)));
    let dropout = Dropout { layer: 0, batch: IMAGES, elements: PIXELS, precision: F16 };
    assert!(refuses(|| dropout.run(stream, step, some(&small, 1), all, other, false)));
    let add = Add { batch: IMAGES, elements: PIXELS, precision: F16 };
    assert!(refuses(|| add.run(stream, step, all, other, false)));
    let loss = Loss { batch: PIXELS, classes: IMAGES, precision: F16 };
    let (weights, labels) = (some(&small, IMAGES), some(&small, 1));
    let (scale, records) = (some(&small, 1), some(&small, 1));
    assert!(refuses(|| loss.run(stream, step, scale, all, some(&small, 1), labels, weights, None, records)));
    let gather = Gather { batch: 1 << 7, height: 1 << 12, width: 1 << 12, channels: 1, precision: F16 };
    let (images, tables) = (all.part(0..1 << 24), some(&small, 256));
    let words = size_of::<StepRow>() / 4;
    let table = Table {
        rows: some(&small, words),
        progress: some(&small, 1),
        row: some(&small, words),
        counters: some(&small, COUNTERS),
    };
    assert!(refuses(|| gather.run(stream, table, images, some(&small, 1), tables, some(&small, 1), all)));
    let norm = GroupNorm { batch: IMAGES, pixels: PIXELS, channels: 1, groups: 1, precision: F16 };
    let parameters = Parameters { scale: some(&small, 1), shift: some(&small, 1) };
    let statistics = some(&small, norm.statistics_len());
    assert!(refuses(|| norm.forward(stream, step, all, parameters, other, statistics)));
    let conv = Conv2d {
        batch: IMAGES,
        height: 1 << 10,
        width: 1 << 10,
        channels: 2,
        filters: 2,
        kernel: 1,
        stride: 1,
        padding: 0,
    };
    let gradient = DataGradient { conv, precision: F16 };
    assert!(refuses(|| gradient.run(stream, step, all, some(&small, 8), other, false, None)));
}
