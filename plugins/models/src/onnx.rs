//! Small changes to an ONNX file's bytes, made without a full protobuf reader.
//!
//! An ONNX file is one `ModelProto` message (onnx/onnx.proto, field numbers below). Protobuf merges repeated
//! occurrences of an embedded message, so a further `graph` field behind the file's end adds to the model's graph.

/// `ModelProto.graph`.
const MODEL_GRAPH: u32 = 7;
/// `GraphProto.output`.
const GRAPH_OUTPUT: u32 = 12;
/// `ValueInfoProto.name`.
const VALUE_INFO_NAME: u32 = 1;

/// Makes the internal tensor `name` an output of the graph. The runtime infers its type and refuses the model if no
/// node makes a tensor of this name.
pub(crate) fn add_output(model: &mut Vec<u8>, name: &str) {
    let value = field(VALUE_INFO_NAME, name.as_bytes());
    let graph = field(GRAPH_OUTPUT, &value);
    model.extend(field(MODEL_GRAPH, &graph));
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
}
