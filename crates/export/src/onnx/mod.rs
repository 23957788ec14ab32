//! Models as ONNX files, which other programs run.
//!
//! The graph is read off [`Network::layers`](tunefork_nn::Network::layers), the walk from which the engines' graphs are made too.

mod activation;
mod builder;
mod input;
mod layer;
mod proto;
mod resize;
mod weights;

use std::fmt::Write as _;

use prost::Message as _;
use serde_json::json;
use tunefork_nn::{LayerKind, Network};

use self::builder::{Builder, Side, int, value};
use self::proto::{DataType, ModelProto, OperatorSetIdProto, StringStringEntryProto};
use self::weights::Weights;
use crate::{ExportError, Model};

/// Version of the operators. onnxruntime has it since 1.12.
const OPERATORS: i64 = 17;
/// Version of the form of files, that of these operators.
const FORM: i64 = 8;
/// Largest file: messages may have 2 GiB, and what is not weights takes less than this.
const MAX_WEIGHT_BYTES: usize = (1 << 31) - (1 << 26);

/// What an ONNX file takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnnxInput {
    /// float32 `[batch, channels, height, width]` in 0 to 1, which are bytes divided by 255; the normalisation is part of the graph.
    #[default]
    Scaled,
    /// uint8 `[batch, height, width, channels]` as decoders give it, in any height and width; resizing and normalisation are part of the graph.
    ///
    /// Images that have the network's size give what [`OnnxInput::Scaled`] gives. Others are brought to it as the data are; a byte may be rounded the
    /// other way, seldom.
    Raw,
    /// float32 `[batch, channels, height, width]`, normalised by whoever calls.
    Normalised,
}

/// How a model becomes an ONNX file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OnnxOptions {
    /// What the graph takes, under the name `images`.
    pub input: OnnxInput,
}

impl Model {
    /// The model as an ONNX file with the outputs `probabilities` and `logits`, for any number of images at once. Equal models give equal bytes.
    ///
    /// Its metadata have the classes as JSON (`classes`) and as `{0: "cat", 1: "dog"}` (`names`), and what is to know of the images: `input`,
    /// `normalisation`, `fit`.
    ///
    /// # Errors
    /// If the network cannot be, its tensors are not those of the model, or they are too many for such a file.
    pub fn to_onnx(&self, options: &OnnxOptions) -> Result<Vec<u8>, ExportError> {
        let weight_bytes: usize = self.tensors.iter().map(|tensor| size_of_val(&tensor.values[..])).sum();
        if weight_bytes > MAX_WEIGHT_BYTES {
            return Err(ExportError::TooLong { found: weight_bytes, limit: MAX_WEIGHT_BYTES });
        }
        let file = ModelProto {
            ir_version: FORM,
            producer_name: "tunefork".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph(options)?.graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPERATORS }],
            metadata_props: self.metadata(options)?,
        };
        Ok(file.encode_to_vec())
    }

    fn graph(&self, options: &OnnxOptions) -> Result<Builder, ExportError> {
        let Network { input, classes, .. } = self.network;
        let mut graph = Builder::default();
        graph.graph.name = "tunefork".to_owned();
        graph.graph.input.push(input::declared(options.input, input));
        let mut weights = Weights::new(&self.tensors);
        let mut x = input::add(&mut graph, options.input, self);
        let mut block_input = x.clone();
        for layer in &self.network.layers()? {
            if matches!(layer.kind, LayerKind::Conv { .. }) {
                block_input.clone_from(&x);
            }
            x = layer::add(&mut graph, &mut weights, layer, &x, &block_input)?;
        }
        weights.finish()?;
        graph.named_node("logits", "Identity", &[&x], vec![]);
        graph.named_node("probabilities", "Softmax", &["logits"], vec![int("axis", 1)]);
        for output in ["probabilities", "logits"] {
            let shape = [Side::Any("batch"), Side::Fixed(classes)];
            graph.graph.output.push(value(output, DataType::Float, shape, "one value for each class"));
        }
        Ok(graph)
    }

    fn metadata(&self, options: &OnnxOptions) -> Result<Vec<StringStringEntryProto>, ExportError> {
        let entries = [
            ("classes", json!(self.classes).to_string()),
            ("names", numbered(&self.classes)),
            ("input", options.input.form(self.network.input)),
            ("normalisation", serde_json::to_string(&self.normalisation)?),
            ("fit", self.fit.name().to_owned()),
        ];
        let entry = |(key, value): (&str, String)| StringStringEntryProto { key: key.to_owned(), value };
        Ok(entries.into_iter().map(entry).collect())
    }
}

/// Classes as the tools around detection networks write them, a dictionary of Python: `{0: "cat", 1: "dog"}`.
fn numbered(classes: &[String]) -> String {
    let mut text = String::from("{");
    for (number, class) in classes.iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        // A string of JSON is one of Python.
        write!(text, "{comma}{number}: {}", json!(class)).expect("texts can be written to");
    }
    text + "}"
}
