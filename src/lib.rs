//! Tunes convolutional image classifiers: from a study file to a model, a study and a report.
//!
//! A study goes like this:
//!
//! 1. [`study_file::StudyFile`] is the file as it was written, each setting with its place.
//! 2. [`StudySpec`] is what it means: a search space, and a [`Config`] for each of its points.
//! 3. [`Material`] holds the images, divided into training, validation and test parts.
//! 4. [`run`] lets a study propose configurations and [`Training`] train them, and keeps the
//!    [`RunFolder`] in step; [`train`](fn@train) trains a single configuration.
//! 5. [`read_study`], [`predict`](fn@predict) and [`evaluate`](fn@evaluate) look at what came out; [`export_model`] hands it to other programs.
//!
//! ```no_run
//! use tunefork::study_file::StudyFile;
//! use tunefork::{DeviceChoice, Machine, RunFolder, RunOptions, StudySpec, run};
//!
//! let file = StudyFile::read("studies/quickstart.toml".as_ref())?;
//! let spec = StudySpec::resolve(&file)?;
//! let machine = Machine::new(DeviceChoice::Auto, "auto", None)?;
//! let report = run(&spec, &RunOptions::new(RunFolder::new("runs/quickstart"), machine), &mut ())?;
//! println!("best: trial {:?}", report.outcome.best);
//! # Ok::<(), tunefork::Error>(())
//! ```
//!
//! The crates that do the work are offered under their short names, [`study`], [`train`](mod@train)
//! and so on; each can be used alone.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod ask_tell;
mod bench;
mod blame;
mod doctor;
mod error;
mod evaluate;
mod files;
mod images;
mod machine;
mod models;
mod pictures;
mod plan;
mod predict;
mod resolve;
mod run;
mod run_folder;
mod sets;
mod space_file;
pub mod study_file;
mod tracking;
mod train_once;
mod workload;

pub use ask_tell::{AskTell, AskTellOptions};
pub use bench::{BenchOptions, BenchResult, WINDOWS, bench};
pub use doctor::{
    CardFound, Checkup, CheckupOptions, CompilerFound, DataFound, GpuFound, MemoryFound, ProcessorFound, RunsFound,
    SetFound, ThreadsFound, Variable,
};
pub use error::Error;
pub use evaluate::{ModelEvaluation, evaluate};
pub use images::{Division, Material};
pub use machine::{DeviceChoice, Machine};
pub use models::{ExportAs, ModelFormat, export_model, find_model, read_model};
pub use plan::{CardRoom, Concurrency, PlannedExperiment, StudyPlan, StudyTime};
pub use predict::{Prediction, Predictions, predict};
pub use resolve::{Config, Constant, Experiment, ExperimentRun, StudySpec};
pub use run::{Listener, Report, RunOptions, run};
pub use run_folder::{
    ReportFormat, RunFolder, StudyFormat, TestResult, TestedMember, damaged, export_study, read_study, show_json,
    study_notes, write_report,
};
pub use sets::{SetFetched, fetch_set, find_set};
pub use space_file::read_space;
pub use tracking::Tracking;
pub use train_once::{TrainEvent, TrainOptions, Trained, train};
pub use workload::{Training, TrainingRun, model, task};

pub use tunefork_data as data;
pub use tunefork_download as download;
pub use tunefork_export as export;
pub use tunefork_names as names;
pub use tunefork_nn as nn;
pub use tunefork_report as report;
pub use tunefork_rng as rng;
pub use tunefork_sampler as sampler;
pub use tunefork_scheduler as scheduler;
pub use tunefork_space as space;
pub use tunefork_storage as storage;
pub use tunefork_study as study;
pub use tunefork_track as track;
pub use tunefork_train as train;
pub use tunefork_trial as trial;
