//! The bytes, against those that TensorBoard's own classes give.

use super::*;
use messages::Event as Message;
use prost::Message as _;
use tunefork_space::{Domain, Parameter};
use tunefork_study::StudyHeader;
use tunefork_trial::Direction;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn space() -> Space {
    let parameter = |name: &str, domain: Result<Domain, _>| Parameter::new(name, domain.unwrap());
    Space::new(vec![parameter("lr", Domain::log(1e-4, 1.0)), parameter("opt", Domain::choice(["adam", "sgd"]))])
        .unwrap()
}

fn content(value: &SummaryValue) -> String {
    hex(&value.metadata.as_ref().unwrap().plugin.as_ref().unwrap().content)
}

#[test]
fn records_have_the_bytes_of_tensorboard() {
    let version = Message { file_version: Some(messages::VERSION.to_owned()), ..Message::default() };
    let framed = records::record(&version.encode_to_vec());
    assert_eq!(hex(&framed), "0f000000000000006d532b091a0d627261696e2e4576656e743a32fc985129");
    let summary = messages::Summary { value: vec![scalar("loss".to_owned(), 0.25)] };
    let event = Message { wall_time: 1.5, step: 3, summary: Some(summary), ..Message::default() };
    let expected = "1a00000000000000129bd82d09000000000000f83f10032a0d0a0b0a046c6f7373150000803ed054b255";
    assert_eq!(hex(&records::record(&event.encode_to_vec())), expected);
}

#[test]
fn trials_have_the_bytes_of_tensorboard() {
    let mut params = Params::default();
    params.set("lr", 0.5);
    params.set("opt", "adam");
    let start = hparams::session_start(&space(), "trial-0007", &params, 2.5);
    let expected = "1a350a0f0a026c72120911000000000000e03f0a0d0a036f707412061a046164616d\
                    220a747269616c2d30303037290000000000000440";
    assert_eq!(content(&start), expected);
    let end = hparams::session_end(TrialState::Pruned, 4.0);
    let expected = "0a1a5f68706172616d735f2f73657373696f6e5f656e645f696e666f42060801120212004a1a0a180a0768706172616d73\
                    120d220b0801110000000000001040";
    assert_eq!(hex(&end.encode_to_vec()), expected);
}

#[test]
fn the_experiment_has_the_bytes_of_tensorboard() {
    let metric = Some("validation accuracy".to_owned());
    let header = StudyHeader { metric, ..StudyHeader::new("demo", Direction::Maximize, 0) };
    let experiment = hparams::experiment(&Subject::new(&header, &space()), 1.0);
    let expected = "1286010a1d76616c69646174696f6e2061636375726163792c206d6178696d697a6519000000000000f03f\
                    221a0a026c7220033212092d431cebe2361a3f11000000000000f03f22180a036f707420012a0f0a061a046164616d0a051a03\
                    7367642a200a07120576616c75651a1376616c69646174696f6e2061636375726163792802320464656d6f";
    assert_eq!(content(&experiment), expected);
}

#[test]
fn folders_of_trials_are_known_by_their_names() {
    assert!(["trial-0000", "trial-0123", "trial-12345"].into_iter().all(is_trial_name));
    assert!(!["trial-1", "trial-00001", "trial-", "trial-000x", "0001"].into_iter().any(is_trial_name));
}
