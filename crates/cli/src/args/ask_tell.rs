//! What can be typed of `tunefork ask-tell`.

use std::path::PathBuf;

use clap::Args;
use tunefork::sampler::SamplerKind;
use tunefork::scheduler::SchedulerKind;
use tunefork::trial::Direction;

use crate::values::{direction, sampler, scheduler};

/// Propose parameters to a program in any language, by lines of JSON.
///
/// One line of output for each line of input, until the input ends:
///
///   {"ask":{}}                                    {"trial":3,"params":{"x":0.5}}
///   {"report":{"trial":3,"step":1,"value":0.8}}   {"stop":false}
///   {"tell":{"trial":3,"value":0.83}}             {"ok":true}
///
/// Several trials may be open at once; {"tell":{"trial":3,"state":"fail"}} ends one without a value, and {"error":"..."} answers what is wrong.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
A file of a space:
  [space]
  learning_rate = { log = [1e-5, 1e-1] }
  layers = { int = [1, 4] }
  optimizer = { choice = [\"sgd\", \"adam\"] }
  momentum = { uniform = [0.0, 0.99], when = { optimizer = \"sgd\" } }

Examples:
  echo '{\"ask\":{}}' | tunefork ask-tell --space space.toml
  tunefork ask-tell --space space.toml --storage study.db  goes on where it was"
)]
pub(crate) struct AskTellArgs {
    /// A file with a [space]: names with the domains of a study file; a log range between whole bounds has whole numbers
    #[arg(long, value_name = "FILE")]
    pub space: PathBuf,
    /// Who proposes
    #[arg(long, value_name = "NAME", default_value = SamplerKind::Auto.name(), value_parser = sampler())]
    pub sampler: SamplerKind,
    /// Who stops trials early, from their reports
    #[arg(long, value_name = "NAME", default_value = SchedulerKind::None.name(), value_parser = scheduler())]
    pub scheduler: SchedulerKind,
    /// Which values are good
    #[arg(long, value_name = "WHICH", default_value = "minimize", value_parser = direction())]
    pub direction: Direction,
    /// A database that keeps the study: a path, or sqlite:///PATH [default: memory]
    #[arg(long, value_name = "URL")]
    pub storage: Option<String>,
    /// Seed of all draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}
