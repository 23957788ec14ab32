//! A JSON schema of study files, by which editors complete and check them while they are written.
//!
//! It says what the table of keys says. What needs more than one value to judge (conditions that name nothing, a
//! default outside of its domain) is left to the program.

use serde_json::{Map, Value as Json, json};

use super::key::{Key, Preset, Section, Shape};
use super::kind::{Edge, Range, ValueKind};
use super::reader::GROWING;
use super::table::KEYS;

/// The schema, in draft 7: what taplo and the editors built on it read. The text of `docs/study.schema.json`.
pub fn schema() -> Json {
    let sections = Section::ALL.iter().map(|section| (section.name().to_string(), of_section(*section)));
    let lists = [
        ("trial", json!({ "description": "Trials to be tried first.", "type": "array", "items": reference("values") })),
        (
            "experiment",
            json!({ "description": "Configurations that are given.", "type": "array", "items": experiment() }),
        ),
        (
            "hypothesis",
            json!({ "description": "Claims that the report judges.", "type": "array", "items": hypothesis() }),
        ),
    ];
    let lists = lists.into_iter().map(|(title, schema)| (title.to_string(), schema));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A study of Tunefork",
        "type": "object",
        "properties": sections.chain(lists).collect::<Map<_, _>>(),
        "additionalProperties": false,
        "definitions": definitions(),
    })
}

fn reference(definition: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{definition}") })
}

fn definitions() -> Map<String, Json> {
    let constants = Key::varying().map(|key| (key.name.to_string(), constant(&key.kind)));
    let rest = [("condition", condition()), ("values", values(&[]))];
    constants.chain(rest.map(|(name, schema)| (name.to_string(), schema))).collect()
}

fn of_section(section: Section) -> Json {
    let keys = section.keys().map(|key| (key.name.to_string(), setting(key)));
    json!({ "type": "object", "properties": keys.collect::<Map<_, _>>(), "additionalProperties": false })
}

fn setting(key: &Key) -> Json {
    let one = match key.can_vary() {
        true => vec![reference(key.name), domain(key)],
        false => vec![constant(&key.kind)],
    };
    let list = |most: Option<i64>| {
        let mut list = json!({ "type": "array", "items": { "anyOf": one } });
        if let Some(most) = most {
            list["maxItems"] = most.into();
        }
        list
    };
    let forms = match key.shape {
        Shape::One => one,
        Shape::List => [&one[..], &[list(None)]].concat(),
        Shape::PerLayer { counted_by, .. } => {
            let most = match Key::counter(counted_by).kind {
                ValueKind::Whole(_, most) => Some(most),
                ValueKind::Flag
                | ValueKind::Number(..)
                | ValueKind::Word(_)
                | ValueKind::WordOr(..)
                | ValueKind::WholeOr(..) => None,
                ValueKind::Text | ValueKind::Share => None,
            };
            let growing = key.kind.is_whole().then(|| growing(&one));
            [&one[..], &[list(most)], growing.as_slice()].concat()
        }
    };
    let only = key.only.map(|only| format!(" Only for {only}.")).unwrap_or_default();
    let mut schema = json!({ "description": format!("{}.{only} Default: {}.", key.help, key.default), "anyOf": forms });
    if let Some(default) = default(key) {
        schema["default"] = default;
    }
    schema
}

fn default(key: &Key) -> Option<Json> {
    match key.default {
        Preset::Flag(flag) => Some(flag.into()),
        Preset::Whole(whole) => Some(whole.into()),
        Preset::Number(number) => Some(number.into()),
        Preset::Word(word) => Some(word.into()),
        Preset::Absent(_) | Preset::Doubling(..) | Preset::FileName | Preset::Listed(..) => None,
    }
}

fn constant(kind: &ValueKind) -> Json {
    let whole = |low: i64, high: i64| match high {
        i64::MAX => json!({ "type": "integer", "minimum": low }),
        _ => json!({ "type": "integer", "minimum": low, "maximum": high }),
    };
    match *kind {
        ValueKind::Flag => json!({ "type": "boolean" }),
        ValueKind::Whole(low, high) => whole(low, high),
        ValueKind::Number(low, high) => {
            let mut number = json!({ "type": "number" });
            for (edge, closed, open) in [(low, "minimum", "exclusiveMinimum"), (high, "maximum", "exclusiveMaximum")] {
                match edge {
                    Edge::Closed(bound) => number[closed] = bound.into(),
                    Edge::Open(bound) => number[open] = bound.into(),
                    Edge::None => {}
                }
            }
            number
        }
        ValueKind::Word(_) | ValueKind::WordOr(..) => json!({ "enum": kind.words().collect::<Vec<_>>() }),
        ValueKind::WholeOr(low, high, word) => json!({ "anyOf": [whole(low, high), { "enum": [word] }] }),
        ValueKind::Text => json!({ "type": "string" }),
        ValueKind::Share => json!({ "anyOf": [
            whole(0, i64::MAX),
            { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 },
        ] }),
    }
}

/// `{ uniform = [0.0, 0.5], when = { ... } }`
fn domain(key: &Key) -> Json {
    let mut parts = Map::new();
    for form in key.kind.domains() {
        let mut values = json!({ "type": "array", "items": reference(key.name) });
        match form {
            Range::Uniform | Range::Log | Range::Int => (values["minItems"], values["maxItems"]) = (2.into(), 2.into()),
            Range::Choice => (values["minItems"], values["uniqueItems"]) = (1.into(), true.into()),
        }
        parts.insert(form.to_string(), values);
    }
    let forms: Vec<Json> = parts.keys().map(|form| json!({ "required": [form] })).collect();
    parts.insert("step".into(), json!({ "type": "number", "exclusiveMinimum": 0 }));
    parts.insert("default".into(), reference(key.name));
    parts.insert("when".into(), reference("condition"));
    if matches!(key.shape, Shape::PerLayer { .. }) {
        parts.insert("per_layer".into(), json!({ "type": "boolean" }));
    }
    json!({ "type": "object", "properties": parts, "oneOf": forms, "additionalProperties": false })
}

/// `{ start = { choice = [16, 32] }, factor = 2 }`
fn growing(start: &[Json]) -> Json {
    json!({
        "type": "object",
        "properties": {
            (GROWING[0]): { "anyOf": start },
            (GROWING[1]): { "type": "integer", "minimum": 1, "maximum": 64 },
        },
        "required": GROWING,
        "additionalProperties": false,
    })
}

/// `when = { optimizer = "sgd", layers = [2, 3] }`, a section before a key in quotes or as a table of its own.
fn condition() -> Json {
    let keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    let (sections, keys) = (Section::NAMES.join("|"), keys.join("|"));
    json!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": { "pattern": format!("^(({sections})|(({sections})\\.)?({keys})(\\.\\w+)?)$") },
    })
}

/// Values of parameters by name; sections may be tables. Names in `beside` are something else.
fn values(beside: &[(&str, Json)]) -> Json {
    let mut properties: Map<String, Json> =
        beside.iter().map(|(name, schema)| (name.to_string(), schema.clone())).collect();
    for section in Section::ALL.iter().filter(|section| section.keys().any(Key::can_vary)) {
        properties.insert(section.name().to_string(), reference("values"));
    }
    by_name(properties, |key| {
        let one = reference(key.name);
        match key.shape {
            Shape::One | Shape::List => one,
            Shape::PerLayer { .. } => json!({ "anyOf": [
                one,
                { "type": "array", "items": one },
                {
                    "type": "object",
                    "propertyNames": { "pattern": format!("^(\\d+|{})$", GROWING[0]) },
                    "additionalProperties": one,
                },
            ] }),
        }
    })
}

/// An object with `properties`, and beside them something for each key that may vary, under its name, with its section
/// or without, or the name of a layer's part of it.
fn by_name(properties: Map<String, Json>, of: impl Fn(&Key) -> Json) -> Json {
    let pattern = |key: &Key| {
        let part = if matches!(key.shape, Shape::PerLayer { .. }) { "(\\.(\\d+|start))?" } else { "" };
        format!("^({}\\.)?{}{part}$", key.section, key.name)
    };
    let patterns: Map<String, Json> = Key::varying().map(|key| (pattern(key), of(key))).collect();
    json!({
        "type": "object",
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": false,
    })
}

fn hypothesis() -> Json {
    let description = "As optimizer: adam > sgd, learning_rate: 1e-4..1e-3 > others, epochs: increasing, or dropout x batch_norm: interact.";
    json!({
        "type": "object",
        "properties": {
            "claim": { "description": description, "type": "string" },
            "question": { "description": "What the claim answers, in words.", "type": "string" },
        },
        "required": ["claim"],
        "additionalProperties": false,
    })
}

fn experiment() -> Json {
    let name = json!({ "type": "string", "pattern": "^[^/\\\\]+$" });
    let mut run = values(&[("name", name.clone())]);
    run["required"] = json!(["name"]);
    let several = |key: &Key| {
        let one = reference(key.name);
        let item = match key.shape {
            Shape::One | Shape::List => one,
            Shape::PerLayer { .. } => json!({ "anyOf": [one, { "type": "array", "items": one }] }),
        };
        json!({ "anyOf": [{ "type": "array", "minItems": 1, "items": item }, { "type": "object" }] })
    };
    let sections = Section::ALL.iter().filter(|section| section.keys().any(Key::can_vary));
    let sections = sections.map(|section| (section.name().to_string(), json!({ "type": "object" }))).collect();
    json!({
        "type": "object",
        "properties": {
            "name": name,
            "vary": by_name(sections, several),
            "runs": { "type": "array", "minItems": 1, "items": run },
        },
        "required": ["name"],
        "oneOf": [{ "required": ["vary"] }, { "required": ["runs"] }],
        "additionalProperties": false,
    })
}
