//! `kernels/step.cu`.

use tunefork_kernels::DeviceMemory;
use tunefork_kernels::launch::step::Begin;

use crate::{Case, Check, Failure};

pub(super) const CHECKS: &[Check] = &[Check { name: "step/begin", run: begin }];

/// A captured launch takes one row after the other, and stays at the last.
fn begin(case: &mut Case) -> Result<(), Failure> {
    let (words, rows) = (case.between(1, 200), case.between(1, 4));
    let table: Vec<u32> = (0..words * rows).map(|word| 7 + word as u32).collect();
    let on_table = DeviceMemory::of(&case.stream, &table)?;
    let counter = DeviceMemory::of(&case.stream, &[0u32])?;
    let row = DeviceMemory::new(&case.stream, 4 * words)?;
    case.stream.begin_capture()?;
    Begin { words }.run(&*case.stream, on_table.all(), counter.all(), row.all())?;
    let graph = case.stream.end_capture()?;
    for step in 0..rows + 2 {
        graph.launch()?;
        let found: Vec<u32> = row.all().read(&*case.stream)?;
        let expected = &table[step.min(rows - 1) * words..][..words];
        if found != expected {
            return Err(format!("step {step} of {rows} with {words} words: {found:?}").into());
        }
        case.digest(bytemuck::cast_slice(&found));
    }
    let count: Vec<u32> = counter.all().read(&*case.stream)?;
    if count != [rows as u32 + 2] {
        return Err(format!("the counter is {count:?} after {} steps", rows + 2).into());
    }
    Ok(())
}
