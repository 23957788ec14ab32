//! The program as its users have it: started with arguments, judged by what it prints and leaves.

mod device;
mod equal_runs;
mod experiments;
mod folds;
mod predict;
mod refusals;
mod study;
mod support;
