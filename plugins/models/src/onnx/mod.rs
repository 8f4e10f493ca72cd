//! Changes to a model before the runtime sees it: an internal tensor becomes an output, a graph is rewritten to be faster.
//!
//! An ONNX file is one `ModelProto` message (onnx/onnx.proto, field numbers below). Protobuf merges repeated
//! occurrences of an embedded message, so a further `graph` field behind the file's end adds to the model's graph, and
//! making an output needs no reader. Rewriting does (`proto`, `tune`).

mod proto;
mod tune;

pub(crate) use tune::{Processor, tuned};

use std::ops::Range;

/// `ModelProto.ir_version`.
const MODEL_IR_VERSION: u32 = 1;
/// `ModelProto.graph`.
const MODEL_GRAPH: u32 = 7;
/// `ModelProto.opset_import`.
const MODEL_OPSET: u32 = 8;
/// `OperatorSetIdProto.domain` and `.version`.
const OPSET_DOMAIN: u32 = 1;
const OPSET_VERSION: u32 = 2;
/// `GraphProto.node`, `.name`, `.input` and `.output`.
const GRAPH_NODE: u32 = 1;
const GRAPH_NAME: u32 = 2;
const GRAPH_INPUT: u32 = 11;
const GRAPH_OUTPUT: u32 = 12;
/// `NodeProto.input`, `.output`, `.op_type`, `.attribute` and `.domain`.
const NODE_INPUT: u32 = 1;
const NODE_OUTPUT: u32 = 2;
const NODE_TYPE: u32 = 4;
const NODE_ATTRIBUTE: u32 = 5;
const NODE_DOMAIN: u32 = 7;
/// `AttributeProto.name`, `.s` (a text), `.g` (a graph) and `.graphs`.
const ATTRIBUTE_NAME: u32 = 1;
const ATTRIBUTE_TEXT: u32 = 4;
const ATTRIBUTE_GRAPH: u32 = 6;
const ATTRIBUTE_GRAPHS: u32 = 11;
/// `ValueInfoProto.name` and `.type`; in it `TypeProto.tensor_type`, `Tensor.elem_type`, `.shape`,
/// `TensorShapeProto.dim` and `Dimension.dim_value`.
const VALUE_INFO_NAME: u32 = 1;
const VALUE_INFO_TYPE: u32 = 2;
const TYPE_TENSOR: u32 = 1;
const TENSOR_ELEMENT: u32 = 1;
const TENSOR_SHAPE: u32 = 2;
const SHAPE_LENGTH: u32 = 1;
const LENGTH_VALUE: u32 = 1;

/// Makes the internal tensor `name` an output of the graph. The runtime infers its type and refuses the model if no
/// node makes a tensor of this name.
pub(crate) fn add_output(model: &mut Vec<u8>, name: &str) {
    let value = field(VALUE_INFO_NAME, name.as_bytes());
    let graph = field(GRAPH_OUTPUT, &value);
    model.extend(field(MODEL_GRAPH, &graph));
}

/// The opset in which GridSample learnt to sample volumes.
const VOLUMES: u8 = 20;

/// Lets graphics cards sample volumes: a model of opset 16 to 19 that uses GridSample becomes one of opset 20, in place
/// and without changing what it computes. Says whether anything was changed.
///
/// ONNX defines GridSample for pictures alone before opset 20. Exporters use it for volumes all the same, as that of
/// LivePortrait does, and ONNX Runtime's CPU provider computes that; its CUDA provider refuses it before opset 20 and
/// computes it since (microsoft/onnxruntime #27201, in 1.25 and newer).
///
/// # Errors
/// The bytes are no ONNX model, or it has an operator that means something else in opset 20; says which.
pub(crate) fn raise_grid_sample(model: &mut [u8]) -> Result<bool, String> {
    let mut plan = Plan::default();
    let mut version = None;
    for field in Fields::of(model, 0..model.len()) {
        let field = field?;
        match field.number {
            MODEL_GRAPH => read_graph(model, field.content, &mut plan)?,
            MODEL_OPSET => {
                let (mut domain, mut number) = (0..0, None);
                for part in Fields::of(model, field.content) {
                    let part = part?;
                    match part.number {
                        OPSET_DOMAIN => domain = part.content,
                        OPSET_VERSION => number = Some(part),
                        _ => {}
                    }
                }
                if default_domain(&model[domain]) {
                    version = number;
                }
            }
            _ => {}
        }
    }
    let Some(version) = version else { return Err("it names no opset".to_owned()) };
    if plan.samplers == 0 || !(16..u64::from(VOLUMES)).contains(&version.value) {
        return Ok(false);
    }
    if let Some(reason) = plan.obstacle {
        return Err(reason);
    }
    // A number below 128 is one byte, whatever it was.
    model[version.content.clone()][0] = VOLUMES;
    for mode in plan.modes {
        rename_mode(model, mode);
    }
    Ok(true)
}

/// What has to be changed.
#[derive(Default)]
struct Plan {
    /// How many GridSample nodes there are.
    samplers: usize,
    /// Where their modes stand: the texts, without tag and length.
    modes: Vec<Range<usize>>,
    /// Why the model cannot be raised, if it has to be.
    obstacle: Option<String>,
}

/// Operators whose `axes` became an input in opset 18.
const REDUCTIONS: [&[u8]; 9] = [
    b"ReduceL1",
    b"ReduceL2",
    b"ReduceLogSum",
    b"ReduceLogSumExp",
    b"ReduceMax",
    b"ReduceMean",
    b"ReduceMin",
    b"ReduceProd",
    b"ReduceSumSquare",
];

fn read_graph(model: &[u8], graph: Range<usize>, plan: &mut Plan) -> Result<(), String> {
    for field in Fields::of(model, graph) {
        let field = field?;
        if field.number == GRAPH_NODE {
            read_node(model, field.content, plan)?;
        }
    }
    Ok(())
}

fn read_node(model: &[u8], node: Range<usize>, plan: &mut Plan) -> Result<(), String> {
    let (mut operator, mut domain, mut inputs, mut attributes) = (0..0, 0..0, 0, Vec::new());
    for field in Fields::of(model, node) {
        let field = field?;
        match field.number {
            NODE_INPUT => inputs += 1,
            NODE_TYPE => operator = field.content,
            NODE_DOMAIN => domain = field.content,
            NODE_ATTRIBUTE => attributes.push(read_attribute(model, field.content, plan)?),
            _ => {}
        }
    }
    if !default_domain(&model[domain]) {
        return Ok(());
    }
    let operator = &model[operator];
    let has = |name: &[u8]| attributes.iter().any(|attribute| &model[attribute.name.clone()] == name);
    if operator == b"GridSample" {
        plan.samplers += 1;
        let mode = attributes.iter().find(|attribute| &model[attribute.name.clone()] == b"mode");
        plan.modes.extend(mode.map(|mode| mode.text.clone()));
    }
    // What else has changed between opset 16 and 20 accepts what it accepted, and means the same
    // (onnx/docs/Changelog.md).
    let changed = (REDUCTIONS.contains(&operator) && has(b"axes"))
        || (operator == b"Split" && inputs < 2 && !has(b"num_outputs"))
        || (operator == b"DFT" && has(b"axis"));
    if changed && plan.obstacle.is_none() {
        let operator = String::from_utf8_lossy(operator);
        plan.obstacle =
            Some(format!("its GridSample needs opset {VOLUMES}, in which its {operator} is written otherwise"));
    }
    Ok(())
}

/// Where an attribute's name and text stand.
struct Attribute {
    name: Range<usize>,
    text: Range<usize>,
}

fn read_attribute(model: &[u8], attribute: Range<usize>, plan: &mut Plan) -> Result<Attribute, String> {
    let mut read = Attribute { name: 0..0, text: 0..0 };
    for field in Fields::of(model, attribute) {
        let field = field?;
        match field.number {
            ATTRIBUTE_NAME => read.name = field.content,
            ATTRIBUTE_TEXT => read.text = field.content,
            // The branches of an If, the body of a Loop.
            ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS => read_graph(model, field.content, plan)?,
            _ => {}
        }
    }
    Ok(read)
}

/// Gives a mode its name of opset 20, which is shorter. The text's length takes the bytes that become free: a number
/// may have more bytes than it needs.
fn rename_mode(model: &mut [u8], text: Range<usize>) {
    let new: &[u8] = match &model[text.clone()] {
        b"bilinear" => b"linear",
        b"bicubic" => b"cubic",
        // "nearest" is called so in both.
        _ => return,
    };
    let free = text.len() - new.len();
    let length_at = text.start - 1;
    model[length_at] = new.len() as u8 | 0x80;
    model[text.start..][..free - 1].fill(0x80);
    model[text.start + free - 1] = 0;
    model[text.start + free..text.end].copy_from_slice(new);
}

/// ONNX's own operators are in the domain without a name.
fn default_domain(name: &[u8]) -> bool {
    name.is_empty() || name == b"ai.onnx"
}

/// A field of a protobuf message.
struct Field {
    number: u32,
    /// The bytes of its content, without tag and length.
    content: Range<usize>,
    /// Its content as a number, if it is one.
    value: u64,
}

/// The fields of a message that stands somewhere in a file.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8], message: Range<usize>) -> Self {
        Self { bytes: &bytes[..message.end], at: message.start }
    }

    fn read(&mut self) -> Option<Field> {
        let tag = self.number()?;
        let (start, mut value) = (self.at, 0);
        let length = match tag & 7 {
            0 => {
                value = self.number()?;
                self.at - start
            }
            1 => 8,
            2 => usize::try_from(self.number()?).ok()?,
            5 => 4,
            _ => return None,
        };
        let start = if tag & 7 == 0 { start } else { self.at };
        let end = start.checked_add(length).filter(|&end| end <= self.bytes.len())?;
        self.at = end;
        Some(Field { number: u32::try_from(tag >> 3).ok()?, content: start..end, value })
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.read().ok_or_else(|| "it is no ONNX model".to_owned());
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

/// The inputs and the output of [`probe`].
pub(crate) const PROBE_INPUTS: [(&str, &[usize]); 2] = [("volume", &[1, 1, 2, 2, 2]), ("grid", &[1, 1, 1, 1, 3])];
pub(crate) const PROBE_OUTPUT: &str = "sample";

/// A small model around GridSample of opset 16 on a volume of 2×2×2, at one point: what LivePortrait's warping network
/// asks of a provider and not every provider has. Operators that every provider has stand before and behind it, as
/// OpenVINO leaves lone nodes to the processor and takes those in company.
pub(crate) fn probe() -> Vec<u8> {
    let [volume, grid] = PROBE_INPUTS;
    let mode = [field(ATTRIBUTE_NAME, b"mode"), field(ATTRIBUTE_TEXT, b"bilinear"), number(20, 3)].concat();
    let sampler = [
        field(NODE_INPUT, b"positive"),
        field(NODE_INPUT, grid.0.as_bytes()),
        field(NODE_OUTPUT, b"sampled"),
        field(NODE_TYPE, b"GridSample"),
        field(NODE_ATTRIBUTE, &mode),
    ];
    let graph = [
        field(GRAPH_NODE, &plain_node("Relu", &[volume.0], "positive")),
        field(GRAPH_NODE, &sampler.concat()),
        field(GRAPH_NODE, &plain_node("Relu", &["sampled"], PROBE_OUTPUT)),
        field(GRAPH_NAME, b"probe"),
        field(GRAPH_INPUT, &value_info(volume.0, volume.1)),
        field(GRAPH_INPUT, &value_info(grid.0, grid.1)),
        field(GRAPH_OUTPUT, &value_info(PROBE_OUTPUT, &[1; 5])),
    ];
    let opset = number(OPSET_VERSION, 16);
    [number(MODEL_IR_VERSION, 8), field(MODEL_GRAPH, &graph.concat()), field(MODEL_OPSET, &opset)].concat()
}

/// A node without attributes.
fn plain_node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = inputs.iter().flat_map(|input| field(NODE_INPUT, input.as_bytes())).collect();
    bytes.extend(field(NODE_OUTPUT, output.as_bytes()));
    bytes.extend(field(NODE_TYPE, operator.as_bytes()));
    bytes
}

/// For tests: x, three numbers → "double", "square" and "minus" of each.
#[cfg(test)]
pub(crate) fn arithmetic() -> Vec<u8> {
    let nodes = [
        plain_node("Add", &["x", "x"], "double"),
        plain_node("Mul", &["x", "x"], "square"),
        plain_node("Neg", &["x"], "minus"),
    ];
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| field(GRAPH_NODE, node)).collect();
    graph.extend(field(GRAPH_NAME, b"arithmetic"));
    graph.extend(field(GRAPH_INPUT, &value_info("x", &[3])));
    graph.extend(["double", "square", "minus"].iter().flat_map(|name| field(GRAPH_OUTPUT, &value_info(name, &[3]))));
    [number(MODEL_IR_VERSION, 8), field(MODEL_GRAPH, &graph), field(MODEL_OPSET, &number(OPSET_VERSION, 16))].concat()
}

/// A tensor of 32-bit floating point.
fn value_info(name: &str, shape: &[usize]) -> Vec<u8> {
    const FLOAT: u64 = 1;
    let lengths = shape.iter().flat_map(|&length| field(SHAPE_LENGTH, &number(LENGTH_VALUE, length as u64)));
    let tensor = [number(TENSOR_ELEMENT, FLOAT), field(TENSOR_SHAPE, &lengths.collect::<Vec<_>>())].concat();
    [field(VALUE_INFO_NAME, name.as_bytes()), field(VALUE_INFO_TYPE, &field(TYPE_TENSOR, &tensor))].concat()
}

/// A length-delimited field: its tag, its length and its content.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    const LENGTH_DELIMITED: u64 = 2;
    let mut bytes = Vec::with_capacity(content.len() + 8);
    varint(&mut bytes, u64::from(number) << 3 | LENGTH_DELIMITED);
    varint(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

/// A field that is a number.
fn number(number: u32, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(&mut bytes, u64::from(number) << 3);
    varint(&mut bytes, value);
    bytes
}

/// A number in groups of seven bits, the lowest first.
fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_appended_as_a_graph_field() {
        let mut model = b"model".to_vec();
        add_output(&mut model, "/a");
        assert_eq!(model, b"model\x3a\x06\x62\x04\x0a\x02/a");
    }

    #[test]
    fn long_names_have_long_lengths() {
        let name = "n".repeat(200);
        let bytes = field(VALUE_INFO_NAME, name.as_bytes());
        assert_eq!(bytes[..3], [0x0a, 0xc8, 0x01]);
        assert_eq!(bytes.len(), 203);
    }

    /// A node with the attributes' names and texts.
    fn node(operator: &str, inputs: usize, attributes: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = vec![field(NODE_INPUT, b"i"); inputs].concat();
        bytes.extend(field(NODE_TYPE, operator.as_bytes()));
        for (name, text) in attributes {
            let attribute = [field(ATTRIBUTE_NAME, name.as_bytes()), field(ATTRIBUTE_TEXT, text.as_bytes())].concat();
            bytes.extend(field(NODE_ATTRIBUTE, &attribute));
        }
        bytes
    }

    fn model(opset: u64, nodes: &[Vec<u8>]) -> Vec<u8> {
        let other = [field(OPSET_DOMAIN, b"com.other"), number(OPSET_VERSION, 16)].concat();
        let graph: Vec<u8> = nodes.iter().flat_map(|node| field(GRAPH_NODE, node)).collect();
        [field(MODEL_OPSET, &other), field(MODEL_GRAPH, &graph), field(MODEL_OPSET, &number(OPSET_VERSION, opset))]
            .concat()
    }

    /// The opset of the domain without a name, and the texts of all attributes.
    fn read(model: &[u8]) -> (u64, Vec<String>) {
        let parts = |range| Fields::of(model, range).map(|field| field.expect("it is whole"));
        let (mut opset, mut texts) = (0, Vec::new());
        for field in parts(0..model.len()) {
            match field.number {
                MODEL_OPSET if parts(field.content.clone()).all(|part| part.number != OPSET_DOMAIN) => {
                    opset = parts(field.content).next().expect("a version").value;
                }
                MODEL_GRAPH => {
                    let nodes = parts(field.content).flat_map(|node| parts(node.content));
                    let attributes = nodes.filter(|part| part.number == NODE_ATTRIBUTE);
                    let text =
                        attributes.flat_map(|part| parts(part.content)).filter(|part| part.number == ATTRIBUTE_TEXT);
                    texts.extend(text.map(|part| String::from_utf8_lossy(&model[part.content]).into_owned()));
                }
                _ => {}
            }
        }
        (opset, texts)
    }

    #[test]
    fn samplers_of_volumes_are_raised_to_the_opset_that_has_them() {
        let sampler = |mode| node("GridSample", 2, &[("mode", mode), ("padding_mode", "zeros")]);
        for (old, new) in [("bilinear", "linear"), ("bicubic", "cubic"), ("nearest", "nearest")] {
            let mut bytes = model(16, &[node("Relu", 1, &[]), sampler(old), node("ReduceSum", 2, &[])]);
            let length = bytes.len();
            assert_eq!(raise_grid_sample(&mut bytes), Ok(true), "{old}");
            assert_eq!(bytes.len(), length);
            assert_eq!(read(&bytes), (20, vec![new.to_owned(), "zeros".to_owned()]));
            assert_eq!(raise_grid_sample(&mut bytes), Ok(false), "it is there now");
        }
    }

    #[test]
    fn what_needs_no_change_is_left_alone_and_what_cannot_be_changed_is_told() {
        let sampler = node("GridSample", 2, &[("mode", "bilinear")]);
        let mean = node("ReduceMean", 1, &[("axes", "")]);
        let cases = [
            (16, vec![mean.clone()], Ok(false)),
            (20, vec![sampler.clone()], Ok(false)),
            (11, vec![sampler.clone()], Ok(false)),
            (17, vec![sampler.clone(), node("ReduceMean", 1, &[])], Ok(true)),
            (17, vec![sampler.clone(), mean], Err("ReduceMean")),
            (17, vec![sampler.clone(), node("Split", 1, &[])], Err("Split")),
            (17, vec![sampler.clone(), node("Split", 2, &[])], Ok(true)),
            (17, vec![sampler, node("DFT", 1, &[("axis", "")])], Err("DFT")),
        ];
        for (opset, nodes, expected) in cases {
            let mut bytes = model(opset, &nodes);
            let before = bytes.clone();
            match (raise_grid_sample(&mut bytes), expected) {
                (Ok(changed), Ok(wanted)) => {
                    assert_eq!(changed, wanted, "{opset}");
                    assert_eq!(bytes == before, !wanted);
                }
                (Err(reason), Err(operator)) => {
                    assert!(reason.contains(operator), "{reason}");
                    assert_eq!(bytes, before);
                }
                other => panic!("{opset}: {other:?}"),
            }
        }
    }

    #[test]
    fn samplers_in_branches_count() {
        let body = field(GRAPH_NODE, &node("GridSample", 2, &[("mode", "bilinear")]));
        let branch = [field(ATTRIBUTE_NAME, b"then_branch"), field(ATTRIBUTE_GRAPH, &body)].concat();
        let choice = [field(NODE_TYPE, b"If"), field(NODE_ATTRIBUTE, &branch)].concat();
        let mut bytes = model(16, &[choice]);
        assert_eq!(raise_grid_sample(&mut bytes), Ok(true));
        assert!(bytes.windows(6).any(|six| six == b"linear") && !bytes.windows(8).any(|eight| eight == b"bilinear"));
    }

    #[test]
    fn what_is_no_model_is_refused_wherever_it_is_cut() {
        let whole = probe();
        for end in 1..whole.len() {
            // Cut between two fields it is a message, of a model without an opset.
            let result = raise_grid_sample(&mut whole[..end].to_vec());
            assert!(result.is_err() || result == Ok(false), "{end}: {result:?}");
        }
        assert!(raise_grid_sample(&mut [0xff; 64]).is_err());
        assert_eq!(raise_grid_sample(&mut probe()), Ok(true));
    }
}
