//! What the values of options may be.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use tunefork::data::Part;
use tunefork::sampler::SamplerKind;
use tunefork::scheduler::SchedulerKind;
use tunefork::track::{Place, PlaceError};
use tunefork::train::Precision;
use tunefork::trial::Direction;
use tunefork::{DeviceChoice, ModelFormat, ReportFormat, StudyFormat};

/// Reads the name of a device.
#[derive(Clone)]
struct Device(PossibleValuesParser);

impl TypedValueParser for Device {
    type Value = DeviceChoice;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<DeviceChoice, clap::Error> {
        if value.eq_ignore_ascii_case("gpu") {
            let message = format!("there is no device `{}`: write --device {}\n", value.display(), DeviceChoice::Cuda);
            return Err(command.clone().error(ErrorKind::InvalidValue, message));
        }
        let names = self.0.clone().try_map(|name| name.parse());
        names.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

pub(crate) fn device() -> impl TypedValueParser<Value = DeviceChoice> {
    let value = |device: &DeviceChoice| {
        PossibleValue::new(device.name()).help(match device {
            DeviceChoice::Auto => "A graphics card of NVIDIA that can be used, else the processor",
            DeviceChoice::Cpu => "The processor",
            DeviceChoice::Cuda => "A graphics card of NVIDIA",
        })
    };
    Device(PossibleValuesParser::new(DeviceChoice::ALL.iter().map(value)))
}

pub(crate) fn report_format() -> impl TypedValueParser<Value = ReportFormat> {
    let value = |format: &ReportFormat| {
        PossibleValue::new(format.name()).help(match format {
            ReportFormat::Html => "report.html: a page with figures that needs no network and no other file",
            ReportFormat::Markdown => "report.md: its sentences and tables",
            ReportFormat::Svg => "figures/NAME.svg: each figure as a file",
            ReportFormat::Png => "figures/NAME.png: each figure as a picture, in a program built with --features png",
            ReportFormat::Journal => "journal.md: what was tried, in order, and what came of it",
            ReportFormat::Json => "summary.json: counts, extremes, mean, deviation and median, for programs",
            ReportFormat::Csv => "trials.csv: all trials, with the columns of Optuna's trials_dataframe()",
        })
    };
    PossibleValuesParser::new(ReportFormat::ALL.iter().map(value)).try_map(|name| name.parse())
}

pub(crate) fn part() -> impl TypedValueParser<Value = Part> {
    let value = |part: &Part| {
        PossibleValue::new(part.name()).help(match part {
            Part::Train => "Images to train on, or all of a set without parts",
            Part::Validation => "Images that trials are compared on",
            Part::Test => "Images that are kept for the end",
        })
    };
    PossibleValuesParser::new(Part::ALL.iter().map(value))
        .map(|name| Part::ALL.into_iter().find(|part| part.name() == name).expect("the values are the parts' names"))
}

pub(crate) fn precision() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::ALL.iter().map(|precision| precision.name())).try_map(|name| name.parse())
}

pub(crate) fn sampler() -> impl TypedValueParser<Value = SamplerKind> {
    PossibleValuesParser::new(SamplerKind::NAMES).try_map(|name| name.parse())
}

pub(crate) fn scheduler() -> impl TypedValueParser<Value = SchedulerKind> {
    PossibleValuesParser::new(SchedulerKind::NAMES).try_map(|name| name.parse())
}

pub(crate) fn direction() -> impl TypedValueParser<Value = Direction> {
    PossibleValuesParser::new(["minimize", "maximize"]).map(|name| match &*name {
        "maximize" => Direction::Maximize,
        _ => Direction::Minimize,
    })
}

/// What is exported, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// A model.
    Model(ModelFormat),
    /// A study with all its trials.
    Study(StudyFormat),
}

pub(crate) fn export_format() -> impl TypedValueParser<Value = ExportFormat> {
    let model = |format: &ModelFormat| {
        PossibleValue::new(format.name()).help(match format {
            ModelFormat::Onnx => "A model that onnxruntime and others run, with normalisation inside",
            ModelFormat::Safetensors => "A model's weights by name, for PyTorch and others",
        })
    };
    let study = |format: &StudyFormat| {
        PossibleValue::new(format.name()).help(match format {
            StudyFormat::Ray => "All trials, as the folder of an experiment of Ray Tune",
        })
    };
    let values = ModelFormat::ALL.iter().map(model).chain(StudyFormat::ALL.iter().map(study));
    PossibleValuesParser::new(values).try_map(|name| {
        let study = StudyFormat::ALL.iter().find(|format| format.name() == name);
        study.map_or_else(|| name.parse().map(ExportFormat::Model), |format| Ok(ExportFormat::Study(*format)))
    })
}

/// Where runs of MLflow go. An address may hold a password, so that no error repeats it.
#[derive(Clone)]
struct MlflowPlace;

impl TypedValueParser for MlflowPlace {
    type Value = Place;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<Place, clap::Error> {
        let place = value.to_str().map_or_else(|| Ok(Place::Folder(value.into())), str::parse);
        let refused = |reason: String| command.clone().error(ErrorKind::InvalidValue, format!("--mlflow: {reason}\n"));
        match place.map_err(|error: PlaceError| refused(error.to_string()))? {
            #[cfg(not(feature = "mlflow"))]
            Place::Server(_) => {
                Err(refused("this program was built without MLflow's servers: name a folder".to_owned()))
            }
            place => Ok(place),
        }
    }
}

pub(crate) fn mlflow_place() -> impl TypedValueParser<Value = Place> {
    MlflowPlace
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number >= 1 => Ok(number),
        _ => Err("a whole number from 1 is needed".to_string()),
    }
}

pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("a number from 0 is needed".to_string()),
    }
}
