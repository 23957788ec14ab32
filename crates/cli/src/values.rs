//! What the values of options may be.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use tunefork::DeviceChoice;
use tunefork::train::Precision;

pub(crate) fn device() -> impl TypedValueParser<Value = DeviceChoice> {
    let value = |device: &DeviceChoice| {
        PossibleValue::new(device.name()).help(match device {
            DeviceChoice::Auto => "A graphics card of NVIDIA that can be used, else the processor",
            DeviceChoice::Cpu => "The processor",
            DeviceChoice::Cuda => "A graphics card of NVIDIA",
        })
    };
    PossibleValuesParser::new(DeviceChoice::ALL.iter().map(value)).try_map(|name| name.parse())
}

pub(crate) fn precision() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::ALL.iter().map(|precision| precision.name())).try_map(|name| name.parse())
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
