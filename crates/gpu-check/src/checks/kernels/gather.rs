//! `kernels/gather.cu`.

use tunefork_data::{Augmentation, Image, Normalisation};
use tunefork_kernels::launch::gather::{Gather, Table, Transform};
use tunefork_kernels::{DeviceMemory, Precision, Progress, StepRow};

use super::common::{check_counters, counters};
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "gather/images", run: images },
    Check { name: "gather/changed", run: changed },
    Check { name: "gather/steps", run: steps },
];

/// A table of steps on the device.
pub(super) struct Steps {
    rows: DeviceMemory,
    progress: DeviceMemory,
    row: DeviceMemory,
    counters: DeviceMemory,
}

impl Steps {
    pub(super) fn new(case: &Case, rows: &[StepRow]) -> Result<Self, Failure> {
        let steps = rows.len() as u32;
        Ok(Self {
            rows: DeviceMemory::of(&case.stream, rows)?,
            progress: DeviceMemory::of(&case.stream, &[Progress { next: 0, steps }])?,
            row: DeviceMemory::of(&case.stream, &[StepRow::default()])?,
            counters: counters(case)?,
        })
    }

    pub(super) fn table(&self) -> Table<'_> {
        Table {
            rows: self.rows.all(),
            progress: self.progress.all(),
            row: self.row.all(),
            counters: self.counters.all(),
        }
    }
}

/// A launch: the batch is images `indices[first..]`.
struct Input {
    gather: Gather,
    rows: usize,
    first: usize,
    bytes: Vec<u8>,
    indices: Vec<u32>,
    /// One for each of the indices, or none.
    transforms: Vec<Transform>,
    mixing: f32,
}

impl Input {
    fn draw(case: &mut Case, precision: Precision) -> Self {
        let gather = Gather {
            batch: case.between(1, 5),
            height: case.between(1, 23),
            width: case.between(1, 23),
            channels: case.one_of(&[1, 3]),
            precision,
        };
        let image = gather.height * gather.width * gather.channels;
        let (count, first) = (case.between(1, 9), case.between(0, 20));
        Self {
            rows: case.between(1, gather.batch),
            first,
            bytes: (0..count * image).map(|_| case.between(0, 255) as u8).collect(),
            indices: (0..first + gather.batch).map(|_| case.between(0, count - 1) as u32).collect(),
            transforms: Vec::new(),
            mixing: 0.0,
            gather,
        }
    }

    fn image(&self) -> usize {
        self.gather.height * self.gather.width * self.gather.channels
    }

    /// The bytes of the image in a row of the batch.
    fn pixels(&self, row: usize) -> &[u8] {
        let index = self.indices[self.first + row] as usize;
        &self.bytes[index * self.image()..][..self.image()]
    }

    /// All values of the batch.
    fn run(&self, case: &mut Case, tables: &[f32]) -> Result<Vec<f64>, Failure> {
        let Gather { batch, precision, .. } = self.gather;
        let row = StepRow {
            rows: self.rows as u32,
            first: self.first as u32,
            changed: u32::from(!self.transforms.is_empty()),
            mixing: self.mixing,
            ..bytemuck::Zeroable::zeroed()
        };
        let mut transforms = self.transforms.clone();
        if transforms.is_empty() {
            transforms.push(bytemuck::Zeroable::zeroed());
        }
        let steps = Steps::new(case, &[row])?;
        let bytes = DeviceMemory::of(&case.stream, &self.bytes)?;
        let indices = DeviceMemory::of(&case.stream, &self.indices)?;
        let tables = DeviceMemory::of(&case.stream, tables)?;
        let transforms = DeviceMemory::of(&case.stream, &transforms)?;
        let out = Stored::poisoned(case, precision, batch * self.image())?;
        self.gather.run(
            &*case.stream,
            steps.table(),
            bytes.all(),
            indices.all(),
            tables.all(),
            transforms.all(),
            out.span(),
        )?;
        out.read(case)
    }

    /// An error unless the real rows are these values, to the bit, and the places behind them untouched.
    fn compare(&self, found: &[f64], expected: &[f64]) -> Result<(), Failure> {
        for (e, found) in found.iter().enumerate() {
            let expected = expected.get(e).copied().unwrap_or(f64::NAN);
            if *found != expected && !(found.is_nan() && expected.is_nan()) {
                let (gather, rows, mixing) = (&self.gather, self.rows, self.mixing);
                let change = self.transforms.get(self.first + e / self.image());
                return Err(format!(
                    "{gather:?}, {rows} rows, mixing {mixing}, {change:?}: value {e} is {found}, not {expected}"
                )
                .into());
            }
        }
        Ok(())
    }
}

/// Values are looked up, so they are right to the bit.
fn images(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let input = Input::draw(case, precision);
        let channels = input.gather.channels;
        let mut tables = case.values(256 * channels);
        let on_tables: Vec<f32> = tables.iter().map(|v| *v as f32).collect();
        // The numbers as they will be stored.
        Stored::new(case, precision, &mut tables)?;
        let found = input.run(case, &on_tables)?;
        let value = |(place, byte): (usize, &u8)| tables[place % channels * 256 + usize::from(*byte)];
        let rows = (0..input.rows).map(|row| input.pixels(row));
        let expected: Vec<f64> = rows.flat_map(|pixels| pixels.iter().enumerate().map(value)).collect();
        input.compare(&found, &expected)?;
    }
    Ok(())
}

/// Changed and mixed images are those of the host, to the bit.
fn changed(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let mut input = Input::draw(case, precision);
        let Gather { height, width, channels, .. } = input.gather;
        let shape = Image::new(height, width, channels);
        let strength = |case: &mut Case, most: f64| case.one_of(&[0.0, 0.5, 1.0]) * most;
        let augmentation = Augmentation {
            flip: strength(case, 1.0),
            crop: case.between(0, 3) as u32,
            rotate: strength(case, 180.0),
            cutout: case.between(0, 9) as u32,
            brightness: strength(case, 0.5),
            contrast: strength(case, 0.5),
        };
        let key = [case.between(0, 1 << 30) as u32, 1];
        let draws: Vec<_> =
            (0..).zip(&input.indices).map(|(epoch, image)| augmentation.draw(shape, key, epoch, *image)).collect();
        input.transforms = draws
            .iter()
            .map(|draw| Transform {
                column: draw.column,
                row: draw.row,
                gain: draw.gain,
                offset: draw.offset,
                erased: draw.erased,
            })
            .collect();
        input.mixing = case.one_of(&[0.0, 0.3]);

        let mean: Vec<f32> = (0..channels).map(|_| case.between(1, 9) as f32 / 10.0).collect();
        let normalisation = Normalisation::new(&mean, &mean)?;
        let tables: Vec<f32> = (0..channels).flat_map(|channel| normalisation.table(channel).to_vec()).collect();
        let found = input.run(case, &tables)?;

        let image = input.image();
        let mut rows = vec![0.0; input.rows * image];
        for (row, values) in rows.chunks_mut(image).enumerate() {
            normalisation.apply_changed(&draws[input.first + row], input.pixels(row), shape, values);
        }
        let share = input.mixing;
        let mixed = |e: usize| match share > 0.0 {
            true => (1.0 - share) * rows[e] + share * rows[(e + image) % rows.len()],
            false => rows[e],
        };
        let mut expected: Vec<f64> = (0..rows.len()).map(|e| f64::from(mixed(e))).collect();
        // The numbers as they will be stored.
        Stored::new(case, precision, &mut expected)?;
        input.compare(&found, &expected)?;
    }
    Ok(())
}

/// A captured launch takes one row after the other, each with its images; behind the last one the step has none, and
/// nothing is written.
fn steps(case: &mut Case) -> Result<(), Failure> {
    let gather = Gather { batch: 3, height: 40, width: 30, channels: 1, precision: Precision::F32 };
    let (image, count) = (40 * 30, case.between(1, 4));
    let rows: Vec<StepRow> = (0..count as u32)
        .map(|number| StepRow { rows: 1 + number % 3, first: number, record: number, ..StepRow::default() })
        .collect();
    let bytes: Vec<u8> = (0..7 * image).map(|e| (e / image) as u8).collect();
    let indices: Vec<u32> = (0..count as u32 + 3).map(|number| number % 7).collect();
    let tables: Vec<f32> = (0..256u16).map(f32::from).collect();
    let on_device = Steps::new(case, &rows)?;
    let (bytes, indices) = (DeviceMemory::of(&case.stream, &bytes)?, DeviceMemory::of(&case.stream, &indices)?);
    let tables = DeviceMemory::of(&case.stream, &tables)?;
    let transforms = DeviceMemory::of(&case.stream, &[<Transform as bytemuck::Zeroable>::zeroed()])?;
    let out = Stored::poisoned(case, Precision::F32, 3 * image)?;
    case.stream.begin_capture()?;
    let table = on_device.table();
    gather.run(&*case.stream, table, bytes.all(), indices.all(), tables.all(), transforms.all(), out.span())?;
    let graph = case.stream.end_capture()?;
    let mut before = out.read(case)?;
    for step in 0..count + 2 {
        graph.launch()?;
        let expected = rows.get(step).copied().unwrap_or_default();
        let found: Vec<StepRow> = on_device.row.all().read(&*case.stream)?;
        let progress: Vec<Progress> = on_device.progress.all().read(&*case.stream)?;
        let next = (step + 1).min(count) as u32;
        if found != [expected] || progress != [Progress { next, steps: count as u32 }] {
            return Err(format!("step {step} of {count}: {found:?}, {progress:?}").into());
        }
        for row in 0..expected.rows as usize {
            before[row * image..][..image].fill(((step + row) % 7) as f64);
        }
        let values = out.read(case)?;
        let same = values.iter().zip(&before).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        if !same {
            return Err(format!("step {step} of {count}: other images").into());
        }
    }
    check_counters(case, &on_device.counters)
}
