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
    let list = serde_json::from_str::<Params>("[1]").unwrap_err().to_string();
    assert!(list.contains("expected a map from parameter names to values"), "{list}");
}

#[test]
fn floats_are_equal_by_their_bits_and_read_well() {
    assert_eq!(Value::Float(f64::NAN), Value::Float(f64::NAN));
    assert_ne!(Value::Float(0.0), Value::Float(-0.0));
    assert_ne!(Value::Float(1.0), Value::Int(1));
    assert_eq!(Value::from(1e-5).to_string(), "1e-5");
    assert_eq!(Value::from(2.0).to_string(), "2.0");
}

/// Each kind of value by each way to read it.
#[test]
fn values_are_read_as_what_they_are() {
    let two_63 = 9_223_372_036_854_775_808.0;
    for (value, float, int, bool, str) in [
        (Value::Null, None, None, None, None),
        (true.into(), None, None, Some(true), None),
        (false.into(), None, None, Some(false), None),
        (7.into(), Some(7.0), Some(7), None, None),
        (3.0.into(), Some(3.0), Some(3), None, None),
        (3.5.into(), Some(3.5), None, None, None),
        (two_63.into(), Some(two_63), None, None, None),
        ((-two_63).into(), Some(-two_63), Some(i64::MIN), None, None),
        (f64::INFINITY.into(), Some(f64::INFINITY), None, None, None),
        ("relu".into(), None, None, None, Some("relu")),
    ] {
        assert_eq!((value.as_f64(), value.as_i64(), value.as_bool(), value.as_str()), (float, int, bool, str));
    }
}

#[test]
fn values_are_equal_within_their_kind() {
    let values =
        [Value::Null, false.into(), true.into(), 0.into(), 1.into(), 0.0.into(), 1.0.into(), "0".into(), "1".into()];
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            assert_eq!(a == b, i == j, "{a:?} and {b:?}");
        }
    }
}
