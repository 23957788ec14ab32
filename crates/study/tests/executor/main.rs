//! The executor on a synthetic workload: whatever happens to a study, its results are the same.

mod changed;
mod curve;
mod eager;
mod early_end;
mod enqueued;
mod failures;
mod goals;
mod held;
mod kill;
mod order;
mod outside;
mod pauses;
mod refusals;
mod resume;
mod simulator;
mod support;
mod time_limit;
