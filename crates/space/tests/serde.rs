//! Values and named values as they are written to files.

use tunefork_space::{Params, Value};

#[test]
fn params_are_a_map_in_their_order() {
    let text = r#"{"b":1,"a":0.5,"c":1.0,"n":null,"t":"x","f":true}"#;
    let params: Params = serde_json::from_str(text).unwrap();
    assert_eq!(params.get("b"), Some(&Value::Int(1)));
    assert_eq!(params.get("c"), Some(&Value::Float(1.0)));
    assert_eq!(params.get("n"), Some(&Value::Null));
    assert_eq!(serde_json::to_string(&params).unwrap(), text);
    let twice = serde_json::from_str::<Params>(r#"{"a":1,"a":2}"#).unwrap_err();
    assert!(twice.to_string().starts_with("parameter `a` stands twice"), "{twice}");
}

#[test]
fn floats_are_equal_by_their_bits_and_read_well() {
    assert_eq!(Value::Float(f64::NAN), Value::Float(f64::NAN));
    assert_ne!(Value::Float(0.0), Value::Float(-0.0));
    assert_ne!(Value::Float(1.0), Value::Int(1));
    assert_eq!(Value::from(1e-5).to_string(), "1e-5");
    assert_eq!(Value::from(2.0).to_string(), "2.0");
    assert_eq!(Value::Float(3.0).as_i64(), Some(3));
    assert_eq!(Value::Float(3.5).as_i64(), None);
}
