//! What is no model of its network becomes no ONNX file, and equal models become equal files.

use proptest::prelude::*;
use tunefork_data::{Fit, Normalisation};
use tunefork_export::{Model, OnnxInput, OnnxOptions, Tensor};
use tunefork_nn::{ConvBlock, Image, Network, Norm};

fn model() -> Model {
    let block = ConvBlock { norm: Some(Norm::Group { groups: 1 }), ..ConvBlock::new(2) };
    let network = Network { blocks: vec![block], ..Network::new(Image::new(4, 4, 1), 2) };
    let tensors = network.parameters().unwrap().into_iter().map(|parameter| Tensor {
        values: vec![0.5; parameter.len()],
        shape: parameter.torch_shape(),
        name: parameter.name,
    });
    Model {
        tensors: tensors.collect(),
        network,
        fit: Fit::Crop,
        normalisation: Normalisation::new(&[0.5], &[0.25]).unwrap(),
        classes: vec!["cat".into(), "dog".into()],
    }
}

fn refusal(change: impl FnOnce(&mut Model)) -> String {
    let mut model = model();
    change(&mut model);
    model.to_onnx(&OnnxOptions::default()).unwrap_err().to_string()
}

#[test]
fn equal_models_give_equal_files_and_each_input_another() {
    let files = [OnnxInput::Scaled, OnnxInput::Raw, OnnxInput::Normalised].map(|input| {
        let options = OnnxOptions { input };
        let file = model().to_onnx(&options).unwrap();
        assert_eq!(file, model().to_onnx(&options).unwrap());
        file
    });
    assert!(files[0] != files[1] && files[1] != files[2] && files[0] != files[2]);
}

#[test]
fn tensors_that_are_not_the_networks_are_named() {
    let missing = refusal(|model| model.tensors.retain(|tensor| tensor.name != "blocks.0.norm.bias"));
    assert_eq!(missing, "the model lacks the tensor `blocks.0.norm.bias` of its network");
    let shape = refusal(|model| model.network.classes = 3);
    assert_eq!(shape, "the tensor `classifier.weight` has the shape [2, 8], its network needs [3, 8]");
    let unknown = refusal(|model| model.network.blocks[0].norm = None);
    assert_eq!(unknown, "the model has a tensor `blocks.0.norm.bias`, its network has none of this name");
    let short = refusal(|model| model.tensors[0].values.truncate(3));
    assert!(short.starts_with("the tensor `blocks.0.conv.weight` has the shape"), "{short}");
    let network = refusal(|model| model.network.blocks[0].kernel = 9);
    assert!(network.contains("blocks.0.conv: a kernel of 9x9"), "{network}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A description that was spoilt on the way gives an error or a file, never a panic.
    #[test]
    fn spoilt_descriptions_never_panic(kernel in 0..300usize, groups in 0..5usize, channels in 0..5usize, side in 0..70usize) {
        let mut model = model();
        let block = ConvBlock { kernel, channels, norm: Some(Norm::Group { groups }), ..ConvBlock::new(2) };
        model.network.blocks = vec![block];
        model.network.input.height = side;
        let _ = model.to_onnx(&OnnxOptions::default());
    }
}
