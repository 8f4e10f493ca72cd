//! Rewrites a graph so that it computes the same with less work.
//!
//! Three patterns are known, all of them of vocoders in the manner of StyleTTS 2 (AdaIN and Snake, 8-bit convolutions
//! with dynamic quantisation); a graph without them is left as it is. They hold where one item is computed at a time
//! (batch 1).
//!
//! - **Convolutions of signed bytes.** ONNX Runtime multiplies unsigned weights by unsigned activations without the
//!   processor's instructions for 8-bit dot products (VNNI, AMX); unsigned by signed it uses them. Activations minus 128
//!   are the same numbers with another zero point, so the result is equal to the bit. The convolution is given a second
//!   dimension of length 1, as the runtime gathers the windows of one-dimensional ones element by element. Only on
//!   processors that have these instructions: without them signed products may overflow (MLAS, `qgemm_kernel_avx2`).
//! - **Instance normalisation.** `γ · (x − mean) / √(variance + ε) + β` over the last dimension, nine operators, is
//!   `InstanceNormalization`: two passes over the memory instead of nine.
//! - **Snake.** `x + sin²(αx) / α` becomes `(v + sin² v) / α` with `v = αx`, where α goes into γ and β of the normalisation
//!   before it: four passes instead of five, and no power.

use std::collections::{BTreeMap, HashMap};

use prost::{Message, bytes::Bytes};

use super::proto::{Attribute, Graph, INT8, Model, Node, Tensor, UINT8};

/// What the rewriting must know of the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Processor {
    /// Whether it multiplies unsigned by signed bytes into 32 bits without overflow, in one instruction.
    pub(crate) byte_products: bool,
}

impl Processor {
    /// This machine's.
    pub(crate) fn here() -> Self {
        #[cfg(target_arch = "x86_64")]
        let byte_products =
            std::arch::is_x86_feature_detected!("avx512vnni") || std::arch::is_x86_feature_detected!("avxvnni");
        // Others (NEON with dot products) multiply unsigned bytes as fast.
        #[cfg(not(target_arch = "x86_64"))]
        let byte_products = false;
        Self { byte_products }
    }
}

/// The oldest operator set that has all operators that are put in (`BitwiseXor`).
const OLDEST_OPERATORS: i64 = 18;

/// What was rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) convolutions: usize,
    pub(crate) norms: usize,
    pub(crate) snakes: usize,
}

/// The rewritten model, or nothing if there is nothing to rewrite in it, or it is none that can be read.
pub(crate) fn tuned(model: &Bytes, processor: Processor) -> Option<(Vec<u8>, Changes)> {
    let mut model = Model::decode(model.clone()).ok()?;
    let own = model.opsets.iter().find(|set| set.domain.as_deref().unwrap_or_default().is_empty())?;
    if own.version? < OLDEST_OPERATORS || !model.functions.is_empty() {
        return None;
    }
    let graph = model.graph.take()?;
    // What an inner graph uses is not seen here.
    let inner = |node: &Node| node.attributes.iter().any(|a| a.graph.is_some() || !a.graphs.is_empty());
    if graph.nodes.iter().any(inner) {
        return None;
    }
    let mut editor = Editor::new(graph);
    let changes = Changes {
        norms: editor.join_norms(),
        snakes: editor.shorten_snakes(),
        convolutions: if processor.byte_products { editor.sign_convolutions() } else { 0 },
    };
    if changes == Changes::default() {
        return None;
    }
    model.graph = Some(editor.finish());
    Some((model.encode_to_vec(), changes))
}

/// A graph, who makes and uses each of its tensors, and what is to be changed.
struct Editor {
    graph: Graph,
    /// The node that makes a tensor.
    makers: HashMap<String, usize>,
    /// The nodes that use a tensor, once for each input that it is; an output of the graph is used by no node's index.
    users: HashMap<String, Vec<usize>>,
    constants: HashMap<String, usize>,
    /// What stands in the place of a node: nothing, or others.
    edits: BTreeMap<usize, Vec<Node>>,
    added: Vec<Tensor>,
    /// The node in whose place the normalisation stands that makes a tensor.
    norms: HashMap<String, usize>,
}

/// The "user" of the graph's outputs.
const OUTSIDE: usize = usize::MAX;
/// Names of the constants that are put in.
const FLAT: &str = "visage/flat";
const SECOND: &str = "visage/second";
const TOP_BIT: &str = "visage/top-bit";

impl Editor {
    fn new(graph: Graph) -> Self {
        let (mut makers, mut users) = (HashMap::new(), HashMap::<String, Vec<usize>>::new());
        for (index, node) in graph.nodes.iter().enumerate() {
            makers.extend(node.outputs.iter().map(|name| (name.clone(), index)));
            for input in &node.inputs {
                users.entry(input.clone()).or_default().push(index);
            }
        }
        for name in graph.outputs.iter().filter_map(|output| output.name.clone()) {
            users.entry(name).or_default().push(OUTSIDE);
        }
        let constants = graph.constants.iter().enumerate();
        let constants = constants.filter_map(|(index, tensor)| Some((tensor.name.clone()?, index))).collect();
        Self {
            graph,
            makers,
            users,
            constants,
            edits: BTreeMap::new(),
            added: vec![Tensor::int64s(FLAT, &[-1]), Tensor::int64s(SECOND, &[2]), Tensor::byte(TOP_BIT, 0x80)],
            norms: HashMap::new(),
        }
    }

    fn finish(mut self) -> Graph {
        let nodes = std::mem::take(&mut self.graph.nodes);
        for (index, node) in nodes.into_iter().enumerate() {
            match self.edits.remove(&index) {
                Some(others) => self.graph.nodes.extend(others),
                None => self.graph.nodes.push(node),
            }
        }
        self.graph.constants.append(&mut self.added);
        self.graph
    }

    fn node(&self, index: usize) -> &Node {
        &self.graph.nodes[index]
    }

    /// The node that makes a tensor, if it is this operator.
    fn maker(&self, tensor: &str, operator: &str) -> Option<usize> {
        self.makers.get(tensor).copied().filter(|index| self.node(*index).is(operator))
    }

    /// The nodes that use a node's first output.
    fn users_of(&self, index: usize) -> &[usize] {
        let output = self.node(index).outputs.first();
        output.and_then(|output| self.users.get(output)).map_or(&[], Vec::as_slice)
    }

    /// Whether a node's first output is used by these nodes and no others.
    fn serves(&self, index: usize, users: &[usize]) -> bool {
        let (mut found, mut expected) = (self.users_of(index).to_vec(), users.to_vec());
        found.sort_unstable();
        expected.sort_unstable();
        found == expected
    }

    /// The one node that uses a node's output, if it is this operator, and its other input.
    fn follower(&self, index: usize, operator: &str) -> Option<(usize, String)> {
        let [user] = self.users_of(index) else { return None };
        let node = self.graph.nodes.get(*user).filter(|node| node.is(operator))?;
        let own = self.node(index).outputs.first()?;
        let other = node.inputs.iter().find(|input| *input != own)?;
        Some((*user, other.clone()))
    }

    fn constant(&self, name: &str) -> Option<&Tensor> {
        self.constants.get(name).map(|index| &self.graph.constants[*index])
    }

    /// Whether a node is a mean over the last of three dimensions that keeps it.
    fn is_mean(&self, index: usize) -> bool {
        let node = self.node(index);
        let keeps = node.attribute("keepdims").is_none_or(|keeps| keeps.i == Some(1));
        let over = node.inputs.get(1).and_then(|axes| self.constant(axes)).and_then(Tensor::as_i64);
        node.is("ReduceMean") && keeps && matches!(over.as_deref(), Some([2 | -1]))
    }

    /// Writes instance normalisations as one operator. Returns how many.
    fn join_norms(&mut self) -> usize {
        let mut count = 0;
        for index in 0..self.graph.nodes.len() {
            if let Some(pattern) = self.norm_at(index) {
                count += pattern.ends.len();
                self.join_norm(pattern);
            }
        }
        count
    }

    /// The normalisation whose division is the node `divide`.
    fn norm_at(&self, divide: usize) -> Option<Norm> {
        let division = self.node(divide);
        if !division.is("Div") {
            return None;
        }
        let [above, below] = division.inputs.as_slice() else { return None };
        let centred = self.maker(above, "Sub")?;
        let [x, mean] = self.node(centred).inputs.as_slice() else { return None };
        let mean = self.maker(mean, "ReduceMean").filter(|index| self.is_mean(*index))?;
        let root = self.maker(below, "Sqrt")?;
        let sum = self.maker(self.node(root).inputs.first()?, "Add")?;
        let [variance, epsilon] = self.node(sum).inputs.as_slice() else { return None };
        let variance = self.maker(variance, "ReduceMean").filter(|index| self.is_mean(*index))?;
        let square = self.maker(self.node(variance).inputs.first()?, "Mul")?;
        let epsilon = self.constant(epsilon)?.as_f32()?;
        let ([epsilon], [mean_of, ..]) = (epsilon.as_slice(), self.node(mean).inputs.as_slice()) else { return None };
        let inside = mean_of == x
            && self.node(square).inputs.iter().all(|input| input == above)
            && self.serves(mean, &[centred])
            && self.serves(centred, &[square, square, divide])
            && self.serves(square, &[variance])
            && self.serves(variance, &[sum])
            && self.serves(sum, &[root])
            && self.serves(root, &[divide]);
        if !inside {
            return None;
        }
        // Several styles may be laid over the same normalised tensor.
        let mut ends = Vec::new();
        for &scale in self.users_of(divide) {
            let node = self.graph.nodes.get(scale).filter(|node| node.is("Mul"))?;
            let gamma = node.inputs.iter().find(|input| Some(*input) != division.outputs.first())?.clone();
            let (shift, beta) = self.follower(scale, "Add")?;
            ends.push(End { scale, shift, gamma, beta });
        }
        Some(Norm {
            x: x.clone(),
            epsilon: *epsilon,
            inside: vec![mean, centred, square, variance, sum, root, divide],
            ends,
        })
    }

    fn join_norm(&mut self, norm: Norm) {
        for index in norm.inside {
            self.edits.insert(index, Vec::new());
        }
        for End { scale, shift, gamma, beta } in norm.ends {
            let output = self.node(shift).outputs[0].clone();
            let (flat_gamma, flat_beta) = (format!("{output}/gamma"), format!("{output}/beta"));
            let joined = Node::new(
                "InstanceNormalization",
                format!("{output}/norm"),
                &[&norm.x, &flat_gamma, &flat_beta],
                &[&output],
            )
            .with(Attribute::float("epsilon", norm.epsilon));
            let flatten = |from: &str, to: &str| Node::new("Reshape", to.to_owned(), &[from, FLAT], &[to]);
            self.edits.insert(scale, Vec::new());
            self.edits.insert(shift, vec![flatten(&gamma, &flat_gamma), flatten(&beta, &flat_beta), joined]);
            self.norms.insert(output, shift);
        }
    }

    /// Moves the factor of Snake activations into the normalisation before them. Returns how many.
    fn shorten_snakes(&mut self) -> usize {
        let sines = (0..self.graph.nodes.len()).filter(|index| self.node(*index).is("Sin"));
        let snakes: Vec<_> = sines.filter_map(|index| self.snake_at(index)).collect();
        let count = snakes.len();
        snakes.into_iter().for_each(|snake| self.shorten_snake(snake));
        count
    }

    /// The activation whose sine is the node `sine`.
    fn snake_at(&self, sine: usize) -> Option<Snake> {
        let product = self.maker(self.node(sine).inputs.first()?, "Mul")?;
        let power = *self.users_of(sine).first().filter(|power| **power != OUTSIDE)?;
        let squared = match self.node(power) {
            node if node.is("Pow") => self.constant(node.inputs.get(1)?)?.as_f32()?.as_slice() == [2.0],
            _ => false,
        };
        let (divided, inverse) = self.follower(power, "Mul")?;
        let (sum, x) = self.follower(divided, "Add")?;
        let norm = *self.norms.get(&x)?;
        let alpha = self.node(product).inputs.iter().find(|input| **input != x)?.clone();
        let (alphas, inverses) = (self.constant(&alpha)?.as_f32()?, self.constant(&inverse)?.as_f32()?);
        let inverted = alphas.len() == inverses.len()
            && alphas.iter().zip(&inverses).all(|(alpha, inverse)| (alpha * inverse - 1.0).abs() < 1e-3);
        let inside = self.node(product).inputs.contains(&x)
            && self.serves(norm, &[product, sum])
            && self.serves(product, &[sine])
            && self.serves(sine, &[power]);
        (squared && inverted && inside).then_some(Snake { product, sine, power, divided, sum, norm, alphas, inverse })
    }

    fn shorten_snake(&mut self, snake: Snake) {
        let output_of = |index: usize| self.node(index).outputs[0].clone();
        let (x, v, sine) = (output_of(snake.norm), output_of(snake.product), output_of(snake.sine));
        let (square, output) = (output_of(snake.power), output_of(snake.sum));
        let alpha = format!("{x}/alpha");
        self.added.push(Tensor::floats(&alpha, &snake.alphas));
        let nodes = self.edits.get_mut(&snake.norm).expect("the normalisation was put there");
        let mut norm = nodes.pop().expect("it is the last of its nodes");
        for input in &mut norm.inputs[1..] {
            let scaled = format!("{input}/scaled");
            nodes.push(Node::new("Mul", scaled.clone(), &[input, &alpha], &[&scaled]));
            *input = scaled;
        }
        norm.outputs[0].clone_from(&v);
        nodes.push(norm);
        let sum = format!("{output}/sum");
        self.edits.insert(snake.product, Vec::new());
        self.edits.insert(snake.power, vec![Node::new("Mul", square.clone(), &[&sine, &sine], &[&square])]);
        self.edits.insert(snake.divided, Vec::new());
        self.edits.insert(
            snake.sum,
            vec![
                Node::new("Add", sum.clone(), &[&v, &square], &[&sum]),
                Node::new("Mul", output.clone(), &[&sum, &snake.inverse], &[&output]),
            ],
        );
    }

    /// Gives convolutions of bytes signed activations and a second dimension. Returns how many.
    fn sign_convolutions(&mut self) -> usize {
        let all = 0..self.graph.nodes.len();
        let found: Vec<_> = all.filter_map(|index| self.convolution_at(index)).collect();
        let count = found.len();
        found.into_iter().for_each(|convolution| self.sign_convolution(convolution));
        count
    }

    fn convolution_at(&self, index: usize) -> Option<Convolution> {
        let node = self.node(index);
        let [x, weights, zero, _] = node.inputs.as_slice() else { return None };
        let quantised = self.maker(x, "DynamicQuantizeLinear").filter(|_| node.is("ConvInteger"))?;
        let tensor = self.constant(weights)?;
        let bytes = tensor.element == Some(UINT8) && tensor.dims.len() == 3;
        let own = self.users.get(weights).is_some_and(|users| users.len() == 1);
        let padded = node.attribute("auto_pad").and_then(|how| how.s.as_ref()).is_some_and(|how| how != "NOTSET");
        let numbers = |name: &str, default: &[i64]| match node.attribute(name) {
            Some(attribute) => attribute.ints.clone(),
            None => default.to_vec(),
        };
        let (pads, strides, dilations) =
            (numbers("pads", &[0, 0]), numbers("strides", &[1]), numbers("dilations", &[1]));
        let ([before, after], [stride], [dilation]) = (&pads[..], &strides[..], &dilations[..]) else { return None };
        let right = bytes && own && !padded && self.node(quantised).outputs.get(2) == Some(zero);
        right.then(|| Convolution {
            index,
            quantised,
            attributes: vec![
                Attribute::ints("kernel_shape", &[1, tensor.dims[2]]),
                Attribute::ints("pads", &[0, *before, 0, *after]),
                Attribute::ints("strides", &[1, *stride]),
                Attribute::ints("dilations", &[1, *dilation]),
                Attribute::int("group", node.attribute("group").and_then(|group| group.i).unwrap_or(1)),
            ],
        })
    }

    fn sign_convolution(&mut self, Convolution { index, quantised, attributes }: Convolution) {
        let node = self.node(index).clone();
        let signed = |name: &str| format!("{name}/signed");
        if !self.edits.contains_key(&quantised) {
            let quantise = self.node(quantised).clone();
            let mut nodes = Vec::new();
            for name in [&node.inputs[0], &node.inputs[2]] {
                let (flipped, signed) = (format!("{name}/flipped"), signed(name));
                // The top bit flipped and the byte read as signed is the byte minus 128.
                nodes.push(Node::new("BitwiseXor", flipped.clone(), &[name, TOP_BIT], &[&flipped]));
                nodes.push(
                    Node::new("Cast", signed.clone(), &[&flipped], &[&signed]).with(Attribute::int("to", INT8.into())),
                );
            }
            nodes.insert(0, quantise);
            self.edits.insert(quantised, nodes);
        }
        let weights = self.constants[&node.inputs[1]];
        self.graph.constants[weights].dims.insert(2, 1);
        let (input, output) = (format!("{}/wide", node.outputs[0]), format!("{}/tall", node.outputs[0]));
        let mut convolve = Node::new(
            "ConvInteger",
            node.name.clone().unwrap_or_default(),
            &[&input, &node.inputs[1], &signed(&node.inputs[2]), &node.inputs[3]],
            &[&output],
        );
        convolve.attributes = attributes;
        let nodes = vec![
            Node::new("Unsqueeze", input.clone(), &[&signed(&node.inputs[0]), SECOND], &[&input]),
            convolve,
            Node::new("Squeeze", output.clone(), &[&output, SECOND], &[&node.outputs[0]]),
        ];
        self.edits.insert(index, nodes);
    }
}

/// A normalisation as nine or more operators: indices of its nodes.
struct Norm {
    x: String,
    epsilon: f32,
    inside: Vec<usize>,
    ends: Vec<End>,
}

/// A style laid over a normalised tensor.
struct End {
    scale: usize,
    shift: usize,
    gamma: String,
    beta: String,
}

/// A Snake activation behind a normalisation: indices of its nodes.
struct Snake {
    product: usize,
    sine: usize,
    power: usize,
    divided: usize,
    sum: usize,
    norm: usize,
    alphas: Vec<f32>,
    inverse: String,
}

/// A convolution of bytes, the quantisation before it, and its attributes in two dimensions.
struct Convolution {
    index: usize,
    quantised: usize,
    attributes: Vec<Attribute>,
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array3};

    use super::*;
    use crate::{Session, SessionOptions};

    const CHANNELS: usize = 8;

    /// A part of a vocoder: a normalisation with style, Snake, a dilated convolution of bytes. Input `x` `[1, 8, n]` and
    /// `style` `[1, 8, 1]`, output `y` i32 as f32. `spoil` changes it before it is written.
    fn part(spoil: impl Fn(&mut Model)) -> Bytes {
        let value = |name: &str, dims: &[Option<i64>]| {
            // TypeProto.tensor_type (1) { elem_type (1): FLOAT, shape (2) { dim (1) { dim_value (1) } } }
            let mut shape = Vec::new();
            for dim in dims {
                let dim = dim.map_or_else(Vec::new, |dim| vec![0x08, dim as u8]);
                shape.extend([0x0a, dim.len() as u8]);
                shape.extend(dim);
            }
            let mut tensor = vec![0x08, 0x01, 0x12, shape.len() as u8];
            tensor.extend(shape);
            let mut kind = vec![0x0a, tensor.len() as u8];
            kind.extend(tensor);
            super::super::proto::Value { name: Some(name.into()), kind: Some(kind.into()), ..Default::default() }
        };
        let node =
            |operator: &str, inputs: &[&str], output: &str| Node::new(operator, output.to_owned(), inputs, &[output]);
        let alphas: Vec<f32> = (0..CHANNELS).map(|channel| 0.5 + channel as f32 * 0.25).collect();
        let column = |mut tensor: Tensor| {
            tensor.dims = vec![1, CHANNELS as i64, 1];
            tensor
        };
        let scalar = |name: &str, number: f32| Tensor { dims: vec![], ..Tensor::floats(name, &[number]) };
        // Weights below 100: no overflow on any processor.
        let weights: Vec<u8> = (0..CHANNELS * CHANNELS * 3).map(|n| (n * 37 % 100) as u8).collect();
        let mut quantise = node("DynamicQuantizeLinear", &["snake"], "q");
        quantise.outputs.extend(["q-scale".to_owned(), "q-zero".to_owned()]);
        let graph = Graph {
            name: Some("part".into()),
            nodes: vec![
                node("ReduceMean", &["x", "last"], "mean"),
                node("Sub", &["x", "mean"], "centred"),
                node("Mul", &["centred", "centred"], "square"),
                node("ReduceMean", &["square", "last"], "variance"),
                node("Add", &["variance", "epsilon"], "sum"),
                node("Sqrt", &["sum"], "root"),
                node("Div", &["centred", "root"], "normal"),
                node("Mul", &["style", "normal"], "scaled"),
                node("Add", &["scaled", "beta"], "styled"),
                node("Mul", &["alpha", "styled"], "product"),
                node("Sin", &["product"], "sine"),
                node("Pow", &["sine", "two"], "power"),
                node("Mul", &["inverse", "power"], "divided"),
                node("Add", &["styled", "divided"], "snake"),
                quantise,
                Node::new("ConvInteger", "conv".into(), &["q", "w", "q-zero", "w-zero"], &["conv"])
                    .with(Attribute::ints("pads", &[2, 2]))
                    .with(Attribute::ints("dilations", &[2])),
                node("Cast", &["conv"], "y").with(Attribute::int("to", 1)),
            ],
            constants: vec![
                Tensor::int64s("last", &[2]),
                scalar("epsilon", 1e-5),
                scalar("two", 2.0),
                column(Tensor::floats("beta", &alphas)),
                column(Tensor::floats("alpha", &alphas)),
                column(Tensor::floats("inverse", &alphas.iter().map(|alpha| 1.0 / alpha).collect::<Vec<_>>())),
                Tensor {
                    name: Some("w".into()),
                    dims: vec![CHANNELS as i64, CHANNELS as i64, 3],
                    element: Some(UINT8),
                    raw: Some(weights.into()),
                    ..Tensor::default()
                },
                Tensor::byte("w-zero", 50),
            ],
            inputs: vec![
                value("x", &[Some(1), Some(CHANNELS as i64), None]),
                value("style", &[Some(1), Some(CHANNELS as i64), Some(1)]),
            ],
            outputs: vec![value("y", &[Some(1), Some(CHANNELS as i64), None])],
            ..Graph::default()
        };
        let opsets = vec![super::super::proto::OperatorSet { domain: None, version: Some(20) }];
        let mut model = Model { ir_version: Some(9), graph: Some(graph), opsets, ..Model::default() };
        spoil(&mut model);
        model.encode_to_vec().into()
    }

    /// What a model makes of a sound.
    fn run(model: &[u8]) -> Vec<f32> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("part.onnx");
        std::fs::write(&path, model).expect("a temporary folder");
        let mut session = Session::load(&path, &SessionOptions::default()).expect("the runtime takes it");
        let x = Array3::from_shape_fn((1, CHANNELS, 50), |(_, c, t)| ((t * (c + 2)) as f32 * 0.7).sin() + c as f32);
        let style = Array1::linspace(0.5, 1.5, CHANNELS).into_shape_with_order((1, CHANNELS, 1)).expect("as many");
        let outputs = session.run(&[("x", x.into()), ("style", style.into())]).expect("it runs");
        outputs.f32("y").expect("it gives numbers").iter().copied().collect()
    }

    fn counts(processor: Processor, model: &Bytes) -> [usize; 3] {
        let changes = tuned(model, processor).map(|(_, changes)| changes).unwrap_or_default();
        [changes.norms, changes.snakes, changes.convolutions]
    }

    const WITH: Processor = Processor { byte_products: true };
    const WITHOUT: Processor = Processor { byte_products: false };

    #[test]
    fn a_rewritten_model_computes_the_same() {
        let plain = part(|_| {});
        let expected = run(&plain);
        let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        assert_eq!((counts(WITH, &plain), counts(WITHOUT, &plain)), ([1, 1, 1], [1, 1, 0]));
        for processor in [WITH, WITHOUT] {
            let (model, _) = tuned(&plain, processor).expect("there is something to do");
            let found = run(&model);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                // A step of the quantisation may fall to the other side.
                assert!((found - expected).abs() < 0.02 * largest, "{processor:?}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn signed_convolutions_are_equal_to_the_bit() {
        // Without the normalisation's pattern nothing before the convolution changes.
        let plain = part(|model| {
            let graph = model.graph.as_mut().expect("it is there");
            graph.nodes[4].inputs.swap(0, 1);
        });
        assert_eq!(counts(WITH, &plain), [0, 0, 1]);
        assert_eq!(run(&plain), run(&tuned(&plain, WITH).expect("the convolution").0));
    }

    #[test]
    fn what_only_looks_like_a_pattern_is_left_alone() {
        fn graph(model: &mut Model) -> &mut Graph {
            model.graph.as_mut().expect("it is there")
        }
        type Spoil = fn(&mut Model);
        let cases: &[(&str, Spoil, [usize; 3])] = &[
            ("the mean is used elsewhere", |m| graph(m).nodes[8].inputs[1] = "mean".into(), [0, 0, 1]),
            ("another dimension", |m| graph(m).constants[0] = Tensor::int64s("last", &[1]), [0, 0, 1]),
            ("a third power", |m| graph(m).constants[2].floats = vec![3.0], [1, 0, 1]),
            ("the inverse of something else", |m| graph(m).constants[5].floats[3] = 9.0, [1, 0, 1]),
            ("signed weights", |m| graph(m).constants[6].element = Some(INT8), [1, 1, 0]),
            ("another zero point", |m| graph(m).nodes[15].inputs[2] = "w-zero".into(), [1, 1, 0]),
            ("old operators", |m| m.opsets[0].version = Some(17), [0, 0, 0]),
            (
                "an inner graph",
                |m| {
                    let inner = Attribute { graph: Some(Bytes::new()), ..Attribute::default() };
                    graph(m).nodes[0].attributes.push(inner);
                },
                [0, 0, 0],
            ),
        ];
        for (what, spoil, expected) in cases {
            assert_eq!(counts(WITH, &part(spoil)), *expected, "{what}");
        }
        assert!(tuned(&Bytes::from_static(b"no model"), WITH).is_none());
    }
}
