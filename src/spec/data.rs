//! From a configuration to the images that it asks for.

use tunefork_data::{Generated, Order, Share, SplitOptions};
use tunefork_space::Value;

use super::Config;

/// The name of the set that is drawn, not read.
pub const GENERATED: &str = "generated";

impl Config {
    /// The set to draw, if the study asks for a generated one.
    pub fn generated(&self) -> Option<Generated> {
        if self.word("source") != GENERATED {
            return None;
        }
        let default = Generated::default();
        let side = self.value("size").and_then(Value::as_i64).map(|size| size as usize);
        Some(Generated {
            height: side.unwrap_or(default.height),
            width: side.unwrap_or(default.width),
            channels: if self.word("colour") == "rgb" { 3 } else { 1 },
            classes: self.whole("classes") as usize,
            train: self.whole("images") as usize,
            test: self.whole("test_images") as usize,
            seed: self.whole("data_seed").unsigned_abs(),
            difficulty: self.number("difficulty"),
        })
    }

    /// How the images are divided.
    pub fn split(&self) -> SplitOptions {
        SplitOptions {
            train: self.share("train"),
            validation: self.share("validation"),
            test: self.share("test"),
            order: match self.word("order") {
                "stored" => Order::Stored,
                _ => Order::Stratified,
            },
        }
    }

    fn share(&self, key: &str) -> Share {
        match self.value(key) {
            Some(Value::Int(count)) => Share::Count(*count as usize),
            Some(Value::Float(share)) => Share::Fraction(*share),
            _ => Share::Auto,
        }
    }

    /// The fixed means and deviations, if any were given.
    pub fn fixed_normalisation(&self) -> Option<(Vec<f32>, Vec<f32>)> {
        let numbers = |key: &str| -> Vec<f32> {
            self.list(key).iter().filter_map(Value::as_f64).map(|number| number as f32).collect()
        };
        let (mean, std) = (numbers("mean"), numbers("std"));
        (!mean.is_empty()).then_some((mean, std))
    }
}
