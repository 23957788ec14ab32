//! Nodes and constants, one after the other, each under a name of its own.

use std::collections::HashSet;

use super::proto::{
    AttributeProto, AttributeType, DataType, Dimension, Extent, GraphProto, NodeProto, TensorProto, TensorShapeProto,
    TensorType, TypeProto, ValueInfoProto,
};

/// A graph that grows. A value is known by its name, which is that of the node that gives it.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) graph: GraphProto,
    names: HashSet<String>,
}

impl Builder {
    /// The result of an operator whose inputs come before it; `layer` is what the operator belongs to.
    pub(super) fn node(
        &mut self,
        layer: &str,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let name = self.unused(&format!("{layer}/{operator}"));
        self.named_node(&name, operator, inputs, attributes);
        name
    }

    /// The same under a name that is part of what users see: that of an output.
    pub(super) fn named_node(&mut self, name: &str, operator: &str, inputs: &[&str], attribute: Vec<AttributeProto>) {
        self.names.insert(name.to_owned());
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operator.to_owned(),
            attribute,
        });
    }

    /// A constant of real numbers.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DataType::Float, shape, bytes)
    }

    /// A single number, to be used with tensors of any shape.
    pub(super) fn number(&mut self, layer: &str, value: f32) -> String {
        self.floats(&format!("{layer}/{value}"), &[], &[value])
    }

    /// A vector of whole numbers: a shape, positions, axes.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DataType::Int64, &[values.len()], bytes)
    }

    /// A single whole number: a place.
    pub(super) fn integer(&mut self, name: &str, value: i64) -> String {
        self.constant(name, DataType::Int64, &[], value.to_le_bytes().to_vec())
    }

    fn constant(&mut self, name: &str, data_type: DataType, shape: &[usize], raw_data: Vec<u8>) -> String {
        let name = self.unused(name);
        self.names.insert(name.clone());
        let dims = shape.iter().map(|&side| side as i64).collect();
        let data_type = data_type.into();
        self.graph.initializer.push(TensorProto { dims, data_type, name: name.clone(), raw_data });
        name
    }

    /// The name, or with a number behind it where it is used already.
    fn unused(&self, name: &str) -> String {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !self.names.contains(name)).expect("there are names without end")
    }
}

pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    attribute(name, AttributeType::Float, |it| it.f = Some(value))
}

pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    attribute(name, AttributeType::Int, |it| it.i = Some(value))
}

pub(super) fn ints(name: &str, values: impl IntoIterator<Item = usize>) -> AttributeProto {
    attribute(name, AttributeType::Ints, |it| it.ints = values.into_iter().map(|value| value as i64).collect())
}

fn attribute(name: &str, kind: AttributeType, set: impl FnOnce(&mut AttributeProto)) -> AttributeProto {
    let mut attribute = AttributeProto { name: name.to_owned(), r#type: kind.into(), ..AttributeProto::default() };
    set(&mut attribute);
    attribute
}

/// What goes in or comes out: a side is a number, or a name for one that may be any.
pub(super) fn value<const SIDES: usize>(
    name: &str,
    element: DataType,
    shape: [Side; SIDES],
    doc_string: &str,
) -> ValueInfoProto {
    let dimension = |side: Side| {
        let extent = match side {
            Side::Fixed(length) => Extent::DimValue(length as i64),
            Side::Any(name) => Extent::DimParam(name.to_owned()),
        };
        Dimension { value: Some(extent) }
    };
    let shape = TensorShapeProto { dim: shape.into_iter().map(dimension).collect() };
    let tensor_type = TensorType { elem_type: element.into(), shape: Some(shape) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
        doc_string: doc_string.to_owned(),
    }
}

/// A side of a tensor.
pub(super) enum Side {
    Fixed(usize),
    Any(&'static str),
}
