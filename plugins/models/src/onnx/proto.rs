//! ONNX's messages as far as a graph is rewritten; what is not looked into is carried along as bytes.
//!
//! Field numbers are those of onnx/onnx.proto (ONNX 1.18, IR version 10). A model that has a field unknown here is
//! not rewritten wrongly but loses that field, which is why every field of these messages is listed.

use prost::{Message, bytes::Bytes};

/// `TensorProto.DataType.FLOAT`.
pub(super) const FLOAT: i32 = 1;
/// `TensorProto.DataType.UINT8`.
pub(super) const UINT8: i32 = 2;
/// `TensorProto.DataType.INT8`.
pub(super) const INT8: i32 = 3;
/// `TensorProto.DataType.INT64`.
pub(super) const INT64: i32 = 7;

/// `ModelProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Model {
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub producer_version: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub domain: Option<String>,
    #[prost(int64, optional, tag = "5")]
    pub model_version: Option<i64>,
    #[prost(string, optional, tag = "6")]
    pub doc: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub opsets: Vec<OperatorSet>,
    #[prost(bytes = "bytes", repeated, tag = "14")]
    pub metadata: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "20")]
    pub training: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "25")]
    pub functions: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "26")]
    pub configuration: Vec<Bytes>,
}

/// `OperatorSetIdProto`. The empty domain is ONNX's own.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OperatorSet {
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// `GraphProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub constants: Vec<Tensor>,
    #[prost(string, optional, tag = "10")]
    pub doc: Option<String>,
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<Value>,
    #[prost(bytes = "bytes", repeated, tag = "13")]
    pub value_info: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "14")]
    pub quantization: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "15")]
    pub sparse: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "16")]
    pub metadata: Vec<Bytes>,
}

/// `ValueInfoProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub kind: Option<Bytes>,
    #[prost(string, optional, tag = "3")]
    pub doc: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub metadata: Vec<Bytes>,
}

/// `NodeProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    #[prost(string, optional, tag = "3")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub operator: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<Attribute>,
    #[prost(string, optional, tag = "6")]
    pub doc: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub domain: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub overload: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub metadata: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "10")]
    pub devices: Vec<Bytes>,
}

/// `AttributeProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Attribute {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub s: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub tensor: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub graph: Option<Bytes>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "10")]
    pub tensors: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "11")]
    pub graphs: Vec<Bytes>,
    #[prost(string, optional, tag = "13")]
    pub doc: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "14")]
    pub type_value: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "15")]
    pub type_values: Vec<Bytes>,
    #[prost(int32, optional, tag = "20")]
    pub kind: Option<i32>,
    #[prost(string, optional, tag = "21")]
    pub reference: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "22")]
    pub sparse: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "23")]
    pub sparses: Vec<Bytes>,
}

/// `TensorProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    pub element: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub segment: Option<Bytes>,
    #[prost(float, repeated, tag = "4")]
    pub floats: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32s: Vec<i32>,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub strings: Vec<Bytes>,
    #[prost(int64, repeated, tag = "7")]
    pub int64s: Vec<i64>,
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub raw: Option<Bytes>,
    #[prost(double, repeated, tag = "10")]
    pub doubles: Vec<f64>,
    #[prost(uint64, repeated, tag = "11")]
    pub uint64s: Vec<u64>,
    #[prost(string, optional, tag = "12")]
    pub doc: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "13")]
    pub external: Vec<Bytes>,
    #[prost(int32, optional, tag = "14")]
    pub location: Option<i32>,
    #[prost(bytes = "bytes", repeated, tag = "16")]
    pub metadata: Vec<Bytes>,
}

impl Node {
    /// A node of ONNX's own operators.
    pub fn new(operator: &str, name: String, inputs: &[&str], outputs: &[&str]) -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            operator: Some(operator.to_owned()),
            name: Some(name),
            inputs: names(inputs),
            outputs: names(outputs),
            ..Self::default()
        }
    }

    /// With a further attribute.
    pub fn with(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Whether it is this operator of ONNX's own.
    pub fn is(&self, operator: &str) -> bool {
        self.operator.as_deref() == Some(operator) && matches!(self.domain.as_deref(), None | Some("" | "ai.onnx"))
    }

    /// The attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }
}

impl Attribute {
    /// `AttributeProto.AttributeType`.
    const FLOAT: i32 = 1;
    const INT: i32 = 2;
    const INTS: i32 = 7;

    /// A number.
    pub fn float(name: &str, value: f32) -> Self {
        Self { name: Some(name.to_owned()), f: Some(value), kind: Some(Self::FLOAT), ..Self::default() }
    }

    /// A whole number.
    pub fn int(name: &str, value: i64) -> Self {
        Self { name: Some(name.to_owned()), i: Some(value), kind: Some(Self::INT), ..Self::default() }
    }

    /// Whole numbers.
    pub fn ints(name: &str, values: &[i64]) -> Self {
        Self { name: Some(name.to_owned()), ints: values.to_vec(), kind: Some(Self::INTS), ..Self::default() }
    }
}

impl Tensor {
    /// A constant of whole numbers in one dimension.
    pub fn int64s(name: &str, values: &[i64]) -> Self {
        let dims = vec![values.len() as i64];
        Self { name: Some(name.to_owned()), dims, element: Some(INT64), int64s: values.to_vec(), ..Self::default() }
    }

    /// A constant of numbers in one dimension.
    pub fn floats(name: &str, values: &[f32]) -> Self {
        let dims = vec![values.len() as i64];
        Self { name: Some(name.to_owned()), dims, element: Some(FLOAT), floats: values.to_vec(), ..Self::default() }
    }

    /// A constant byte, of no dimension.
    pub fn byte(name: &str, value: u8) -> Self {
        let raw = Some(Bytes::copy_from_slice(&[value]));
        Self { name: Some(name.to_owned()), element: Some(UINT8), raw, ..Self::default() }
    }

    /// Its numbers, if it is f32 and they are in this file.
    pub fn as_f32(&self) -> Option<Vec<f32>> {
        if self.element != Some(FLOAT) || !self.external.is_empty() {
            return None;
        }
        Some(match &self.raw {
            Some(raw) => raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            None => self.floats.clone(),
        })
    }

    /// Its whole numbers, if it is i64 and they are in this file.
    pub fn as_i64(&self) -> Option<Vec<i64>> {
        if self.element != Some(INT64) || !self.external.is_empty() {
            return None;
        }
        Some(match &self.raw {
            Some(raw) => raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
            None => self.int64s.clone(),
        })
    }
}
