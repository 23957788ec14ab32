//! The messages of event files, with the fields that are written here. Numbers are those of TensorBoard's own definitions
//! (`tensorboard/compat/proto`, `tensorboard/plugins/hparams`); a reader takes what is missing for its default.

use std::collections::BTreeMap;

use prost::{Enumeration, Message};

/// What a file's first record says.
pub(super) const VERSION: &str = "brain.Event:2";

/// One record of a file.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(super) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(super) step: i64,
    #[prost(string, optional, tag = "3")]
    pub(super) file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(super) summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(super) value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SummaryValue {
    #[prost(string, tag = "1")]
    pub(super) tag: String,
    #[prost(float, optional, tag = "2")]
    pub(super) simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    pub(super) image: Option<Image>,
    #[prost(message, optional, tag = "8")]
    pub(super) tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    pub(super) metadata: Option<SummaryMetadata>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Image {
    #[prost(int32, tag = "1")]
    pub(super) height: i32,
    #[prost(int32, tag = "2")]
    pub(super) width: i32,
    /// 3 is RGB.
    #[prost(int32, tag = "3")]
    pub(super) colorspace: i32,
    /// A PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) encoded: Vec<u8>,
}

/// Stands where a plugin wants a tensor and reads none.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    /// 1 is float.
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<TensorShape>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShape {
    #[prost(message, repeated, tag = "2")]
    pub(super) dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SummaryMetadata {
    #[prost(message, optional, tag = "1")]
    pub(super) plugin: Option<Plugin>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Plugin {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) content: Vec<u8>,
}

/// What the HParams plugin reads; one of the three parts.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HParams {
    #[prost(message, optional, tag = "2")]
    pub(super) experiment: Option<Experiment>,
    #[prost(message, optional, tag = "3")]
    pub(super) session_start: Option<SessionStart>,
    #[prost(message, optional, tag = "4")]
    pub(super) session_end: Option<SessionEnd>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Experiment {
    #[prost(string, tag = "1")]
    pub(super) description: String,
    #[prost(double, tag = "3")]
    pub(super) time_created: f64,
    #[prost(message, repeated, tag = "4")]
    pub(super) hparams: Vec<HParam>,
    #[prost(message, repeated, tag = "5")]
    pub(super) metrics: Vec<Metric>,
    #[prost(string, tag = "6")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HParam {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(enumeration = "Kind", tag = "4")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "5")]
    pub(super) choices: Option<List>,
    #[prost(message, optional, tag = "6")]
    pub(super) interval: Option<Interval>,
}

/// What the values of a parameter are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(super) enum Kind {
    Unset = 0,
    Text = 1,
    Bool = 2,
    Number = 3,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Interval {
    #[prost(double, tag = "1")]
    pub(super) low: f64,
    #[prost(double, tag = "2")]
    pub(super) high: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct List {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<Value>,
}

/// `google.protobuf.Value`; one of the three.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(double, optional, tag = "2")]
    pub(super) number: Option<f64>,
    #[prost(string, optional, tag = "3")]
    pub(super) text: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub(super) bool: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(message, optional, tag = "1")]
    pub(super) name: Option<MetricName>,
    #[prost(string, tag = "3")]
    pub(super) display_name: String,
    /// 2 is validation.
    #[prost(int32, tag = "5")]
    pub(super) dataset: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MetricName {
    #[prost(string, tag = "1")]
    pub(super) group: String,
    #[prost(string, tag = "2")]
    pub(super) tag: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) hparams: BTreeMap<String, Value>,
    /// Sessions of one group are shown as one.
    #[prost(string, tag = "4")]
    pub(super) group: String,
    #[prost(double, tag = "5")]
    pub(super) start_time: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionEnd {
    #[prost(enumeration = "Status", tag = "1")]
    pub(super) status: i32,
    #[prost(double, tag = "2")]
    pub(super) end_time: f64,
}

/// How a trial ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(super) enum Status {
    Unknown = 0,
    Success = 1,
    Failure = 2,
    Running = 3,
}
