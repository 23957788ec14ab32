//! Domains as Optuna's `distribution_json`.

use crate::json;
use serde_json::{Map, Value as Json};
use tunefork_space::{Domain, DomainError, Value};

/// The domain as Optuna writes it, key order included.
pub(crate) fn write(domain: &Domain) -> String {
    match domain {
        Domain::Float { low, high, log, step, .. } => format!(
            r#"{{"name": "FloatDistribution", "attributes": {{"step": {}, "low": {}, "high": {}, "log": {log}}}}}"#,
            step.map_or_else(|| "null".to_owned(), json::float),
            json::float(*low),
            json::float(*high),
        ),
        Domain::Int { low, high, log, step, .. } => format!(
            r#"{{"name": "IntDistribution", "attributes": {{"log": {log}, "step": {step}, "low": {low}, "high": {high}}}}}"#
        ),
        Domain::Categorical { choices, .. } => {
            let choices: Vec<String> = choices.iter().map(json::value).collect();
            format!(r#"{{"name": "CategoricalDistribution", "attributes": {{"choices": [{}]}}}}"#, choices.join(", "))
        }
    }
}

/// Reads what [`write`] or any version of Optuna wrote: today's names, those of before 3.0, and the
/// short form with `type`. The error says in words what is wrong.
pub(crate) fn read(source: &str) -> Result<Domain, String> {
    let json = json::parse(source).map_err(|error| format!("not JSON ({error}): {source}"))?;
    let attributes = Attributes {
        source,
        map: json.get("attributes").unwrap_or(&json).as_object().ok_or_else(|| format!("no attributes: {source}"))?,
    };
    let name = json.get("name").or(json.get("type"));
    match name.and_then(Json::as_str) {
        Some("FloatDistribution" | "float") => attributes.float(attributes.flag("log"), attributes.number("step")),
        Some("UniformDistribution") => attributes.float(false, None),
        Some("LogUniformDistribution") => attributes.float(true, None),
        Some("DiscreteUniformDistribution") => attributes.float(false, attributes.number("q")),
        Some("IntDistribution" | "int") => attributes.int(attributes.flag("log")),
        Some("IntUniformDistribution") => attributes.int(false),
        Some("IntLogUniformDistribution") => attributes.int(true),
        Some("CategoricalDistribution" | "categorical") => attributes.categorical(),
        _ => Err(format!("unknown kind of distribution: {source}")),
    }
}

struct Attributes<'a> {
    source: &'a str,
    map: &'a Map<String, Json>,
}

impl Attributes<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        json::to_float(self.map.get(name)?)
    }

    fn flag(&self, name: &str) -> bool {
        self.map.get(name).and_then(Json::as_bool).unwrap_or(false)
    }

    fn bound(&self, name: &str) -> Result<f64, String> {
        self.number(name).ok_or_else(|| format!("no {name}: {}", self.source))
    }

    fn checked(&self, domain: Result<Domain, DomainError>) -> Result<Domain, String> {
        domain.map_err(|error| format!("{error}: {}", self.source))
    }

    fn float(&self, log: bool, step: Option<f64>) -> Result<Domain, String> {
        let (low, high) = (self.bound("low")?, self.bound("high")?);
        self.checked(match (log, step) {
            (true, _) => Domain::log(low, high),
            (false, None) => Domain::uniform(low, high),
            (false, Some(step)) => Domain::uniform(low, high).and_then(|d| d.with_step(step)),
        })
    }

    fn int(&self, log: bool) -> Result<Domain, String> {
        let (low, high) = (self.bound("low")? as i64, self.bound("high")? as i64);
        let step = self.number("step").unwrap_or(1.0);
        self.checked(match log {
            true => Domain::int_log(low, high),
            false => Domain::int(low, high).and_then(|d| d.with_step(step)),
        })
    }

    fn categorical(&self) -> Result<Domain, String> {
        let choices: Option<Vec<Value>> = self
            .map
            .get("choices")
            .and_then(Json::as_array)
            .and_then(|choices| choices.iter().map(json::to_value).collect());
        let choices = choices.ok_or_else(|| format!("no list of choices: {}", self.source))?;
        self.checked(Domain::choice(choices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left: rows that Optuna 5.0.0 wrote.
    #[test]
    fn domains_are_written_as_optuna_does() -> Result<(), Box<dyn std::error::Error>> {
        let choices = vec![
            Value::Null,
            true.into(),
            2.into(),
            3.5.into(),
            "a".into(),
            "é\"\\\n\u{1}😀".into(),
            1e-5.into(),
            1e16.into(),
            f64::INFINITY.into(),
        ];
        for (optuna, domain) in [
            (
                r#"{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}"#,
                Domain::uniform(0.0, 1.0)?,
            ),
            (
                r#"{"name": "FloatDistribution", "attributes": {"step": 0.3, "low": 0.0, "high": 0.9, "log": false}}"#,
                Domain::uniform(0.0, 1.0)?.with_step(0.3)?,
            ),
            (
                r#"{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}"#,
                Domain::log(1e-5, 0.1)?,
            ),
            (
                r#"{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 10}}"#,
                Domain::int(1, 10)?,
            ),
            (
                r#"{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 10}}"#,
                Domain::int_log(1, 10)?,
            ),
            (
                r#"{"name": "CategoricalDistribution", "attributes": {"choices": [null, true, 2, 3.5, "a", "\u00e9\"\\\n\u0001\ud83d\ude00", 1e-05, 1e+16, Infinity]}}"#,
                Domain::choice(choices)?,
            ),
        ] {
            assert_eq!(write(&domain), optuna);
            assert_eq!(read(optuna)?, domain);
        }
        Ok(())
    }

    #[test]
    fn older_and_short_forms_are_read() -> Result<(), Box<dyn std::error::Error>> {
        for (old, domain) in [
            (r#"{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}"#, Domain::uniform(0.0, 1.0)?),
            (r#"{"name": "LogUniformDistribution", "attributes": {"low": 0.1, "high": 1.0}}"#, Domain::log(0.1, 1.0)?),
            (
                r#"{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}"#,
                Domain::uniform(0.0, 1.0)?.with_step(0.25)?,
            ),
            (
                r#"{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 2}}"#,
                Domain::int(1, 9)?.with_step(2.0)?,
            ),
            (
                r#"{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}"#,
                Domain::int_log(1, 9)?,
            ),
            (r#"{"type": "float", "low": 0.5, "high": 1.0, "log": true}"#, Domain::log(0.5, 1.0)?),
            (r#"{"type": "int", "low": 1, "high": 4}"#, Domain::int(1, 4)?),
            (r#"{"type": "categorical", "choices": [1, "b"]}"#, Domain::choice(vec![Value::Int(1), Value::from("b")])?),
        ] {
            assert_eq!(read(old)?, domain);
        }
        Ok(())
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (source, words) in [
            ("{", "not JSON"),
            (r#"{"name": "Other", "attributes": {}}"#, "unknown kind"),
            (r#"{"type": "float", "low": 1.0}"#, "no high"),
            (r#"{"type": "int", "low": 4, "high": 1}"#, "above high"),
            (r#"{"type": "categorical", "choices": 3}"#, "no list"),
        ] {
            let error = read(source).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
