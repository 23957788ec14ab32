//! JSON against a JSON schema, as far as the schemas of this program go: a keyword that is not known here is a failure.

use serde_json::{Map, Value};

/// What is wrong with `value` by the schema `root`, each with its place; nothing where it is valid.
pub(crate) fn faults(root: &Value, value: &Value) -> Vec<String> {
    check(root, root, value, "$")
}

/// Keywords that only tell.
const TELLING: [&str; 7] = ["$schema", "title", "description", "format", "$defs", "default", "$id"];

fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schema = match schema {
        Value::Bool(true) => return Vec::new(),
        Value::Object(schema) => schema,
        other => return vec![format!("{at}: no schema: {other}")],
    };
    let keywords = schema.iter().filter(|(keyword, _)| !TELLING.contains(&keyword.as_str()));
    keywords.flat_map(|(keyword, by)| keyword_faults(root, schema, (keyword, by), value, at)).collect()
}

fn keyword_faults(
    root: &Value,
    schema: &Map<String, Value>,
    (keyword, by): (&str, &Value),
    value: &Value,
    at: &str,
) -> Vec<String> {
    let fault =
        |is_valid: bool| if is_valid { Vec::new() } else { vec![format!("{at}: {value} is not {keyword} {by}")] };
    let valid = |schemas: &Value| list(schemas).iter().filter(|one| check(root, one, value, at).is_empty()).count();
    match keyword {
        "$ref" => check(root, &root["$defs"][by.as_str().unwrap().trim_start_matches("#/$defs/")], value, at),
        "oneOf" => fault(valid(by) == 1),
        "anyOf" => fault(valid(by) >= 1),
        "const" => fault(value == by),
        "enum" => fault(list(by).contains(value)),
        "type" if by.is_array() => fault(list(by).iter().any(|name| is_of(value, name))),
        "type" => fault(is_of(value, by)),
        "minimum" => fault(value.as_f64().is_none_or(|number| number >= by.as_f64().unwrap())),
        "maximum" => fault(value.as_f64().is_none_or(|number| number <= by.as_f64().unwrap())),
        "required" => {
            fault(value.as_object().is_none_or(|map| list(by).iter().all(|name| map.contains_key(text(name)))))
        }
        "items" => elements(value).flat_map(|element| check(root, by, element, &format!("{at}[]"))).collect(),
        "properties" => members(value)
            .filter_map(|(name, member)| Some(check(root, by.get(name)?, member, &format!("{at}.{name}"))))
            .flatten()
            .collect(),
        "additionalProperties" => {
            let others = members(value)
                .filter(|(name, _)| schema.get("properties").is_none_or(|known| known.get(name).is_none()));
            match by {
                Value::Bool(false) => others.map(|(name, _)| format!("{at}: {name} is not known")).collect(),
                _ => others.flat_map(|(name, member)| check(root, by, member, &format!("{at}.{name}"))).collect(),
            }
        }
        other => panic!("{at}: the keyword {other} is not known here"),
    }
}

fn is_of(value: &Value, name: &Value) -> bool {
    match text(name) {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known here"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
