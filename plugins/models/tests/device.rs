//! Networks behind each other, and what they run on. Needs the fetched ONNX Runtime: `visage models fetch onnxruntime`.
//!
//! `VISAGE_PROVIDER` chooses what the chain of networks runs on; without it that is the processor.

mod onnx;

use ndarray::{Array1, Array2, ArrayD};
use onnx::{Element, model};
use visage_models::{
    DeviceTensor, Input, Provider, ProviderChoice, Session, SessionError, SessionOptions, Tensor, offered, probe,
};

/// The provider of `VISAGE_PROVIDER`, or the best there is.
fn auto() -> SessionOptions {
    SessionOptions { provider: ProviderChoice::Auto, ..SessionOptions::default() }
}

fn load(name: &str, bytes: &[u8]) -> Session {
    Session::from_bytes(name, bytes, &auto()).expect("the runtime takes it")
}

/// x → 2x and x².
fn doubler() -> Session {
    let nodes = [("Add", &["x", "x"][..], &["double"][..], None), ("Mul", &["x", "x"][..], &["square"][..], None)];
    let port = |name| (name, Element::F32, &[2, 3][..]);
    load("doubler", &model(&nodes, &[port("x")], &[port("double"), port("square")]))
}

/// a, b → a − b.
fn difference() -> Session {
    let port = |name| (name, Element::F32, &[2, 3][..]);
    load("difference", &model(&[("Sub", &["a", "b"], &["y"], None)], &[port("a"), port("b")], &[port("y")]))
}

fn x() -> Array2<f32> {
    Array2::from_shape_fn((2, 3), |(row, column)| (3 * row + column) as f32 - 2.0)
}

fn double_of(x: &Array2<f32>) -> DeviceTensor {
    let tensor = Tensor::from(x.clone());
    let mut outputs = doubler().run_with(&[("x", Input::from(&tensor))], &["double"]).expect("it runs");
    outputs.take_device("double").expect("it was kept")
}

fn on_host(tensor: &DeviceTensor) -> ArrayD<f32> {
    match tensor.to_host().expect("it comes") {
        Tensor::F32(array) => array,
        Tensor::I64(_) => panic!("it is f32"),
    }
}

#[test]
fn what_one_network_keeps_goes_into_the_next() {
    let x = x();
    let kept = double_of(&x);
    assert_eq!((kept.shape(), kept.element()), (&[2, 3][..], "f32"));
    let host = Tensor::from(x.clone());
    let mut second = difference();
    for _ in 0..3 {
        // The same tensor may be given again and again.
        let outputs = second.run_with(&[("b", Input::from(&host)), ("a", Input::from(&kept))], &[]).expect("it runs");
        assert_eq!(outputs.f32("y").expect("it came"), &x.clone().into_dyn());
    }
    // Round again, without coming back between.
    let inputs = [("a", Input::from(&kept)), ("b", Input::from(&host))];
    let once = second.run_with(&inputs, &["y"]).expect("it runs").take_device("y").expect("it was kept");
    let inputs = [("a", Input::from(&kept)), ("b", Input::from(&once))];
    let twice = second.run_with(&inputs, &["y"]).expect("it runs").take_device("y").expect("it was kept");
    assert_eq!(on_host(&twice), x.into_dyn());
}

#[test]
fn the_rest_comes_to_the_processor_and_what_is_kept_does_not() {
    let tensor = Tensor::from(x());
    let mut session = doubler();
    let mut outputs = session.run_with(&[("x", Input::from(&tensor))], &["double"]).expect("it runs");
    assert_eq!(outputs.f32("square").expect("it came"), &x().mapv(|x| x * x).into_dyn());
    let error = outputs.f32("double").expect_err("it is elsewhere").to_string();
    assert!(error.contains("kept on its device"), "{error}");
    let error = outputs.take_device("square").expect_err("it came").to_string();
    assert!(error.contains("not kept"), "{error}");
    assert!(matches!(outputs.take_device("triple"), Err(SessionError::Output { .. })));
    outputs.take_device("double").expect("it was kept");
    assert!(matches!(outputs.take_device("double"), Err(SessionError::Output { .. })), "it was taken");

    let error = session.run_with(&[("x", Input::from(&tensor))], &["triple"]).expect_err("there is none").to_string();
    assert!(error.contains("its outputs are \"double\", \"square\""), "{error}");
}

#[test]
fn what_is_kept_outlives_its_session_its_input_and_later_runs() {
    let kept = double_of(&x());
    let mut session = doubler();
    let mut all = Vec::new();
    for factor in 1..=20u8 {
        let tensor = Tensor::from(x() * f32::from(factor));
        let mut outputs = session.run_with(&[("x", Input::from(&tensor))], &["double"]).expect("it runs");
        all.push(outputs.take_device("double").expect("it was kept"));
    }
    drop(session);
    for (factor, tensor) in (1..=20u8).zip(&all) {
        assert_eq!(on_host(&tensor.clone()), (x() * f32::from(2 * factor)).into_dyn());
    }
    assert_eq!(on_host(&kept), (x() * 2.0).into_dyn());

    // A network that gives what it takes must not give the memory that it was lent.
    let port = |name| (name, Element::F32, &[2, 3][..]);
    let mut identity = load("identity", &model(&[("Identity", &["x"], &["y"], None)], &[port("x")], &[port("y")]));
    let mut tensor = Tensor::from(x());
    let kept = identity.run_with(&[("x", Input::from(&tensor))], &["y"]).expect("it runs").take_device("y");
    if let Tensor::F32(array) = &mut tensor {
        array.fill(9.0);
    }
    assert_eq!(on_host(&kept.expect("it was kept")), x().into_dyn());
}

#[test]
fn tensors_on_a_device_are_checked_like_others() {
    let kept = double_of(&x());
    let nodes = [("Cast", &["y"][..], &["whole"][..], Some(("to", Element::I64 as u64)))];
    let mut cast = load("cast", &model(&nodes, &[("y", Element::F32, &[2, 3])], &[("whole", Element::I64, &[2, 3])]));
    let whole = cast.run_with(&[("y", Input::from(&kept))], &["whole"]).expect("it runs").take_device("whole");
    let whole = whole.expect("it was kept");
    assert_eq!(whole.element(), "i64");
    assert_eq!(whole.to_host().expect("it comes"), Tensor::from(x().mapv(|x| 2 * x as i64)));

    let nodes = [("Relu", &["y"][..], &["z"][..], None)];
    let mut long = load("long", &model(&nodes, &[("y", Element::F32, &[7])], &[("z", Element::F32, &[7])]));
    let other = Tensor::from(Array1::<f32>::zeros(7));
    let cases: Vec<(Vec<(&str, Input<'_>)>, &str)> = vec![
        (vec![("y", Input::from(&kept))], "it wants the shape [7], not [2, 3]"),
        (vec![("y", Input::from(&whole))], "it wants f32, not i64"),
        (vec![], "it was not given"),
        (vec![("z", Input::from(&kept))], "its inputs are"),
        (vec![("y", Input::from(&other)), ("y", Input::from(&kept))], "given twice"),
    ];
    for (inputs, expected) in cases {
        let error = long.run_with(&inputs, &[]).expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("long"), "{error}");
    }
    long.run_with(&[("y", Input::from(&other))], &[]).expect("a refusal does no harm");
}

#[test]
fn elements_that_the_processor_does_not_use_may_go_between_networks() {
    let half = Some(("to", Element::F16 as u64));
    let mut narrow = load(
        "narrow",
        &model(&[("Cast", &["x"], &["h"], half)], &[("x", Element::F32, &[2, 3])], &[("h", Element::F16, &[2, 3])]),
    );
    let full = Some(("to", Element::F32 as u64));
    let mut wide = load(
        "wide",
        &model(&[("Cast", &["h"], &["y"], full)], &[("h", Element::F16, &[2, 3])], &[("y", Element::F32, &[2, 3])]),
    );
    let tensor = Tensor::from(x());
    let mut outputs = narrow.run_with(&[("x", Input::from(&tensor))], &["h"]).expect("it runs");
    let kept = outputs.take_device("h").expect("it was kept");
    assert_eq!(kept.element(), "f16");
    assert!(matches!(kept.to_host(), Err(SessionError::Output { .. })));
    let outputs = wide.run_with(&[("h", Input::from(&kept))], &[]).expect("it runs");
    assert_eq!(outputs.f32("y").expect("it came"), &x().into_dyn());
}

#[test]
fn a_session_says_what_it_runs_on_and_why() {
    let port = |name| (name, Element::F32, &[2, 3][..]);
    let bytes = model(&[("Relu", &["x"], &["y"], None)], &[port("x")], &[port("y")]);
    let plain = Session::from_bytes("relu", &bytes, &SessionOptions::default()).expect("the runtime takes it");
    assert_eq!(plain.provider().provider, Provider::Cpu, "small networks stay on the processor");

    let offered = offered().expect("the runtime was fetched");
    assert!(offered.contains(&Provider::Cpu));
    for provider in Provider::ALL.into_iter().filter(|provider| !offered.contains(provider)) {
        let options = SessionOptions { provider: ProviderChoice::Only(provider), ..SessionOptions::default() };
        let error = Session::from_bytes("relu", &bytes, &options).expect_err("it is not there").to_string();
        assert!(error.contains("relu") && error.contains("not in this ONNX Runtime build"), "{error}");
    }
    let chosen = load("relu", &bytes).provider().clone();
    assert!(!chosen.reason.is_empty());
    assert!(offered.contains(&chosen.provider), "{chosen}");
}

#[test]
fn the_probe_runs_on_something() {
    let chosen = probe(ProviderChoice::Only(Provider::Cpu)).expect("every library has it");
    assert_eq!(chosen.provider, Provider::Cpu);
}
