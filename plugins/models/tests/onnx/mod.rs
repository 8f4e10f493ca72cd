//! Small ONNX models, written byte by byte (onnx/onnx.proto): one operator after the other, opset 17.

/// A tensor that goes into a model or comes out of it: name, element type and shape.
pub type Port<'a> = (&'a str, Element, &'a [u64]);

/// `TensorProto.DataType`.
#[derive(Clone, Copy)]
pub enum Element {
    F32 = 1,
    I64 = 7,
    F16 = 10,
}

/// A node: operator, inputs, outputs, and a number attribute if it has one.
pub type Node<'a> = (&'a str, &'a [&'a str], &'a [&'a str], Option<(&'a str, u64)>);

/// The bytes of a model.
pub fn model(nodes: &[Node<'_>], inputs: &[Port<'_>], outputs: &[Port<'_>]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| field(1, &node_bytes(node))).collect();
    graph.extend(field(2, b"small"));
    graph.extend(inputs.iter().flat_map(|port| field(11, &value_info(port))));
    graph.extend(outputs.iter().flat_map(|port| field(12, &value_info(port))));
    [number(1, 8), field(7, &graph), field(8, &number(2, 17))].concat()
}

fn node_bytes((operator, inputs, outputs, attribute): &Node<'_>) -> Vec<u8> {
    let mut bytes: Vec<u8> = inputs.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    bytes.extend(outputs.iter().flat_map(|name| field(2, name.as_bytes())));
    bytes.extend(field(4, operator.as_bytes()));
    if let Some((name, value)) = attribute {
        const INT: u64 = 2;
        bytes.extend(field(5, &[field(1, name.as_bytes()), number(3, *value), number(20, INT)].concat()));
    }
    bytes
}

fn value_info((name, element, shape): &Port<'_>) -> Vec<u8> {
    let lengths: Vec<u8> = shape.iter().flat_map(|&length| field(1, &number(1, length))).collect();
    let tensor = [number(1, *element as u64), field(2, &lengths)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A field that is a text or a message.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = varint(number << 3 | 2);
    bytes.extend(varint(content.len() as u64));
    bytes.extend_from_slice(content);
    bytes
}

/// A field that is a number.
fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
