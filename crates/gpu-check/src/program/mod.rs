//! The parts of the program `gpu-check`.

pub(crate) mod checks;
pub(crate) mod floor;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod timings;
pub(crate) mod training;
