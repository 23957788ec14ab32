//! Places beyond 4 GiB, wherever a kernel goes to one by a number from memory: images, transforms, the list of a batch,
//! records, the rows of a table, and the last label, which lies just before. Everything else is walked from its beginning, in tensors of fewer than 2^31
//! values, which the launchers see to. Of the memory little is touched: the emulator only reserves it. A card that has
//! not so much passes.

use bytemuck::Pod;
use tunefork_kernels::launch::gather::{Gather, Table, Transform};
use tunefork_kernels::launch::loss::{Loss, LossScale, Record};
use tunefork_kernels::{DeviceError, DeviceMemory, Precision, Progress, Span, StepRow};

use super::common::counters;
use super::gather::Steps;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "far/image", run: |case| gathered(case, Far::Image) },
    Check { name: "far/entry", run: |case| gathered(case, Far::Entry) },
    Check { name: "far/transform", run: |case| gathered(case, Far::Transform) },
    Check { name: "far/label", run: |case| judged(case, Far::Image) },
    Check { name: "far/labels_entry", run: |case| judged(case, Far::Entry) },
    Check { name: "far/record", run: |case| judged(case, Far::Record) },
    Check { name: "far/row", run: row },
];

/// More than 32 bits of bytes.
const FAR: usize = (1 << 32) + (1 << 20);

#[derive(Clone, Copy, PartialEq, Debug)]
enum Far {
    Image,
    Entry,
    Transform,
    Record,
}

/// How many values there are: some, or so many that the last lie far.
fn count<T>(far: bool) -> usize {
    if far { FAR.div_ceil(size_of::<T>()) } else { 40 }
}

/// Memory for so many values; none where the device has not so much.
fn memory<T>(case: &Case, count: usize) -> Result<Option<DeviceMemory>, Failure> {
    match DeviceMemory::new(&case.stream, count * size_of::<T>()) {
        Ok(memory) => Ok(Some(memory)),
        Err(DeviceError::OutOfMemory(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes the last values, and what a number of 32 bits would find: the same place modulo 4 GiB.
fn write<T: Pod>(case: &Case, all: Span<'_, T>, at: usize, values: &[T], wrong: T) -> Result<(), Failure> {
    let stream = &*case.stream;
    let turn = (1usize << 32) / size_of::<T>();
    for wrong_at in (0..values.len()).filter_map(|i| (at + i).checked_sub(turn)) {
        all.part(wrong_at..wrong_at + 1).write(stream, &[wrong])?;
    }
    Ok(all.part(at..at + values.len()).write(stream, values)?)
}

/// The two last images of a set, the two last numbers of a list, or what happens to them.
fn gathered(case: &mut Case, far: Far) -> Result<(), Failure> {
    const IMAGE: usize = 12;
    let rows = 2;
    let images = count::<[u8; IMAGE]>(far == Far::Image);
    let entries = match far {
        Far::Transform => count::<Transform>(true),
        _ => count::<u32>(far == Far::Entry),
    };
    let transforms = if far == Far::Transform { entries } else { 40 };
    let Some(on_images) = memory::<[u8; IMAGE]>(case, images)? else { return Ok(()) };
    let Some(on_entries) = memory::<u32>(case, entries)? else { return Ok(()) };
    let Some(on_transforms) = memory::<Transform>(case, transforms)? else { return Ok(()) };
    let pixels: Vec<u8> = (1..=(rows * IMAGE) as u8).collect();
    write(case, on_images.all(), (images - rows) * IMAGE, &pixels, 99)?;
    let numbers = [images as u32 - 1, images as u32 - 2];
    write(case, on_entries.all(), entries - rows, &numbers, 0)?;
    // One pixel to the right, from row to row.
    let moved =
        Transform { column: [1 << 16, 0, 1 << 16], row: [0, 1 << 16, 0], gain: 1.0, offset: 0.0, erased: [0; 4] };
    let still = Transform { column: [1 << 16, 0, 0], ..moved };
    let changed = far == Far::Transform;
    write(case, on_transforms.all(), transforms - rows, &[moved; 2], still)?;
    let row =
        StepRow { rows: rows as u32, first: (entries - rows) as u32, changed: changed.into(), ..StepRow::default() };
    let steps = Steps::new(case, &[row])?;
    let tables: Vec<f32> = (0..256).map(|byte| byte as f32).collect();
    let tables = DeviceMemory::of(&case.stream, &tables)?;
    let out = Stored::poisoned(case, Precision::F32, rows * IMAGE)?;
    Gather { batch: rows, height: 3, width: 4, channels: 1, precision: Precision::F32 }.run(
        &*case.stream,
        steps.table(),
        on_images.all(),
        on_entries.all(),
        tables.all(),
        on_transforms.all(),
        out.span(),
    )?;
    let pixel = |e: usize| match (changed, e % 4) {
        (true, 3) => 0.0,
        (moved, _) => f64::from(pixels[(rows - 1 - e / IMAGE) * IMAGE + e % IMAGE + usize::from(moved)]),
    };
    let expected: Vec<f64> = (0..rows * IMAGE).map(pixel).collect();
    let found = out.read(case)?;
    case.equal(&format!("{far:?} of {images} images, {entries} entries"), &found, &expected)
}

/// The label of the last image, by the last number of a list, or the last record.
fn judged(case: &mut Case, far: Far) -> Result<(), Failure> {
    let rows = 2;
    let (labels, entries) = (count::<u16>(far == Far::Image).min((1 << 31) - 1), count::<u32>(far == Far::Entry));
    let records = count::<Record>(far == Far::Record);
    let Some(on_labels) = memory::<u16>(case, labels)? else { return Ok(()) };
    let Some(on_entries) = memory::<u32>(case, entries)? else { return Ok(()) };
    let Some(on_records) = memory::<Record>(case, records)? else { return Ok(()) };
    write(case, on_labels.all(), labels - rows, &[1, 2], 0u16)?;
    write(case, on_entries.all(), entries - rows, &[labels as u32 - 1, labels as u32 - 2], 0)?;
    let row = StepRow { rows: 2, first: (entries - rows) as u32, record: records as u32 - 1, ..StepRow::default() };
    let row = DeviceMemory::of(&case.stream, &[row])?;
    let scale = DeviceMemory::of(&case.stream, &[LossScale::initial(Precision::F32)])?;
    let weights = DeviceMemory::of(&case.stream, &[1f32; 3])?;
    let logits = Stored::new(case, Precision::F32, &mut [0.0, 0.0, 1.0, 0.0, 1.0, 0.0])?;
    Loss { batch: rows, classes: 3, precision: Precision::F32 }.run(
        &*case.stream,
        row.all(),
        scale.all(),
        logits.span(),
        on_entries.all(),
        on_labels.all(),
        weights.all(),
        None,
        on_records.all(),
    )?;
    let found: Vec<Record> = on_records.all().part(records - 1..records).read(&*case.stream)?;
    case.digest(bytemuck::cast_slice(&found));
    match found[0].correct {
        2 => Ok(()),
        correct => Err(format!("{far:?} of {labels} labels, {entries} entries: {correct} of 2 correct").into()),
    }
}

/// The last row of a table.
fn row(case: &mut Case) -> Result<(), Failure> {
    let words = 50;
    let rows = FAR / 4 / words;
    let Some(table) = memory::<u32>(case, rows * words)? else { return Ok(()) };
    // One image, and numbers behind the step's own that mean nothing to the kernel.
    let step = StepRow { rows: 1, record: 5, ..StepRow::default() };
    let mut last: Vec<u32> = bytemuck::cast_slice(&[step]).to_vec();
    last.extend(7..7 + (words - last.len()) as u32);
    write(case, table.all(), (rows - 1) * words, &last, 1)?;
    let progress = DeviceMemory::of(&case.stream, &[Progress { next: rows as u32 - 1, steps: rows as u32 }])?;
    let (to, counters) = (DeviceMemory::new(&case.stream, 4 * words)?, counters(case)?);
    let table = Table { rows: table.all(), progress: progress.all(), row: to.all(), counters: counters.all() };
    let images = DeviceMemory::of(&case.stream, &[0u8; 4])?;
    let (indices, tables) = (DeviceMemory::of(&case.stream, &[0u32])?, DeviceMemory::of(&case.stream, &[0f32; 256])?);
    let transforms = DeviceMemory::of(&case.stream, &[<Transform as bytemuck::Zeroable>::zeroed()])?;
    let out = Stored::poisoned(case, Precision::F32, 4)?;
    let gather = Gather { batch: 1, height: 2, width: 2, channels: 1, precision: Precision::F32 };
    gather.run(&*case.stream, table, images.all(), indices.all(), tables.all(), transforms.all(), out.span())?;
    let found: Vec<u32> = to.all().read(&*case.stream)?;
    case.digest(bytemuck::cast_slice(&found));
    match found == last {
        true => Ok(()),
        false => Err(format!("row {} of {words} words: {found:?}", rows - 1).into()),
    }
}
