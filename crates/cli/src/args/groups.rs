//! What several commands take.

use std::path::PathBuf;

use clap::Args;
use tunefork::DeviceChoice;
use tunefork::track::Place;
use tunefork::train::Precision;

use crate::values::{at_least_one, device, mlflow_place, precision};

/// What all commands take that look for a data set.
#[derive(Debug, Args)]
pub(crate) struct DataDirArgs {
    /// Where data sets lie [default: TUNEFORK_DATA, else data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What all commands take that read a study.
#[derive(Debug, Args)]
#[command(next_help_heading = "Study file")]
pub(crate) struct StudyArgs {
    /// The study file
    #[arg(value_name = "STUDY.toml", help_heading = None::<&str>)]
    pub file: PathBuf,
    /// Change settings of the file; values are written as there
    #[arg(long, value_name = "KEY=VALUE ...")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub data: DataDirArgs,
    /// Arithmetic of the engine; all but f32 on a GPU alone [default: the file's, f32]
    #[arg(long, value_name = "PRECISION", value_parser = precision())]
    pub precision: Option<Precision>,
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// What the commands take that leave something.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub(crate) struct ResultsArgs {
    /// Where results go [default: runs/ and the name of the study]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// In which other programs a study is followed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tracking")]
pub(crate) struct TrackingArgs {
    /// Write TensorBoard's event files into the folder `tensorboard` of the run folder: every trial with its curves, and all
    /// of them in the tab HParams
    ///
    /// To look at them, also while the study runs: tensorboard --logdir runs/STUDY-NAME/tensorboard
    #[arg(long)]
    pub tensorboard: bool,
    /// Keep runs of MLflow in step, one for the study and one below it for each trial: on a tracking server, as
    /// http://127.0.0.1:5000, or in a folder, as mlruns
    ///
    /// A server that is slow or away slows no trial; what it missed is sent later, also by the same command again. Who asks is said
    /// by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or by MLFLOW_TRACKING_TOKEN.
    #[arg(long, value_name = "URL_OR_FOLDER", value_parser = mlflow_place())]
    pub mlflow: Option<Place>,
}

/// What a command runs on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// What computes
    #[arg(long, value_parser = device(), default_value_t = DeviceChoice::Auto)]
    pub device: DeviceChoice,
    /// CPU threads in all; changes nothing but the speed [default: one per core]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// Instruction set: auto, portable, avx2, avx512; the last bits of results depend on it
    #[arg(long, value_name = "ISA", default_value = "auto")]
    pub isa: String,
}
