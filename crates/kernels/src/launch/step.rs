//! The first launch of a captured step: `kernels/step.cu`.

use super::run;
use crate::shared::BEGIN_THREADS;
use crate::{Arguments, DeviceError, Source, Span, Stream};

/// Takes the next row of a table that the host has written ahead, so that a captured step finds its
/// numbers without the host. A row is a [`StepRow`](crate::StepRow) and, behind it, a
/// [`DropoutRow`](crate::DropoutRow) for each dropout.
#[derive(Clone, Copy, Debug)]
pub struct Begin {
    /// 4-byte words of a row.
    pub words: usize,
}

impl Begin {
    /// Copies row number `counter` of the table to `row` and adds one to `counter`. Behind the last row
    /// the last one is taken again.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// Unless `row` is one row, `counter` one number, and the table a whole number of rows.
    pub fn run(
        &self,
        stream: &dyn Stream,
        table: Span<'_, u32>,
        counter: Span<'_, u32>,
        row: Span<'_, u32>,
    ) -> Result<(), DeviceError> {
        assert_eq!((row.len(), counter.len()), (self.words, 1), "one row");
        assert!(
            !table.is_empty() && table.len().is_multiple_of(self.words),
            "{} words are no rows of {}",
            table.len(),
            self.words
        );
        let rows = table.len() / self.words;
        assert!(table.len() < 1 << 31, "{rows} rows");
        let arguments =
            Arguments::new().span(table).span(counter).span(row).value(self.words as u32).value(rows as u32);
        let kernel = Source::Step.kernel("step_begin");
        // SAFETY: the kernel reads one row inside of the table and writes `words` words and the counter.
        unsafe { run(stream, kernel, 1, BEGIN_THREADS as u32, 0, arguments) }
    }
}
