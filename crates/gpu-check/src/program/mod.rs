//! The parts of the program `gpu-check`.

pub mod checks;
pub mod floor;
pub mod options;
pub mod report;
pub mod timings;
pub mod training;
