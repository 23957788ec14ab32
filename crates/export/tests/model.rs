//! Models survive the way through a file, and other files are refused with a reason.

use std::collections::HashMap;

use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tunefork_data::{Fit, Normalisation};
use tunefork_export::{DESCRIPTION_KEY, Model, Tensor};
use tunefork_nn::{ConvBlock, Image, Network, Norm};

fn model() -> Model {
    with_norm(Some(Norm::Batch))
}

fn with_norm(norm: Option<Norm>) -> Model {
    let network = Network {
        blocks: vec![ConvBlock { residual: true, norm, ..ConvBlock::new(3) }],
        hidden: vec![4],
        dropout: 0.3,
        ..Network::new(Image::new(8, 8, 3), 2)
    };
    let tensor = |(index, parameter): (usize, tunefork_nn::Parameter)| Tensor {
        values: (0..parameter.len()).map(|i| (i + index) as f32 * 0.1 - 1.0).collect(),
        shape: parameter.torch_shape(),
        name: parameter.name,
    };
    let mut tensors: Vec<Tensor> = network.parameters().unwrap().into_iter().enumerate().map(tensor).collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Model {
        network,
        fit: Fit::Stretch,
        normalisation: Normalisation::new(&[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]).unwrap(),
        classes: vec!["Katze".into(), "Hündchen".into()],
        tensors,
    }
}

/// A safetensors file with one tensor and this description.
fn file(description: Option<&str>, dtype: Dtype) -> Vec<u8> {
    let bytes = [0; 8];
    let count = 8 / (dtype.bitsize() / 8);
    let view = TensorView::new(dtype, vec![count], &bytes).unwrap();
    let metadata = description.map(|text| HashMap::from([(DESCRIPTION_KEY.into(), text.into())]));
    safetensors::serialize([("fc.weight", view)], metadata).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    Model::from_bytes(bytes).unwrap_err().to_string()
}

/// The description in the file of a model.
fn description(model: &Model) -> String {
    let bytes = model.to_bytes().unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    metadata.metadata().as_ref().unwrap()[DESCRIPTION_KEY].clone()
}

#[test]
fn the_description_has_the_form_of_earlier_files() {
    let block = r#""activation":"relu","pool":{"kind":"max","window":2,"stride":2,"padding":0},"residual":true"#;
    let description = description(&model());
    assert!(description.contains(block), "{description}");
    assert!(description.contains(r#""input":{"height":8,"width":8,"channels":3}"#), "{description}");
}

#[test]
fn norms_come_back_in_the_form_of_earlier_files_where_they_knew_them() {
    for (norm, written) in [
        (None, r#""batch_norm":false"#),
        (Some(Norm::Batch), r#""batch_norm":true"#),
        (Some(Norm::Group { groups: 3 }), r#""batch_norm":{"groups":3}"#),
    ] {
        let model = with_norm(norm);
        assert!(description(&model).contains(written), "{}", description(&model));
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
    }
}

#[test]
fn a_model_comes_back_as_it_was() {
    let model = model();
    let bytes = model.to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    assert_eq!(model.to_bytes().unwrap(), bytes, "equal models give equal bytes");
}

#[test]
fn special_values_keep_their_bits() {
    let mut model = model();
    model.tensors[0].values[0] = f32::NAN;
    model.tensors[0].values[1] = -0.0;
    let back = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    let bits = |model: &Model| model.tensors[0].values[..2].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&back), bits(&model));
}

#[test]
fn other_files_are_refused_with_a_reason() {
    let foreign = refusal(&file(None, Dtype::F32));
    assert!(foreign.contains("written by another program"), "{foreign}");
    assert!(foreign.ends_with("its tensors are fc.weight"), "{foreign}");

    let newer = refusal(&file(Some(r#"{"format": 9}"#), Dtype::F32));
    assert!(newer.contains("format 9, this program knows up to 1"), "{newer}");

    let damaged = refusal(&file(Some(r#"{"format": 1, "network": 3}"#), Dtype::F32));
    assert!(damaged.starts_with("its description of the network is damaged"), "{damaged}");

    let halves = refusal(&file(Some(&description(&model())), Dtype::F16));
    assert_eq!(halves, "tensor `fc.weight` holds F16 values, only F32 can be used");

    let classes = description(&model()).replace(r#","Hündchen""#, "");
    let classes = refusal(&file(Some(&classes), Dtype::F32));
    assert_eq!(classes, "it names 1 classes, its network has 2 outputs");

    assert!(refusal(b"PK\x03\x04 a zip file, really").starts_with("it is not a safetensors file"));
    assert!(refusal(b"").starts_with("it is not a safetensors file"));
}

#[test]
fn files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mein Modell.safetensors");
    let missing = Model::read(&path).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read `"), "{missing}");
    std::fs::write(&path, file(None, Dtype::F32)).unwrap();
    let foreign = Model::read(&path).unwrap_err().to_string();
    assert!(foreign.contains("mein Modell.safetensors` cannot be used as a model: it was"), "{foreign}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage is answered by an error or leaves another valid model, never by a panic.
    #[test]
    fn damaged_files_never_panic(at in 0.0..1.0f64, byte in any::<u8>(), cut in 0.0..1.0f64) {
        let mut bytes = model().to_bytes().unwrap();
        let place = (at * bytes.len() as f64) as usize;
        bytes[place] = byte;
        let _ = Model::from_bytes(&bytes);
        bytes.truncate((cut * bytes.len() as f64) as usize);
        prop_assert!(Model::from_bytes(&bytes).is_err());
    }
}
