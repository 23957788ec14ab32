//! `kernels/gather.cu`.

use tunefork_kernels::launch::gather::Gather;
use tunefork_kernels::{DeviceMemory, Precision, StepRow};

use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[Check {
    name: "gather/images",
    run: images,
}];

/// Values are looked up, so they are right to the bit; places behind the rows stay as they were.
fn images(case: &mut Case) -> Result<(), Failure> {
    for precision in [Precision::F32, Precision::F16, Precision::Bf16] {
        let gather = Gather {
            batch: case.between(1, 5),
            pixels: case.between(1, 500),
            channels: case.one_of(&[1, 3]),
            precision,
        };
        let rows = case.between(1, gather.batch);
        let (image, count) = (gather.pixels * gather.channels, case.between(1, 9));
        let first = case.between(0, 20);
        let bytes: Vec<u8> = (0..count * image)
            .map(|_| case.between(0, 255) as u8)
            .collect();
        let indices: Vec<u32> = (0..first + gather.batch)
            .map(|_| case.between(0, count - 1) as u32)
            .collect();
        let mut tables = case.values(256 * gather.channels);
        // The numbers as they will be stored.
        let on_tables: Vec<f32> = tables.iter().map(|v| *v as f32).collect();
        Stored::new(case, precision, &mut tables)?;

        let row = StepRow {
            rows: rows as u32,
            first: first as u32,
            ..bytemuck::Zeroable::zeroed()
        };
        let row = DeviceMemory::of(&case.stream, &[row])?;
        let on_bytes = DeviceMemory::of(&case.stream, &bytes)?;
        let on_indices = DeviceMemory::of(&case.stream, &indices)?;
        let on_tables = DeviceMemory::of(&case.stream, &on_tables)?;
        let out = Stored::poisoned(case, precision, gather.batch * image)?;
        gather.run(
            &*case.stream,
            row.all(),
            on_bytes.all(),
            on_indices.all(),
            on_tables.all(),
            out.span(),
        )?;

        let found = out.read(case)?;
        for (e, found) in found.iter().enumerate() {
            let (row, place) = (e / image, e % image);
            let byte = || bytes[indices[first + row] as usize * image + place];
            let expected = match row < rows {
                true => tables[place % gather.channels * 256 + usize::from(byte())],
                false => f64::NAN,
            };
            if found.to_bits() != expected.to_bits() && !(found.is_nan() && expected.is_nan()) {
                return Err(
                    format!("{gather:?}, {rows} rows, {e}: {found}, not {expected}").into(),
                );
            }
        }
    }
    Ok(())
}
