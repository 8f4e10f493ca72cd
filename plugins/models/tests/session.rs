//! A shipped model in the real runtime. Needs the fetched ONNX Runtime: `visage models fetch onnxruntime`.

use ndarray::{Array1, Array4};
use visage_models::{Outputs, Session, SessionError, SessionOptions, Store, Tensor, runtime};

fn face() -> Session {
    let path = Store::default().file("face", "face_landmark.onnx").expect("it is shipped");
    Session::load(&path, &SessionOptions::default()).expect("the runtime takes it")
}

/// A grey picture for the face mesh: 192×192 RGB in 0..=1.
fn grey() -> Tensor {
    Array4::<f32>::from_elem((1, 192, 192, 3), 0.5).into()
}

fn run(session: &mut Session, picture: Tensor) -> Result<Outputs, SessionError> {
    let input = session.inputs()[0].name.clone();
    session.run(&[(&input, picture)])
}

#[test]
fn the_runtime_is_found_and_new_enough() {
    let (path, build) = runtime().expect("it was fetched");
    assert!(path.to_string_lossy().contains("onnxruntime"), "{}", path.display());
    assert!(!build.is_empty());
}

#[test]
fn the_face_mesh_gives_468_points() {
    let mut session = face();
    assert_eq!(session.inputs()[0].element, "f32");
    assert_eq!(session.inputs()[0].shape, [Some(1), Some(192), Some(192), Some(3)]);
    let mut outputs = run(&mut session, grey()).expect("it runs");
    let lengths: Vec<_> = outputs.names().map(|name| outputs.f32(name).expect("all are f32").len()).collect();
    assert!(lengths.contains(&(468 * 3)), "{lengths:?}");
    assert!(lengths.contains(&1), "{lengths:?}");
    let name = outputs.names().next().expect("there are outputs").to_owned();
    assert!(matches!(outputs.i64(&name), Err(SessionError::Output { .. })));
    let taken = outputs.take_f32(&name).expect("it is there");
    assert!(taken.iter().all(|value| value.is_finite()));
    assert!(outputs.take_f32(&name).is_err(), "it was taken");
}

#[test]
fn rows_in_another_order_are_put_right() {
    let mut session = face();
    let picture = Array4::from_shape_fn((1, 192, 192, 3), |(_, y, x, c)| (x + 2 * y + c) as f32 / 600.0);
    let turned = Array4::from_shape_fn((3, 192, 192, 1), |(c, x, y, n)| picture[(n, y, x, c)]).reversed_axes();
    assert!(!turned.is_standard_layout() && turned == picture);
    let name = session.outputs()[0].name.clone();
    let [one, two] =
        [picture, turned].map(|picture| run(&mut session, picture.into()).expect("it runs").f32(&name).cloned());
    assert_eq!(one.expect("f32"), two.expect("f32"));
}

#[test]
fn wrong_inputs_are_refused_in_words() {
    let mut session = face();
    let input = session.inputs()[0].name.clone();
    let small = || Tensor::from(Array4::<f32>::zeros((1, 64, 64, 3)));
    let cases: Vec<(Vec<(&str, Tensor)>, &str)> = vec![
        (vec![], "it was not given"),
        (vec![("picture", grey())], "its inputs are"),
        (vec![(&input, small())], "it wants the shape [1, 192, 192, 3], not [1, 64, 64, 3]"),
        (vec![(&input, Tensor::from(Array1::<f32>::zeros(3)))], "it wants the shape"),
        (vec![(&input, Tensor::from(Array4::<i64>::zeros((1, 192, 192, 3))))], "it wants f32, not i64"),
        (vec![(&input, grey()), (&input, grey())], "given twice"),
    ];
    for (inputs, expected) in cases {
        let error = session.run(&inputs).expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("face_landmark.onnx"), "{error}");
    }
    let outputs = run(&mut session, grey()).expect("a refusal does no harm");
    let error = outputs.f32("blendshapes").expect_err("there is none").to_string();
    assert!(error.contains("its outputs are"), "{error}");
}

#[test]
fn an_internal_tensor_becomes_an_output() {
    let path = Store::default().file("piper-en-joe", "en_US-joe-medium.onnx").expect("it was fetched");
    let options = SessionOptions { extra_outputs: vec!["/Ceil_output_0".into()], ..SessionOptions::default() };
    let mut session = Session::load(&path, &options).expect("the voice has this tensor");
    // "^", five phonemes with pauses between, "$", by the voice's own table.
    let phonemes: Vec<i64> = vec![1, 0, 20, 0, 120, 0, 59, 0, 24, 0, 59, 0, 2];
    let length = phonemes.len();
    let outputs = session
        .run(&[
            ("input", ndarray::Array2::from_shape_vec((1, length), phonemes).expect("one row").into()),
            ("input_lengths", Array1::from_elem(1, length as i64).into()),
            ("scales", Array1::from_vec(vec![0.667f32, 1.0, 0.8]).into()),
        ])
        .expect("it speaks");
    let durations = outputs.f32("/Ceil_output_0").expect("it is an output now");
    assert_eq!(durations.len(), length);
    let samples = outputs.f32("output").expect("the sound").len();
    assert_eq!(durations.sum() as usize * 256, samples, "a duration is in frames of 256 samples");

    let options = SessionOptions { extra_outputs: vec!["/Nothing".into()], ..SessionOptions::default() };
    assert!(matches!(Session::load(&path, &options), Err(SessionError::Load { .. })));
}

#[test]
fn what_is_no_model_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("broken.onnx");
    let missing = Session::load(&path, &SessionOptions::default());
    assert!(matches!(missing, Err(SessionError::Read { .. })));
    std::fs::write(&path, b"no model").expect("a temporary folder");
    let error = Session::load(&path, &SessionOptions::default()).expect_err("it is no model").to_string();
    assert!(error.contains("broken.onnx"), "{error}");
}
